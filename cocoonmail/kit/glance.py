"""A slow question that many ask: put at most every few seconds, by one at a time, and waited for with patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Glance(Generic[Seen]):
    """What `look` last returned, looked at anew once that is `keep` seconds old. Belongs to one event loop.

    `look` runs on a thread of its own, so that nothing else of the process can keep it waiting, nor it anything else.
    """

    def __init__(self, look: Callable[[], Seen], *, keep: float, patience: float) -> None:
        self._look, self._keep, self._patience = look, keep, patience
        self._thread = ThreadPoolExecutor(1, "glance")
        self._looking: asyncio.Future[Seen] | None = None
        self._asked_at = 0.0

    async def see(self) -> Seen | None:
        """What it returned; None when it takes longer than `patience` seconds. Raises what `look` raised."""
        loop = asyncio.get_running_loop()
        stale = self._looking is None or (self._looking.done() and loop.time() - self._asked_at >= self._keep)
        if self._looking is None or stale:
            self._asked_at = loop.time()
            self._looking = loop.run_in_executor(self._thread, self._look)
        done, _ = await asyncio.wait([self._looking], timeout=self._patience)
        return self._looking.result() if done else None
