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
        # In the order in which they came. The result is whether the place is theirs: else they are to look again.
        self._waiting: deque[asyncio.Future[bool]] = deque()

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
            turn: asyncio.Future[bool] = loop.create_future()
            self._waiting.append(turn)
            try:
                if await turn:
                    return
            except asyncio.CancelledError:
                if turn.cancelled():
                    with suppress(ValueError):
                        self._waiting.remove(turn)
                elif turn.result():
                    self.give_back()
                raise

    def give_back(self) -> None:
        """Let the next one have it."""
        self._used -= 1
        self._give_out()

    def learn(self, outcome: Outcome | Handover) -> None:
        """What an outcome tells about the server and the link to it."""
        now = asyncio.get_running_loop().time()
        if isinstance(outcome, Unknown) or (isinstance(outcome, Deferred) and outcome.slow_down):
            self._backoff.trouble(now)
        else:
            self._backoff.good(now)
        if self._backoff.paused_until(now) is not None:
            while turn := self._next():
                turn.set_result(False)
        else:
            self._give_out()

    def _give_out(self) -> None:
        """Free places go to those who have waited longest."""
        if self._waiting:
            allowed = self._backoff.open_connections_allowed(asyncio.get_running_loop().time(), self._most)
            while self._used < allowed and (turn := self._next()):
                self._used += 1
                turn.set_result(True)

    def _next(self) -> asyncio.Future[bool] | None:
        """Who has waited longest and still does."""
        while self._waiting:
            if not (turn := self._waiting.popleft()).done():
                return turn
        return None
