"""When an event loop was at its sockets, so that what a busy machine notes late is not taken for having come late."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

TICK = 0.002  # Seconds
# What reached the system before the loop looked is noted one round later, and a tick may come late in its round.
ROUNDS = 3


@dataclass
class Awake:
    """The moments of a loop's last rounds, in seconds of the machine's clock."""

    rounds: deque[float] = field(default_factory=lambda: deque([0.0], ROUNDS))

    def since(self) -> float:
        """What the loop notes now reached this machine after this moment, for else it had been noted before."""
        return self.rounds[0]


@asynccontextmanager
async def awake() -> AsyncIterator[Awake]:
    """Watches the running loop until the end of the block."""
    watched = Awake()

    async def tick() -> None:
        while True:
            watched.rounds.append(time.time())
            await asyncio.sleep(TICK)

    ticking = asyncio.create_task(tick())
    try:
        yield watched
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
