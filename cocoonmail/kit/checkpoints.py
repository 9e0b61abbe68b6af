"""Keep SQLite's checkpoints out of the way of a thread that must answer quickly: another thread does them."""

from __future__ import annotations

import logging
import threading

from django.db import OperationalError, connection

log = logging.getLogger(__name__)

EVERY = 0.25  # Seconds between two passive checkpoints, which stop no writer
LOG_PAGES_MAX = 65_536  # Pages of 4 KiB: over 256 MB of log writers have to wait for one that starts it anew


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
        while not self._stop.wait(EVERY):
            try:
                checkpoint()
            except OperationalError as error:
                log.info("A checkpoint is left to the next time: %s", error)
        connection.close()


def checkpoint() -> None:
    """Write back what can be without stopping a writer; when the log has grown too long, stop them for a moment."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        _, pages, _ = cursor.fetchone()
        if pages > LOG_PAGES_MAX:
            cursor.execute("PRAGMA wal_checkpoint(RESTART)")
