"""One request and its answer on a guarded connection, as uvicorn's cycle with two differences; and when to read on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from cocoonmail.kit import http_refusals as say

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from uvicorn._types import ASGISendEvent


class Cycle(RequestResponseCycle):
    """One request and its answer. An answer that is given before the body was read ends the connection."""

    leave: Callable[[], None]

    def send(self, message: ASGISendEvent) -> Coroutine[Any, Any, None]:
        """Send a part of the answer."""
        # Not a coroutine itself: this runs twice for every request.
        if self.more_body and not self.response_started:
            self.keep_alive = False
            self.transport = cast(asyncio.Transport, _HalfClosing(self.transport, self.leave))
        return super().send(message)

    async def send_500_response(self) -> None:
        """Answer for an application that raised."""
        await say.BROKEN(self.scope, self.receive, self.send)


class _HalfClosing:
    """A transport whose `close` leaves the client time to read the answer."""

    def __init__(self, transport: asyncio.Transport, leave: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = leave


class Flow(FlowControl):
    """Read nothing new while pipelined requests wait: otherwise each answer would let in many more."""

    def __init__(self, transport: asyncio.Transport, pipeline: deque[Any]) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, if nothing waits."""
        if self.read_paused and not self._pipeline:
            super().resume_reading()
