"""An event loop whose clock can leap, so that ten minutes of waiting take no time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
REAL_SECONDS_MAX = 60  # For one test; a hang is a failure, and no clock that leaps can notice it


class LeapingLoop(asyncio.SelectorEventLoop):
    """The system's clock plus every leap so far, in seconds."""

    leapt = 0.0

    def time(self) -> float:
        """Seconds on this loop's clock."""
        return super().time() + self.leapt


class StandingLoop(LeapingLoop):
    """Its clock stands still between leaps: however long the machine takes, no time has passed. Sleeps never end."""

    def time(self) -> float:
        """Seconds that were leapt over."""
        return self.leapt


def leap(seconds: float) -> None:
    """Let this much time pass at once for the running loop's timers."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    loop.leapt += seconds


def run(main: Coroutine[Any, Any, T], loop: type[LeapingLoop] = LeapingLoop) -> T:
    """Run to the end on a loop whose clock can leap. What hangs is cancelled."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(_bounded(main))


async def _bounded(main: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(main)
    watch = threading.Timer(REAL_SECONDS_MAX, lambda: loop.call_soon_threadsafe(task.cancel, "The test hangs."))
    watch.start()
    try:
        return await task
    finally:
        watch.cancel()
