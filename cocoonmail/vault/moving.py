"""Move an installation to another database, for good: what it leaves never sends again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connections

from cocoonmail.kit.presence import alone
from cocoonmail.vault.copying import (
    NEW_INSTALLATION,
    PROGRESS,
    CannotCopy,
    Say,
    begin,
    copy,
    finish,
)
from cocoonmail.vault.migrate import make_ready
from cocoonmail.vault.sides import Side, SqliteSide, open_side

UNDONE = "the move was undone: make sure that the other database does not send"


def move(source_url: str, target_url: str, say: Say) -> int:
    """Copy everything to the target, which is Django's database; returns the number of rows.

    May be killed at any moment: given again, it goes on. Once it has begun nothing starts on the source, nor on the
    target before all is there and compared. Raises CannotCopy, kit.presence.InUse, OSError, psycopg.Error.
    """
    with ExitStack() as stack:
        source = _opened(source_url, stack)
        for folder in {settings.DATA, *_folder(source)}:
            stack.enter_context(alone(folder))
        make_ready()
        connections.close_all()
        target = _opened(target_url, stack)
        return _moved(source, target, say)


def undo(source_url: str) -> bool:
    """Let the source be used again, with sending paused. Returns whether it had been moved, or begun to be."""
    with ExitStack() as stack:
        source = _opened(source_url, stack)
        moved = bool(source.ask("SELECT 1 FROM accounts_installation WHERE moved_to <> ''"))
        source.ask(
            "UPDATE accounts_installation SET moved_to = '', paused_at = CURRENT_TIMESTAMP, pause_reason = ?"
            " WHERE moved_to <> ''",
            UNDONE,
        )
        return moved


def _moved(source: Side, target: Side, say: Say) -> int:
    uuid = _uuid(source)
    if _is_there(target, uuid):
        say(f"{target.name} has everything already.")
        return 0
    for side in (source, target):
        if side.others():
            raise CannotCopy(f"Somebody is connected to {side.name}. Stop Cocoonmail on all machines first.")
    if not begin(source, target, f"move of {uuid}"):
        say("Going on where it was interrupted …")
    source.ask("UPDATE accounts_installation SET moved_to = ?", target.name)
    rows = copy(source, target, say)
    finish(source, target)
    return rows


def _uuid(source: Side) -> str:
    if "accounts_installation" not in source.table_names():
        raise CannotCopy(f"{source.name} is no installation of this version. Bring it up: bin/cocoonmail migrate.")
    if not source.ask("SELECT 1 FROM accounts_installation"):
        source.ask(NEW_INSTALLATION, uuid4().hex)
    return str(source.ask("SELECT uuid FROM accounts_installation")[0][0])


def _is_there(target: Side, uuid: str) -> bool:
    """Whether an earlier move came to its end, and only could not say so."""
    whole = PROGRESS not in target.table_names()
    return whole and target.ask("SELECT uuid FROM accounts_installation") == [(uuid,)]


def _opened(url: str, stack: ExitStack) -> Side:
    """A database that exists, until the end of the stack."""
    if url.startswith("sqlite:") and not Path(url.removeprefix("sqlite:///")).exists():
        raise CannotCopy(f"There is no database at {url}.")
    side = open_side(url)
    stack.callback(side.close)
    return side


def _folder(side: Side) -> list[Path]:
    return [side.path.resolve().parent] if isinstance(side, SqliteSide) else []
