"""Migrations that are killed: `python -m tests.migrating`, told by lines on its standard input after which passing.

A passing is one SQL statement or one commit, counted from 1; the kill comes before it. Each run is forked from a
process that has imported everything. 0 runs to the end. The answer is how the run ended, and how many it passed.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any


class Passings:
    """Counts, and kills before the last one that may be."""

    def __init__(self, last: int) -> None:
        self.last, self.number = last, 0

    def one(self) -> None:
        """One more."""
        self.number += 1
        if self.number == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, execute: Callable[..., Any], *what: Any) -> Any:
        """Around each statement."""
        self.one()
        return execute(*what)


def run(last: int) -> int:
    """Migrate in a fork; returns how it ended."""
    child = os.fork()
    if not child:
        status = 1
        try:
            os.dup2(2, 1)
            _migrate(Passings(last))
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _migrate(passings: Passings) -> None:
    from django.db import connection
    from django.db.backends.base.base import BaseDatabaseWrapper

    from cocoonmail.vault.migrate import migrate

    inner = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

    def commit(self: Any) -> Any:
        passings.one()
        return inner(self)

    BaseDatabaseWrapper._commit = commit  # type: ignore[attr-defined]
    connection.execute_wrappers.append(passings.statement)
    migrate()


if __name__ == "__main__":
    import django

    django.setup()
    from django.db.migrations.loader import MigrationLoader

    MigrationLoader(None)  # Imports all of them, once.
    print("ready", flush=True)
    for line in sys.stdin:
        print(run(int(line)), flush=True)
