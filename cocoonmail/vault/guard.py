"""Whether processes may start on this database."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, connection

from cocoonmail.accounts.models import Installation
from cocoonmail.vault.copying import PROGRESS


class MayNotStart(RuntimeError):
    """Nothing starts on this database."""


def may_start() -> None:
    """Raises MayNotStart for a database that is half filled or was moved away. One that is down may come back."""
    try:
        names = connection.introspection.table_names()
        moved = Installation.objects.exclude(moved_to="").first() if Installation._meta.db_table in names else None
    except (OperationalError, InterfaceError):
        return
    finally:
        connection.close()
    if PROGRESS in names:
        raise MayNotStart("This database is half filled: give the same restore or move command again, and it goes on.")
    if moved is not None:
        raise MayNotStart(
            f"This installation was moved to {moved.moved_to}: set DATABASE_URL to that."
            " To stay here instead, stop what works there and say: bin/cocoonmail move SOURCE --undo (docs/backup.md)"
        )
