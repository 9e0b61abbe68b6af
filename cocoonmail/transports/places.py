"""How many messages are on their way through one transport at once: as many as it may have, fewer after trouble."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from cocoonmail.transports.backoff import Backoff
from cocoonmail.transports.base import Deferred, Handover, Outcome, Paused, Unknown


class Places:
    """A semaphore whose size follows the server's mood. Lives on one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._backoff = Backoff()
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a place. Raises Paused, with the seconds that are left, while nothing is to be tried."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if (until := self._backoff.paused_until(now)) is not None:
                raise Paused(until - now)
            if self._used < self._backoff.open_connections_allowed(now, self._most):
                self._used += 1
                return
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                with suppress(ValueError):
                    self._waiting.remove(turn)
                self._wake(1)
                raise

    def give_back(self) -> None:
        """Let the next one have it."""
        self._used -= 1
        self._wake(1)

    def learn(self, outcome: Outcome | Handover) -> None:
        """What an outcome tells about the server and the link to it."""
        now = asyncio.get_running_loop().time()
        if isinstance(outcome, Unknown) or (isinstance(outcome, Deferred) and outcome.slow_down):
            self._backoff.trouble(now)
        else:
            self._backoff.good(now)
        # Whoever waits learns of a pause, or that there are more places again.
        if self._backoff.paused_until(now) is not None:
            self._wake(len(self._waiting))
        elif self._waiting:
            self._wake(self._backoff.open_connections_allowed(now, self._most) - self._used)

    def _wake(self, number: int) -> None:
        while number > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                number -= 1
