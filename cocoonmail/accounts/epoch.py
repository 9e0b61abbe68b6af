"""May this database send? A copy of it, or an older state of it, starts with sending paused (promise S11).

Each commit that lets mail go counts up in the database, and the data folder's file `epoch` follows before the mail
leaves. So a database that was restored is behind the file. A copied data folder is known by the file's inode, a copied
PostgreSQL database by its name in its cluster. What is noticed is written into the database: it pauses all workers.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from django.conf import settings
from django.db import ProgrammingError, connection, transaction

from cocoonmail.accounts.models import Installation, Workspace
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.epochfile import EpochFile, Known, Mark

log = logging.getLogger(__name__)

ROW = 1
OPEN = "id = 1 AND paused_at IS NULL AND moved_to = ''"
NEXT_MARK = {
    "sqlite": f"UPDATE accounts_installation SET marks = marks + 1 WHERE {OPEN} RETURNING generation, marks",  # noqa: S608
    "postgresql": f"SELECT generation, nextval('accounts_marks') FROM accounts_installation WHERE {OPEN}",  # noqa: S608
}

OLDER = "the database is older than the mail that went out from here: it was restored"
COPIED_FOLDER = "the data folder was copied, or moved to another disk or machine"
NO_FILE = "the data folder's file “epoch” is missing or cannot be read, so nobody knows how new the database is"
OTHER = "the data folder belongs to another database than this one"
COPIED_DATABASE = "the database was copied or restored: PostgreSQL knows it under another identity than before"


class Gone(RuntimeError):
    """This installation was moved."""


@dataclass
class _Memory:
    """What this process has seen."""

    looked: bool = False
    last: Mark | None = None


_memory = _Memory()


def may_send() -> bool:
    """Whether mail may leave. The first question in a process looks whether the database is the one that it was."""
    if not _memory.looked:
        look()
        _memory.looked = True
    return Installation.objects.filter(pk=ROW, paused_at=None, moved_to="").exists()


def look() -> None:
    """Pause sending where the database is a copy or an older state; then note that it is at home here."""
    file = EpochFile(settings.DATA)
    with transaction.atomic():
        known, readable = _read(file)
        row, new = installation()
        mark = Mark(row.generation, _marks(row))
        trouble = _without_row(known) if new else _trouble(row, mark, known, readable, file)
        if trouble:
            # A new generation: the state that was restored once is noticed again when it is restored again.
            mark = Mark(max(mark.generation, known.mark.generation if known else 0) + 1, mark.number)
            pause(row, trouble)
        row.generation, row.home = mark.generation, home()
        row.save(update_fields=["generation", "home"])
    try:
        file.write(row.uuid, mark)
    except OSError as error:
        log.warning("%s cannot be written, so a restored database may not be noticed here: %s", file.path, error)


def installation() -> tuple[Installation, bool]:
    """The row, locked until the transaction ends, and whether it was made just now."""
    rows = (
        Installation.objects.select_for_update() if connection.features.has_select_for_update else Installation.objects
    )
    row = rows.filter(pk=ROW).first()
    if row is not None:
        return row, False
    Installation.objects.bulk_create([Installation(pk=ROW, uuid=uuid4().hex)], ignore_conflicts=True)
    return rows.get(pk=ROW), True


def pause(row: Installation, reason: str) -> None:
    """No mail leaves from the commit on, until a person says so."""
    log.warning(
        "Sending is paused: %s. Home shows what would be sent; bin/cocoonmail resume-sending starts it.", reason
    )
    row.paused_at, row.pause_reason = row.paused_at or database_now(), reason
    row.save(update_fields=["paused_at", "pause_reason"])


def resume() -> bool:
    """A person says that mail may leave. Returns whether it was paused. Raises Gone for what was moved away."""
    with transaction.atomic():
        row, _ = installation()
        if row.moved_to:
            raise Gone(f"This installation was moved to {row.moved_to}, which sends its mail now.")
        was_paused = row.paused_at is not None
        row.paused_at, row.pause_reason = None, ""
        row.save(update_fields=["paused_at", "pause_reason"])
    return was_paused


def paused() -> Installation | None:
    """The row while mail may not leave, with the reason and since when; else None."""
    return Installation.objects.filter(pk=ROW).exclude(paused_at=None, moved_to="").first()


def why_paused() -> str:
    """Why mail may not leave, as the end of a sentence; "" while it may."""
    row = paused()
    if row is None:
        return ""
    return f"this installation was moved to {row.moved_to}" if row.moved_to else row.pause_reason


def next_mark() -> Mark | None:
    """Count a commit that lets mail go, inside its transaction; None when none may.

    A database that was exchanged under a running worker counts from lower down: that pauses sending.
    """
    row = _counted()
    if row is None and not Installation.objects.filter(pk=ROW).exists():
        installation()
        row = _counted()
    if row is not None and _memory.last is not None and row <= _memory.last:
        pause(installation()[0], OLDER)
        return None
    return row


def note(mark: Mark) -> None:
    """The transaction of this mark is committed: the data folder knows before the mail leaves."""
    _memory.last = mark
    with suppress(OSError):
        EpochFile(settings.DATA).raise_to(mark)


def _counted() -> Mark | None:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_MARK[connection.vendor])
        found = cursor.fetchall()
    return Mark(*found[0]) if found else None


def _read(file: EpochFile) -> tuple[Known | None, bool]:
    """What the file says, and whether that made sense."""
    try:
        return file.read(), True
    except ValueError:
        return None, False


def _without_row(known: Known | None) -> str:
    """Before this row existed nothing was counted: what sent mail from here since is newer than the database."""
    return OLDER if known and known.mark.number and Workspace.objects.exists() else ""


def _trouble(row: Installation, mark: Mark, known: Known | None, readable: bool, file: EpochFile) -> str:
    """Why this is not the database that sent from here, "" when it is."""
    if row.home and row.home != home():
        return COPIED_DATABASE
    if known is None:
        # On PostgreSQL a machine may be new, or its data folder made anew at each start; the database says the rest.
        return NO_FILE if not readable or (mark.number and connection.vendor == "sqlite") else ""
    if known.installation != row.uuid:
        return OTHER
    if known.mark > mark:
        return OLDER
    return COPIED_FOLDER if known.place != file.here() else ""


def _marks(row: Installation) -> int:
    if connection.vendor == "sqlite":
        return row.marks
    with connection.cursor() as cursor:
        cursor.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM accounts_marks")
        return int(cursor.fetchone()[0])


def home() -> str:
    """Which PostgreSQL database this is, in which cluster; "" on SQLite, and where PostgreSQL does not tell."""
    if connection.vendor == "sqlite":
        return ""
    with suppress(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT system_identifier || '/' || oid FROM pg_control_system(), pg_database"
            " WHERE datname = current_database()"
        )
        return str(cursor.fetchone()[0])
    return ""
