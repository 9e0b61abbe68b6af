"""Places before one server: never more in use than allowed, and nobody who waits for one is forgotten."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from cocoonmail.transports.backoff import GOOD_PER_STEP, PAUSE_FIRST
from cocoonmail.transports.base import Accepted, Deferred, Outcome, Paused, Refused, Unknown
from cocoonmail.transports.places import Places
from tests.transports.clock import StandingLoop, leap, run

pytestmark = pytest.mark.one_database

MOST = 8
GOOD, TROUBLE = Accepted("250 Ok"), Deferred("421 Shutting down", slow_down=True)


async def ready() -> None:
    """Let everybody go on who can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def taken(places: Places, number: int) -> None:
    for _ in range(number):
        await places.take()


def waiting(places: Places, number: int) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(places.take()) for _ in range(number)]


def has(tasks: list[asyncio.Task[None]]) -> int:
    """How many of them have a place."""
    return sum(task.done() and not task.cancelled() and task.exception() is None for task in tasks)


def slowed(places: Places, *, paused: bool) -> None:
    """The first trouble halves; the second pauses."""
    for _ in range(1 + paused):
        places.learn(TROUBLE)


def scene(play: Callable[[Places], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await play(Places(MOST))

    run(scenario(), StandingLoop)


def test_who_comes_too_many_waits_until_a_place_is_given_back() -> None:
    async def play(places: Places) -> None:
        await taken(places, MOST)
        others = waiting(places, 3)
        await ready()
        assert has(others) == 0
        for number in (1, 2, 3):
            places.give_back()
            await ready()
            assert has(others) == number

    scene(play)


def test_who_has_waited_longest_is_next_whatever_is_learnt_and_whoever_comes_meanwhile() -> None:
    async def play(places: Places) -> None:
        await taken(places, MOST)
        others = waiting(places, 6)
        await ready()
        for number in range(1, 7):
            places.give_back()
            late = asyncio.create_task(places.take())  # Before the one whose turn it is has run
            places.learn(GOOD)
            await ready()
            assert [has([other]) for other in others] == [1] * number + [0] * (6 - number)
            late.cancel()
            await ready()

    scene(play)


def test_a_waiter_that_is_cancelled_loses_nobody_elses_place() -> None:
    async def play(places: Places) -> None:
        await taken(places, MOST)
        first, second, third = waiting(places, 3)
        await ready()
        second.cancel()
        await ready()
        assert has([first, third]) == 0
        places.give_back()  # It is the first one's turn, who goes before they can take it.
        first.cancel()
        await ready()
        assert first.cancelled()
        assert has([third]) == 1
        places.give_back()
        await taken(places, 1)

    scene(play)


def test_a_pause_tells_everybody_who_waits_how_long_it_is() -> None:
    async def play(places: Places) -> None:
        await taken(places, MOST)
        others = waiting(places, 20)
        await ready()
        slowed(places, paused=True)
        told = await asyncio.gather(*others, return_exceptions=True)
        assert all(isinstance(one, Paused) for one in told)
        assert {one.seconds for one in told if isinstance(one, Paused)} == {PAUSE_FIRST}
        leap(PAUSE_FIRST / 2)
        with pytest.raises(Paused) as late:
            await places.take()
        assert late.value.seconds == PAUSE_FIRST / 2

    scene(play)


def test_after_a_pause_one_is_tried_at_a_time_and_not_beside_what_is_still_under_way() -> None:
    async def play(places: Places) -> None:
        await taken(places, MOST)
        slowed(places, paused=True)
        leap(PAUSE_FIRST)
        others = waiting(places, 3)
        for _ in range(MOST):
            await ready()
            assert has(others) == 0
            places.give_back()
        await ready()
        assert has(others) == 1

    scene(play)


def test_the_first_trouble_leaves_half_of_the_places_and_takes_none_away_from_who_has_one() -> None:
    async def play(places: Places) -> None:
        await taken(places, MOST)
        slowed(places, paused=False)
        others = waiting(places, MOST)
        for still in range(MOST, 0, -1):
            await ready()
            assert has(others) == max(0, MOST // 2 - still)
            places.give_back()
        await ready()
        assert has(others) == MOST // 2

    scene(play)


def test_ten_good_ones_in_a_row_let_those_in_who_wait_for_the_places_that_are_back() -> None:
    async def play(places: Places) -> None:
        slowed(places, paused=False)
        await taken(places, MOST // 2)
        others = waiting(places, MOST)
        for _ in range(GOOD_PER_STEP - 1):
            places.learn(GOOD)
        await ready()
        assert has(others) == 0
        places.learn(GOOD)
        await ready()
        assert has(others) == MOST // 2

    scene(play)


@pytest.mark.parametrize(
    ("outcome", "slows"),
    [
        (TROUBLE, True),
        (Unknown("no answer came"), True),
        (GOOD, False),
        (Refused("550 No such user"), False),
        (Deferred("451 Come again"), False),
    ],
)
def test_only_trouble_with_the_server_slows(outcome: Outcome, slows: bool) -> None:
    async def play(places: Places) -> None:
        places.learn(outcome)
        places.learn(outcome)
        others = waiting(places, MOST)
        told = await asyncio.gather(*others, return_exceptions=True)
        assert [isinstance(one, Paused) for one in told] == [slows] * MOST

    scene(play)


class Crowd:
    """Visitors who come, stay for a while, go, are cancelled and meet trouble, counted at the door."""

    def __init__(self, places: Places, dice: random.Random) -> None:
        self.places, self.dice, self.inside, self.most = places, dice, 0, 0

    async def visit(self) -> str:
        try:
            await self.places.take()
        except Paused:
            return "paused"
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            for _ in range(self.dice.randrange(6)):
                await asyncio.sleep(0)
            self.places.learn(GOOD if self.dice.random() < 0.97 else TROUBLE)
        finally:
            self.inside -= 1
            self.places.give_back()
        return "sent"


@pytest.mark.parametrize("seed", range(20))
def test_in_any_order_no_place_is_taken_beyond_the_limit_and_none_is_lost(seed: int) -> None:
    async def play(places: Places) -> None:
        dice = random.Random(seed)
        crowd, came = Crowd(places, dice), list[asyncio.Task[str]]()
        for _ in range(600):
            came.append(asyncio.create_task(crowd.visit()))
            if dice.random() < 0.2:
                dice.choice(came).cancel()
            if dice.random() < 0.1:
                await ready()
            if dice.random() < 0.02:
                leap(400)
        ends = await asyncio.gather(*came, return_exceptions=True)
        assert "sent" in ends
        assert (crowd.inside, crowd.most) == (0, MOST)
        leap(400)
        await taken(places, 1)

    scene(play)
