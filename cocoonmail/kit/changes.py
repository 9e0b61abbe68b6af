"""Notice that another process or thread has changed the database, without asking it much."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection

LOOK_EVERY = 0.01  # Seconds between two looks at SQLite's change counter, which costs some microseconds
POLL_EVERY = 0.05  # Seconds between two polls of PostgreSQL
TIMER_EVERY = 0.25  # Seconds after which rows that have become due meanwhile are looked for anyway

assert LOOK_EVERY < POLL_EVERY < TIMER_EVERY


class Changes:
    """Waits for work. Belongs to one thread, for it asks that thread's database connection."""

    def __init__(self) -> None:
        self._seen = self._version()

    def wait(self, stopping: Callable[[], bool]) -> None:
        """Return as soon as something may have become due, or when `stopping` says so."""
        end = time.monotonic() + TIMER_EVERY
        while not stopping() and time.monotonic() < end:
            time.sleep(LOOK_EVERY if connection.vendor == "sqlite" else POLL_EVERY)
            version = self._version()
            if version is None or version != self._seen:
                self._seen = version
                return

    def _version(self) -> int | None:
        """A number that goes up when another connection commits; None where the database has none."""
        if connection.vendor != "sqlite":
            return None
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version: int = cursor.fetchone()[0]
            return version
