"""Keep SQLite's checkpoints out of the way of a thread that must answer quickly: another thread does them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from cocoonmail.kit.sqlite.base import DatabaseWrapper

log = logging.getLogger(__name__)

EVERY = 0.25  # Seconds between two passive checkpoints: beside a long one, commits wait for the disk
WAIT_MS = 50  # For readers, while writers wait: one that reads for long, as a backup does, is left to the next time
LOG_PAGES_MAX = 32_768  # Pages of 8 KiB: over 256 MB of log writers have to wait for one that starts it anew


def leave_checkpoints_to_others() -> None:
    """From now on no commit of this thread's connection writes the log back to the database's file."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_autocheckpoint=0")


class Checkpoints:
    """A thread that writes SQLite's log back to its file, a little all the time. Nothing on other databases."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen: int | None = None

    def start(self) -> None:
        """Begin."""
        if connection.vendor == "sqlite" and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Come to an end, at most one checkpoint later."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        reader = connections.create_connection(DEFAULT_DB_ALIAS)
        while not self._stop.wait(EVERY):
            try:
                if self.due():
                    checkpoint(reader)
            except OperationalError as error:
                reader.close()  # It may stand in the log still; it is opened again for the next time.
                log.info("A checkpoint is left to the next time: %s", error)
        reader.close()
        connection.close()

    def due(self) -> bool:
        """Whether another connection has committed anything since the last time that this was asked."""
        before = self._seen
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            self._seen = cursor.fetchone()[0]
        return self._seen != before


def checkpoint(reader: BaseDatabaseWrapper) -> None:
    """Write back what can be without stopping a writer; when the log has grown too long, stop them for a moment."""
    with connection.cursor() as cursor:
        with log_kept(reader):
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
            _, pages, _ = cursor.fetchone()
        if pages > LOG_PAGES_MAX:
            with cast(DatabaseWrapper, connection).turn():
                cursor.execute(f"PRAGMA busy_timeout={WAIT_MS}")
                cursor.execute("PRAGMA wal_checkpoint(RESTART)")


@contextmanager
def log_kept(reader: BaseDatabaseWrapper) -> Iterator[None]:
    """While this lasts no writer begins the log anew: `reader`, a connection of its own, stands in it.

    SQLite from 3.7.0 to 3.51.2 can lose a commit that does so in the moment in which a checkpoint begins
    (https://sqlite.org/wal.html#walresetbug). Checkpoints that writers do in their own commits have their turn, in
    which nobody else writes; this one would make them wait if it took the turn for all of its time.
    """
    with cast(DatabaseWrapper, connection).turn():
        with connection.cursor() as cursor:
            # A commit of one page. A reader stands in the log only where not all of that is written back.
            cursor.execute("PRAGMA user_version=1")
        with reader.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT count(*) FROM sqlite_master")
            cursor.fetchall()
    try:
        yield
    finally:
        with reader.cursor() as cursor:
            cursor.execute("ROLLBACK")
