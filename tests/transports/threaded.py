"""A server of an event loop in a thread of its own, for tests whose own thread waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

Server = TypeVar("Server")
START_SECONDS = STOP_SECONDS = 60.0


@contextmanager
def in_a_thread(serving: AbstractAsyncContextManager[Server]) -> Iterator[Server]:
    """What the context manager gives, served until the end of the block."""
    ready, stop = threading.Event(), threading.Event()
    found: list[Server] = []

    async def serve() -> None:
        async with serving as one:
            found.append(one)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(START_SECONDS)
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join(STOP_SECONDS)
