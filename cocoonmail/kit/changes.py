"""Notice that another process or thread has changed the database, without asking it much."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from django.conf import settings
from django.db import connection

LOOK_EVERY = 0.01  # Seconds between two looks at SQLite's change counter, which costs some microseconds
LOOK_AT_LEAST_EVERY = 0.05  # Seconds, while changes come that leave nothing to do
POLL_EVERY = 0.05  # Seconds between two polls of PostgreSQL, where we are not told or were told not long ago
TIMER_EVERY = 0.25  # Seconds after which rows that have become due meanwhile are looked for anyway
BUSY_FOR = 1.0  # Seconds after being told in which there may be more that we are not told of
TELL_EVERY = 0.02  # Seconds between two notifications by one process: PostgreSQL commits those one after the other

assert LOOK_EVERY < POLL_EVERY < TIMER_EVERY < BUSY_FOR
assert TELL_EVERY < POLL_EVERY


class Channel(Enum):
    """What PostgreSQL tells workers of, by the name that it goes by there."""

    STAGES = "cocoonmail_stages"  # Deliveries or runs are due
    SENDING = "cocoonmail_sending"  # Messages are due


class Changes:
    """Waits for work that is told of on this channel. Belongs to one thread, for it uses that thread's connection."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._seen = self._version()
        self._listening: Any = None  # The driver's connection on which we listen
        self._told = False
        self._told_at = 0.0

    def wait(self, stopping: Callable[[], bool], in_vain: int = 0) -> None:
        """Return as soon as something may have become due, or when `stopping` says so.

        On SQLite nobody is told what a change was about: who has found nothing after the last `in_vain` of them looks
        a little later, so that a flood of others' changes does not keep this thread busy.
        """
        end = time.monotonic() + TIMER_EVERY
        pause = min(LOOK_EVERY * 2 ** min(in_vain, 10), LOOK_AT_LEAST_EVERY)
        while not stopping() and time.monotonic() < end:
            if connection.vendor != "sqlite":
                return self._until_told()
            time.sleep(pause)
            pause = LOOK_EVERY
            version = self._version()
            if version != self._seen:
                self._seen = version
                return None
        return None

    def _version(self) -> int | None:
        """A number that goes up when another connection commits; None where the database has none."""
        if connection.vendor != "sqlite":
            return None
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version: int = cursor.fetchone()[0]
            return version

    def _until_told(self) -> None:
        """On PostgreSQL: until it tells us, or for the time after which we look anyway."""
        if settings.DATABASE_POOLER:
            time.sleep(POLL_EVERY)
            return
        if not self._listens():
            return  # What came before we listened nobody has told us of.
        busy = time.monotonic() - self._told_at < BUSY_FOR
        if not self._told and select.select([self._listening.fileno()], [], [], POLL_EVERY if busy else TIMER_EVERY)[0]:
            self._hear()
        if self._told:
            self._told, self._told_at = False, time.monotonic()

    def _listens(self) -> bool:
        """Whether we listened already; from here on we do, on whichever connection this thread has now."""
        connection.ensure_connection()
        if self._listening is connection.connection:
            return True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {self._channel.value}")
        self._listening = connection.connection
        # Called for what comes with the answers to other statements.
        self._listening.add_notify_handler(self._note)
        return False

    def _hear(self) -> None:
        """Take in what has come while nothing was asked."""
        with connection.wrap_database_errors:
            self._listening.pgconn.consume_input()
            while self._listening.pgconn.notifies():
                self._told = True

    def _note(self, _: object) -> None:
        self._told = True


_last_told: dict[Channel, float] = {}


def is_to_be_told(channel: Channel) -> bool:
    """Whether whoever waits on a channel is to be told of what is written now; not so soon after the last time.

    Who was told stays awake for a while, and finds by looking what came soon after.
    """
    if connection.vendor != "postgresql" or settings.DATABASE_POOLER:
        return False
    now = time.monotonic()
    if now - _last_told.get(channel, 0.0) < TELL_EVERY:
        return False
    _last_told[channel] = now
    return True


def tell(channel: Channel) -> None:
    """Wake whoever waits on a channel, once this transaction is committed."""
    if is_to_be_told(channel):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_notify('{channel.value}', '')")
