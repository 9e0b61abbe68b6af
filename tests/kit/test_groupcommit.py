"""Group commit: an answer means that it is written, many share one write, and trouble reaches those it concerns."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cocoonmail.kit.groupcommit import Closed, GroupCommit, NotAccepted, Overdue, Overloaded
from tests.transports import clock
from tests.transports.clock import leap

pytestmark = pytest.mark.one_database

PATIENCE = 30.0  # Seconds until a test gives up
HOUR = 3600.0


class Ledger:
    """A place to write to that notes every batch and, while `open` is cleared, takes its time over it."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self.open = threading.Event()
        self.open.set()

    @property
    def written(self) -> list[int]:
        return [item for batch in self.batches for item in batch]

    def write(self, items: list[int]) -> list[str]:
        self.began.set()
        assert self.open.wait(PATIENCE)
        self.batches.append(items)
        return [f"wrote {item}" for item in items]


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    clock.run(test())


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, PATIENCE)


async def occupy(ledger: Ledger, commits: GroupCommit[int, str], item: int = 0) -> asyncio.Task[str]:
    """Have the writer in the middle of writing `item`, until `ledger.open` is set."""
    ledger.began.clear()
    ledger.open.clear()
    first = asyncio.create_task(commits.submit(item))
    await until(ledger.began)
    return first


async def submit_all(commits: GroupCommit[int, str], items: range) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(commits.submit(item)) for item in items]
    await asyncio.sleep(0)  # Each has begun.
    return tasks


def test_each_gets_its_own_result() -> None:
    async def scenario() -> None:
        commits = GroupCommit(Ledger().write, name="test")
        assert await asyncio.gather(*map(commits.submit, range(1000))) == [f"wrote {n}" for n in range(1000)]
        await commits.aclose()

    run(scenario)


def test_nothing_is_answered_before_the_write_returned() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test")
        first = await occupy(ledger, commits)
        rest = await submit_all(commits, range(1, 4))
        assert not any(task.done() for task in [first, *rest])
        ledger.open.set()
        assert await asyncio.gather(first, *rest) == [
            "wrote 0",
            "wrote 1",
            "wrote 2",
            "wrote 3",
        ]
        await commits.aclose()

    run(scenario)


def test_what_arrives_in_one_moment_is_one_write_in_order_of_arrival() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test")
        await asyncio.gather(*map(commits.submit, range(300)))
        await commits.aclose()
        assert ledger.batches == [list(range(300))]

    run(scenario)


def test_what_arrives_during_a_write_is_the_next_write() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test")
        first = await occupy(ledger, commits)
        rest: list[asyncio.Task[str]] = []
        for item in range(1, 50):
            rest += await submit_all(commits, range(item, item + 1))
        ledger.open.set()
        await asyncio.gather(first, *rest)
        await commits.aclose()
        assert ledger.batches == [[0], list(range(1, 50))]

    run(scenario)


def test_a_batch_never_holds_more_than_its_limit() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test", max_batch=100)
        await asyncio.gather(*map(commits.submit, range(250)))
        await commits.aclose()
        assert [len(batch) for batch in ledger.batches] == [100, 100, 50]

    run(scenario)


def test_gathering_waits_for_company_from_later_moments() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test", gather=lambda: HOUR)
        first = await submit_all(commits, range(1))
        assert not await asyncio.to_thread(ledger.began.wait, 0.1)
        rest = await submit_all(commits, range(1, 4))
        leap(HOUR)
        await asyncio.gather(*first, *rest)
        await commits.aclose()
        assert ledger.batches == [[0, 1, 2, 3]]

    run(scenario)


def test_as_many_as_are_enough_are_written_without_waiting_for_company() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test", gather=lambda: HOUR, enough=3)
        few = await submit_all(commits, range(2))
        assert not await asyncio.to_thread(ledger.began.wait, 0.1)
        await asyncio.gather(*few, commits.submit(2))
        await commits.aclose()
        assert ledger.batches == [[0, 1, 2]]

    run(scenario)


def test_what_the_write_raised_reaches_everyone_of_that_batch_and_nobody_else() -> None:
    def write(items: list[int]) -> list[str]:
        if 7 in items:
            raise OSError("No space left on device")
        return ["fine"] * len(items)

    async def scenario() -> None:
        commits = GroupCommit(write, name="test", max_batch=10)
        outcomes = await asyncio.gather(*map(commits.submit, range(20)), return_exceptions=True)
        texts = [str(outcome) for outcome in outcomes]
        assert texts == ["No space left on device"] * 10 + ["fine"] * 10
        assert await commits.submit(21) == "fine"
        await commits.aclose()

    run(scenario)


@pytest.mark.parametrize("error", [StopIteration("odd"), SystemExit("odd"), KeyboardInterrupt("odd")])
def test_even_an_odd_exception_leaves_nobody_waiting(error: BaseException) -> None:
    def write(items: list[int]) -> list[str]:
        raise error

    async def scenario() -> None:
        commits = GroupCommit(write, name="test")
        with pytest.raises(BaseException, match="odd"):
            await commits.submit(1)
        await commits.aclose()

    run(scenario)


def test_a_write_that_loses_count_is_an_error_for_all_of_them() -> None:
    async def scenario() -> None:
        commits: GroupCommit[int, str] = GroupCommit(lambda items: ["only one"], name="the door")
        outcomes = await asyncio.gather(*map(commits.submit, range(3)), return_exceptions=True)
        assert {str(outcome) for outcome in outcomes} == {"the door: 3 items were written, but 1 results returned"}
        await commits.aclose()

    run(scenario)


def test_one_more_than_may_wait_is_refused_at_once_and_the_others_are_kept() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test", max_batch=2, max_waiting=5)
        first = await occupy(ledger, commits)
        waiting = await submit_all(commits, range(1, 6))
        with pytest.raises(Overloaded, match="Too many items"):
            await commits.submit(6)
        ledger.open.set()
        assert len(await asyncio.gather(first, *waiting)) == 6
        assert await commits.submit(7) == "wrote 7"
        await commits.aclose()
        assert ledger.written == [0, 1, 2, 3, 4, 5, 7]

    run(scenario)


def test_a_cancelled_waiter_disturbs_nobody_and_its_item_is_written() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test")
        first = await occupy(ledger, commits)
        rest = await submit_all(commits, range(1, 4))
        first.cancel()
        rest[1].cancel()
        ledger.open.set()
        assert (await rest[0], await rest[2]) == ("wrote 1", "wrote 3")
        assert first.cancelled()
        assert rest[1].cancelled()
        await commits.aclose()
        assert ledger.written == [0, 1, 2, 3]

    run(scenario)


def test_closing_writes_and_answers_what_was_accepted_then_refuses() -> None:
    async def scenario() -> None:
        ledger, ends = Ledger(), threading.Event()
        commits = GroupCommit(ledger.write, name="test", max_batch=3, on_stop=ends.set)
        first = await occupy(ledger, commits)
        waiting = await submit_all(commits, range(1, 10))
        closing = asyncio.create_task(commits.aclose())
        await asyncio.sleep(0)
        with pytest.raises(Closed):
            await commits.submit(11)
        assert not closing.done()
        ledger.open.set()
        await closing
        assert all(task.result() for task in [first, *waiting])
        assert ledger.written == list(range(10))
        assert ends.is_set()

    run(scenario)


def test_closing_does_not_wait_for_the_gathering_window() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test", gather=lambda: HOUR)
        waiting = await submit_all(commits, range(3))
        await commits.aclose()
        assert [task.result() for task in waiting] == ["wrote 0", "wrote 1", "wrote 2"]

    run(scenario)


def test_closing_twice_or_unused_is_fine() -> None:
    async def scenario() -> None:
        unused: GroupCommit[int, str] = GroupCommit(Ledger().write, name="test")
        await unused.aclose()
        with pytest.raises(NotAccepted):
            await unused.submit(1)
        used = GroupCommit(Ledger().write, name="test")
        await used.submit(1)
        await asyncio.gather(used.aclose(), used.aclose())
        await used.aclose()

    run(scenario)


def test_many_clients_in_a_loop_lose_nothing_and_share_writes() -> None:
    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test")

        async def client(number: int) -> None:
            for turn in range(50):
                assert await commits.submit(number * 50 + turn) == f"wrote {number * 50 + turn}"

        await asyncio.gather(*map(client, range(64)))
        await commits.aclose()
        assert sorted(ledger.written) == list(range(3200))
        assert len(ledger.batches) < 3200 / 4

    run(scenario)


def test_who_hands_in_without_waiting_is_told_once_what_became_of_it() -> None:
    told: list[tuple[object, object]] = []

    async def scenario() -> None:
        ledger = Ledger()
        commits = GroupCommit(ledger.write, name="test", max_batch=1, max_waiting=1)
        first = await occupy(ledger, commits)
        commits.hand_in(1, lambda *what: told.append(what))
        with pytest.raises(Overloaded):
            commits.hand_in(2, lambda *what: told.append(what))
        assert told == []
        ledger.open.set()
        await first
        await commits.aclose()
        with pytest.raises(Closed):
            commits.hand_in(3, lambda *what: told.append(what))

    run(scenario)
    assert told == [("wrote 1", None)]


def test_who_hands_in_learns_of_trouble_and_of_lateness() -> None:
    told: list[object] = []
    trouble = OSError("No space left on device")

    def write(items: list[int]) -> list[str]:
        assert may_go_on.wait(PATIENCE)
        raise trouble

    async def scenario() -> None:
        commits = GroupCommit(write, name="test", patience=HOUR)
        commits.hand_in(1, lambda _, error: told.append(error))
        leap(HOUR)
        while not told:
            await asyncio.sleep(0.01)
        may_go_on.set()
        commits.hand_in(2, lambda _, error: told.append(error))
        await commits.aclose()

    may_go_on = threading.Event()
    run(scenario)
    assert isinstance(told[0], Overdue)
    assert told[1:] == [trouble]
