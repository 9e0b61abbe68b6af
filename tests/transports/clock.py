"""An event loop whose clock can leap, so that ten minutes of waiting take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LeapingLoop(asyncio.SelectorEventLoop):
    """The system's clock plus every leap so far, in seconds."""

    leapt = 0.0

    def time(self) -> float:
        """Seconds on this loop's clock."""
        return super().time() + self.leapt


def leap(seconds: float) -> None:
    """Let this much time pass at once for the running loop's timers."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LeapingLoop)
    loop.leapt += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop whose clock can leap."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(main)
