"""Whether a process can do its work: the database answers, and is of this version."""

from __future__ import annotations

from functools import lru_cache

from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from cocoonmail import counts

ANSWERS_WITHIN = 1.0  # Seconds
UNANSWERED = "The database does not answer."
UNMIGRATED = "The database is not of this version: run bin/cocoonmail migrate."
STOPPING = "This process is stopping."


def look() -> list[str]:
    """Why the database is of no use now; leaves no connection behind, for who comes next may have to find a new one."""
    try:
        return [UNMIGRATED] if unapplied() else []
    except DatabaseError:
        counts.DATABASE_ERRORS.add("ready")
        return [UNANSWERED]
    finally:
        connection.close()


def unapplied() -> list[str]:
    """The migrations of this version that the database has not seen, as app.name."""
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in known() if (app, name) not in applied]


@lru_cache(maxsize=1)
def known() -> tuple[tuple[str, str], ...]:
    """All migrations that this version brings."""
    return tuple(sorted(MigrationLoader(None).disk_migrations))
