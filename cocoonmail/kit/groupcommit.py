"""Group commit: gather what arrives in the same moment, write it in one transaction, then answer each."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Generic, TypeAlias, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")

# Who waits for an item: called once, on the loop, with the result, or with the error and no result. Must not raise.
Tell: TypeAlias = Callable[[Result | None, BaseException | None], None]


class NotAccepted(RuntimeError):
    """The item was not taken and will not be written: the base of Overloaded and Closed."""


class Overloaded(NotAccepted):
    """Too many items already wait to be written; try again in a moment."""


class Overdue(RuntimeError):
    """The item was not written in time. It may still be."""


class Closed(NotAccepted):
    """No more items are taken, because this process is stopping."""


class GroupCommit(Generic[Item, Result]):
    """Gather what arrives in the same moment, write it in one transaction on a thread of its own, then answer each.

    `write` gets 1 to `max_batch` items in the order of their arrival and returns one result for each, once they are
    durable. While it writes, the next batch gathers. `gather` says how many seconds the first item of a batch waits
    for company; without it, it waits only until the event loop has run what was ready, or until `enough` items wait:
    so the writer begins while the loop still takes in the rest, and neither has to wait for all of the other's work.
    After `patience` seconds, or some more, a waiter gets Overdue: one timer looks after all of them, for a timer each
    would cost too much.
    `on_stop` runs last on the writer's thread: the place to close its database connection. One instance belongs to one
    event loop.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], list[Result]],
        *,
        name: str,
        max_batch: int = 500,
        max_waiting: int = 20_000,
        gather: Callable[[], float] | None = None,
        enough: int | None = None,
        patience: float | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        assert 0 < max_batch <= max_waiting  # A full batch must be able to gather.
        self._write = write
        self._name = name
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._gather = gather
        self._enough = enough
        self._patience = patience
        self._watched: deque[tuple[float, _Waiter[Item, Result]]] = deque()
        self._watching = False
        self._on_stop = on_stop
        # Only the loop appends, only the writer takes; a deque needs no lock for that.
        self._waiting: deque[_Waiter[Item, Result]] = deque()
        self._wake_is_due = False
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._closed = False
        self._stopped: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def submit(self, item: Item) -> Result:
        """Return what `write` returned for this item, after it returned.

        Raises Overloaded while `max_waiting` items wait, Closed after aclose(), Overdue after `patience`, and whatever
        `write` raised for the batch. An item that was accepted is written even if its waiter is cancelled meanwhile.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.hand_in(item, partial(_resolve, answer))
        return await answer

    def hand_in(self, item: Item, tell: Tell[Result]) -> None:
        """As submit(), for who has no task that could wait: `tell` gets what submit() would return or raise.

        Raises Overloaded and Closed at once; then `tell` is not called. To be called on the loop.
        """
        loop = self._loop or self._start()
        if self._closed:
            raise Closed(Closed.__doc__)
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(Overloaded.__doc__)
        waiter: _Waiter[Item, Result] = _Waiter(item, tell)
        self._waiting.append(waiter)
        if self._patience is not None:
            self._watched.append((loop.time(), waiter))
            if not self._watching:
                self._watch(loop, self._patience)
        if not self._wake_is_due:
            self._wake_is_due = True
            self._wake_later(loop)
        if len(self._waiting) == self._enough:
            self._wakes.put(None)

    async def aclose(self) -> None:
        """Write and answer what was accepted, then stop the thread. Closing twice is the same as once."""
        self._closed = True
        if self._stopped is not None:
            self._wakes.put(None)
            await asyncio.shield(self._stopped)

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise Closed(Closed.__doc__)
        self._loop = asyncio.get_running_loop()
        self._stopped = self._loop.create_future()
        # A daemon, so that a process whose loop ended without aclose() can exit: nobody waits for an answer then.
        threading.Thread(
            target=self._write_until_closed,
            args=(self._loop,),
            name=self._name,
            daemon=True,
        ).start()
        return self._loop

    def _wake_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._gather is not None:
            loop.call_later(self._gather(), self._wake)
        else:
            loop.call_soon(self._wake)

    def _watch(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        """Let go of the waiters whose time is over, and look again as long as there are others."""
        limit = loop.time() - patience
        while self._watched and (self._watched[0][1].told or self._watched[0][0] <= limit):
            self._watched.popleft()[1].learn(None, Overdue(Overdue.__doc__))
        self._watching = bool(self._watched)
        if self._watching:
            loop.call_later(patience / 8, self._watch, loop, patience)

    def _wake(self) -> None:
        self._wake_is_due = False
        self._wakes.put(None)

    # From here on: the writer's thread.

    def _write_until_closed(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while not (self._closed and not self._waiting):
                self._wakes.get()
                # What arrives while these are written has a wake-up of its own coming.
                for size in _batches(len(self._waiting), self._max_batch):
                    self._write_batch(loop, [self._waiting.popleft() for _ in range(size)])
        finally:
            if self._on_stop is not None:
                self._on_stop()
            _on(loop, self._report_stopped)

    def _write_batch(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiter[Item, Result]]) -> None:
        try:
            results = self._write([waiter.item for waiter in batch])
            if len(results) != len(batch):
                raise ValueError(f"{self._name}: {len(batch)} items were written, but {len(results)} results returned")
        except BaseException as error:
            # Whatever it is, it belongs to those who wait.
            _on(loop, _fail, batch, error)
        else:
            _on(loop, _answer, batch, results)

    def _report_stopped(self) -> None:
        assert self._stopped is not None
        self._stopped.set_result(None)


class _Waiter(Generic[Item, Result]):
    """Somebody who handed an item in, and is told once what became of it."""

    __slots__ = ("item", "tell", "told")

    def __init__(self, item: Item, tell: Tell[Result]) -> None:
        self.item, self.tell, self.told = item, tell, False

    def learn(self, result: Result | None, error: BaseException | None) -> None:
        if not self.told:
            self.told = True
            self.tell(result, error)


def _resolve(answer: asyncio.Future[Result], result: Result | None, error: BaseException | None) -> None:
    if answer.done():  # Its waiter was cancelled.
        return
    if error is None:
        answer.set_result(cast("Result", result))  # Which may be None itself
    else:
        # A future refuses to carry a StopIteration.
        answer.set_exception(RuntimeError(f"write raised {error!r}") if isinstance(error, StopIteration) else error)


def _batches(waiting: int, most: int) -> list[int]:
    full, rest = divmod(waiting, most)
    return [most] * full + [rest] * (rest > 0)


def _on(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        # The loop is closed, and everyone who waited is gone with it.
        return


def _answer(batch: Sequence[_Waiter[Item, Result]], results: Sequence[Result]) -> None:
    for waiter, result in zip(batch, results, strict=True):
        waiter.learn(result, None)


def _fail(batch: Sequence[_Waiter[Item, Result]], error: BaseException) -> None:
    for waiter in batch:
        waiter.learn(None, error)
