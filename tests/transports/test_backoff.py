"""Trouble with the server slows the transport, and no message pays for it (promise S8)."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

import pytest

from cocoonmail.transports.backoff import GOOD_PER_STEP, PAUSE_FIRST, PAUSE_LAST, Backoff

pytestmark = pytest.mark.one_database

NORMAL = 8


def allowed(backoff: Backoff, now: float) -> int:
    return backoff.open_connections_allowed(now, NORMAL)


def paused(times: int) -> tuple[Backoff, float]:
    """A backoff whose probes have all met trouble, and the end of its last pause."""
    backoff, now = Backoff(), 0.0
    backoff.trouble(now)
    for _ in range(times):
        backoff.trouble(now)
        now = backoff.paused_until(now) or now
    return backoff, now


def test_the_first_trouble_halves_the_connections_and_pauses_nothing() -> None:
    backoff = Backoff()
    assert (allowed(backoff, 0), backoff.paused_until(0)) == (8, None)
    backoff.trouble(0)
    assert (allowed(backoff, 0), backoff.paused_until(0)) == (4, None)


def test_more_trouble_pauses_and_then_lets_one_message_through_at_a_time() -> None:
    backoff = Backoff()
    backoff.trouble(10)
    backoff.trouble(10)
    assert (allowed(backoff, 10.5), backoff.paused_until(10.5)) == (0, 11)
    assert (allowed(backoff, 11), backoff.paused_until(11)) == (1, None)


def test_pauses_double_up_to_five_minutes_and_stay_there() -> None:
    backoff, now, lengths = Backoff(), 0.0, []
    backoff.trouble(now)
    for _ in range(40):
        backoff.trouble(now)
        until = backoff.paused_until(now)
        assert until is not None
        lengths.append(until - now)
        now = until
    assert lengths[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert set(lengths[10:]) == {PAUSE_LAST}


def test_many_connections_that_meet_one_breakdown_are_one_trouble() -> None:
    backoff = Backoff()
    for _ in range(100):
        backoff.trouble(5)
    assert backoff.paused_until(5) == 5 + PAUSE_FIRST


def test_successes_bring_the_connections_back_step_by_step_and_make_the_next_pause_short() -> None:
    backoff, now = paused(6)
    seen = [allowed(backoff, now)]
    for _ in range(5):
        for _ in range(GOOD_PER_STEP):
            backoff.good(now)
        seen.append(allowed(backoff, now))
    assert seen == [1, 1, 2, 4, 8, 8]
    backoff.trouble(now)
    backoff.trouble(now)
    assert backoff.paused_until(now) == now + PAUSE_FIRST


def test_a_few_successes_that_are_followed_by_trouble_do_not_make_the_next_pause_short() -> None:
    backoff, now = paused(3)
    for _ in range(GOOD_PER_STEP - 1):
        backoff.good(now)
    backoff.trouble(now)
    assert backoff.paused_until(now) == now + 8


def test_successes_that_are_not_in_a_row_bring_no_connection_back() -> None:
    backoff = Backoff()
    backoff.trouble(0)
    for _ in range(GOOD_PER_STEP - 1):
        backoff.good(0)
    backoff.trouble(0)
    for _ in range(GOOD_PER_STEP - 1):
        backoff.good(1)
    assert allowed(backoff, 1) == 1


def test_what_was_under_way_when_the_pause_began_neither_ends_nor_lengthens_it() -> None:
    backoff = Backoff()
    backoff.trouble(0)
    backoff.trouble(0)
    for _ in range(10):
        backoff.good(0.5)
        backoff.trouble(0.5)
    assert backoff.paused_until(0.5) == 1
    assert allowed(backoff, 1) == 1


@pytest.mark.parametrize("normal", [1, 2, 3, 100])
def test_one_connection_is_always_allowed_outside_of_a_pause_and_never_more_than_normal(normal: int) -> None:
    backoff = Backoff()
    for step in range(20):
        assert 1 <= backoff.open_connections_allowed(step * 1000, normal) <= normal
        backoff.trouble(step * 1000)


class Timeline:
    """A transport with many messages before a server that keeps to a script; seconds pass as events, not in reality."""

    def __init__(self, works: Callable[[float, int], bool], messages: int) -> None:
        self.works, self.backoff = works, Backoff()
        self.queue, self.ending = deque(range(messages)), list[tuple[float, int, bool]]()
        self.tries, self.sent = list[float](), list[float]()

    def play(self, until: float, takes: float = 0.1) -> None:
        """Each message takes `takes` seconds; what meets trouble goes back to the queue."""
        now = 0.0
        while now < until and (self.queue or self.ending):
            while self.queue and len(self.ending) < allowed(self.backoff, now):
                self.tries.append(now)
                works = self.works(now, len(self.ending) + 1)
                heapq.heappush(self.ending, (now + takes, self.queue.popleft(), works))
            if not self.ending:
                now = self.backoff.paused_until(now) or now
                continue
            now, message, worked = heapq.heappop(self.ending)
            if worked:
                self.sent.append(now)
                self.backoff.good(now)
            else:
                self.queue.append(message)
                self.backoff.trouble(now)


def test_a_server_that_is_down_for_ten_minutes_gets_few_tries_and_then_every_message() -> None:
    line = Timeline(lambda now, at_once: not 10 <= now < 610, messages=5000)
    line.play(until=3600)
    during = [at for at in line.tries if 10 <= at < 610]
    assert len(during) <= 8 + 12  # What was open when it broke down, and the probes
    assert len(line.sent) == 5000
    back = min(at for at in line.sent if at > 610)
    assert back <= 610 + PAUSE_LAST + 0.2
    assert len([at for at in line.sent if back <= at < back + 10]) >= 500  # Of 800 at full speed


def test_a_server_that_takes_three_connections_goes_on_taking_mail() -> None:
    line = Timeline(lambda now, at_once: at_once <= 3, messages=2000)
    line.play(until=600)
    assert len(line.sent) == 2000
    assert len(line.tries) - len(line.sent) < len(line.sent) / 6


def test_a_server_that_never_comes_back_is_asked_every_five_minutes() -> None:
    line = Timeline(lambda now, at_once: False, messages=100)
    line.play(until=86_400)
    assert line.sent == []
    assert len(line.queue) + len(line.ending) == 100
    assert len([at for at in line.tries if at > 3600]) <= (86_400 - 3600) / PAUSE_LAST + 1
