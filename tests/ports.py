"""Ports for what tests start: outside of those that the system gives away, and apart from the tests that run beside."""

from __future__ import annotations

import os
import socket
from itertools import count

# Below what systems give to whoever binds to port 0 or connects, which other tests do all the time: such a port would
# be taken now and then before the process that it is for listens.
FIRST, PORTS = 10_000, 20_000
APART = 12_361  # Where two processes begin whose ids are neighbours: the golden section leaves hundreds between many
_steps = count(os.getpid() * APART)


def free_port() -> int:
    """A port that nobody listens on, and that is not given again soon."""
    ports = (FIRST + step % PORTS for step in _steps)
    return next(filter(_is_free, ports))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what only waits for the last words of an ended connection keeps nobody from listening.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
