"""Who waits for work on PostgreSQL is woken by the commit that brings it, and looks for what nobody told of."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.conf import LazySettings
from django.db import connection, connections, transaction

from cocoonmail.kit import changes
from cocoonmail.kit.changes import TELL_EVERY, TIMER_EVERY, Changes, Channel, is_to_be_told, tell

LONG = 30.0  # Seconds after which who is not woken looks, where a test must tell the two apart
WOKEN = LONG / 2

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has its own counter of changes"),
]


@pytest.fixture(autouse=True)
def told_nobody() -> None:
    changes._last_told.clear()


@pytest.fixture
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, who returns soon was woken, or had just been told."""
    for name in ("TIMER_EVERY", "BUSY_FOR"):
        monkeypatch.setattr(changes, name, LONG)


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with ThreadPoolExecutor(1) as thread:
        one = Waiting(thread)
        yield one
        thread.submit(connections.close_all).result()


class Waiting:
    """A thread that listens, as a worker's does."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self.thread = thread
        self.changes = thread.submit(Changes, Channel.SENDING).result()
        self.wait()

    def wait(self) -> float:
        """The seconds that a wait took."""
        return self.thread.submit(self._wait).result()

    def wait_meanwhile(self) -> threading.Timer:
        """Tell in the middle of a wait."""
        timer = threading.Timer(TIMER_EVERY / 8, told)
        timer.start()
        return timer

    def _wait(self) -> float:
        begin = time.monotonic()
        self.changes.wait(lambda: False)
        return time.monotonic() - begin


def told(channel: Channel = Channel.SENDING) -> None:
    try:
        with transaction.atomic():
            tell(channel)
    finally:
        if threading.current_thread() is not threading.main_thread():
            connection.close()


@pytest.mark.usefixtures("long_waits")
def test_a_commit_wakes_who_waits_for_what_it_brings(waiting: Waiting) -> None:
    waiting.wait_meanwhile()
    assert waiting.wait() < WOKEN


@pytest.mark.usefixtures("long_waits")
def test_what_was_told_while_nobody_waited_is_not_missed(waiting: Waiting) -> None:
    told()
    assert waiting.wait() < WOKEN


def test_nobody_is_woken_for_others_work_or_for_what_was_rolled_back(waiting: Waiting) -> None:
    told(Channel.STAGES)
    with transaction.atomic():
        tell(Channel.SENDING)
        transaction.set_rollback(True)
    assert waiting.wait() >= TIMER_EVERY * 0.9


@pytest.mark.usefixtures("long_waits")
def test_who_was_told_looks_more_often_for_a_while(waiting: Waiting) -> None:
    told()
    waiting.wait()
    assert waiting.wait() < WOKEN


@pytest.mark.usefixtures("long_waits")
def test_a_listener_whose_connection_broke_listens_on_the_next(waiting: Waiting) -> None:
    waiting.thread.submit(connections.close_all).result()
    waiting.wait()
    waiting.wait_meanwhile()
    assert waiting.wait() < WOKEN


def test_a_process_tells_once_in_a_while_however_much_it_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(changes, "time", SimpleNamespace(monotonic=lambda: now))
    assert [is_to_be_told(Channel.SENDING) for _ in range(3)] == [True, False, False]
    now += TELL_EVERY * 0.9
    assert not is_to_be_told(Channel.SENDING)
    now += TELL_EVERY * 0.2
    assert is_to_be_told(Channel.SENDING)


@pytest.mark.usefixtures("long_waits")
def test_behind_a_pooler_nobody_listens_and_nobody_is_told(waiting: Waiting, settings: LazySettings) -> None:
    settings.DATABASE_POOLER = True
    assert not is_to_be_told(Channel.SENDING)
    assert waiting.wait() < WOKEN
