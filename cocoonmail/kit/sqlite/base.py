"""Django's SQLite backend, whose writers take turns: who waits begins as soon as the one before has ended.

SQLite has one writer at a time, and who finds it busy looks again after 1, 2, 5, 10 … 100 ms (its busy handler): much
longer than a transaction of ours takes, and the longer, the longer one has waited already. Here every transaction takes
a lock on a file beside the database first, and looks for it three times in a millisecond.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from django.db.backends.sqlite3 import base

from cocoonmail.kit.private import make_file

LOOK_EVERY = 0.0003  # Seconds
# Seconds until a writer goes on without its turn: then SQLite's own waiting begins, and its own time-out ends it.
PATIENCE = 5.0


WRITES = ("UPDATE", "INSERT", "DELETE", "REPLACE")


class DatabaseWrapper(base.DatabaseWrapper):
    """One connection, and its place among the writers."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._lock_file: int | None = None
        self._has_turn = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """For a writing statement that is a transaction of its own. Within a transaction it changes nothing."""
        had = self._has_turn
        self._take_turn()
        try:
            yield
        finally:
            if not had:
                self._give_turn()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection. A database that it makes is its owner's alone, and so is SQLite's log, which takes its mode."""
        if not self.is_in_memory_db():
            with suppress(OSError):  # SQLite itself says what is wrong.
                make_file(Path(self.settings_dict["NAME"]))
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Cursor:
        """A cursor whose writing statements have their turn."""
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        with ExitStack() as unless_begun:
            unless_begun.callback(self._give_turn)
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
            unless_begun.pop_all()

    def _commit(self) -> Any:
        result = super()._commit()  # type: ignore[misc]
        self._give_turn()  # A commit that failed is followed by a rollback.
        return result

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            file, self._lock_file, self._has_turn = self._lock_file, None, False
            if file is not None:
                os.close(file)

    def _take_turn(self) -> None:
        """Wait until nobody else writes, or for PATIENCE. The system takes the lock back from a process that dies."""
        if self._has_turn or self.is_in_memory_db():
            return
        if self._lock_file is None:
            name = f"{self.settings_dict['NAME']}-turn"
            self._lock_file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = monotonic() + PATIENCE
        while not _locked(self._lock_file):
            if monotonic() > end:
                return
            sleep(LOOK_EVERY)
        self._has_turn = True

    def _give_turn(self) -> None:
        if self._has_turn and self._lock_file is not None:
            self._has_turn = False
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)


class Cursor(base.SQLiteCursorWrapper):
    """Takes a turn for a writing statement that is a transaction of its own, as of QuerySet.update()."""

    wrapper: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        """As the driver does."""
        if self._is_a_transaction(query):
            with self.wrapper.turn():
                return super().execute(query, params)
        return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        """As the driver does, which begins no transaction for all of them."""
        if self._is_a_transaction(query):
            with self.wrapper.turn():
                return super().executemany(query, param_list)
        return super().executemany(query, param_list)

    def _is_a_transaction(self, query: str) -> bool:
        return query.startswith(WRITES) and not self.connection.in_transaction


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
