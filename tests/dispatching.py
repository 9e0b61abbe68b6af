"""The worker's sending as it is, on a thread of this process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cocoonmail.dispatch import Dispatch
from cocoonmail.shift import run_stages

PATIENCE = 60.0  # Seconds until a test gives up; where all is well, nothing waits for it


@contextmanager
def dispatching() -> Iterator[None]:
    """Sends whatever is due until the end of the block, and lets arrive then what has a connection."""
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(Dispatch(stop).run()), name="sending")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def working() -> Iterator[None]:
    """A worker's stages and its sending."""
    stop = threading.Event()
    stages = threading.Thread(target=run_stages, args=(stop,), name="stages")
    stages.start()
    try:
        with dispatching():
            yield
    finally:
        stop.set()
        stages.join(PATIENCE)
        assert not stages.is_alive()


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"It never {what}."
        time.sleep(0.005)
