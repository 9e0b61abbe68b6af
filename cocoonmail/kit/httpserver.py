"""The web process: uvicorn with guarded connections, one sweep over their deadlines, and a stop that ends cleanly."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, cast

import uvicorn

from cocoonmail.kit.http_guard import GuardedProtocol
from cocoonmail.kit.http_limits import Limits
from cocoonmail.kit.http_whole import Express

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

BACKLOG = 4096
# Files that are not connections: the database, static files, the loop's own.
SPARE_FILES = 200


def serve(
    app: ASGIApplication,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    limits: Limits | None = None,
    trusted_proxies: int = 0,
    express: Express | None = None,
    sock: socket.socket | None = None,
    on_started: Callable[[int], None] | None = None,
    on_stopping: Callable[[], None] | None = None,
) -> None:
    """Serve `app` until SIGTERM or SIGINT, then answer what was begun (at most `limits.stop_seconds`) and return.

    Listens on `sock` where one is given, else on `host` and `port` (0 = any free one). `on_started` is called with the
    port once requests are answered, `on_stopping` when a signal says stop. The application gets lifespan events.
    X-Forwarded-For and -Proto are believed as far as `trusted_proxies` proxies of our own wrote them: 0 = not at all.
    `express` is offered whole requests before `app` is. Raises OSError when the address cannot be had, SystemExit when
    the application does not start.
    """
    listening = sock or listen(host, port)
    server = GuardedServer(
        app,
        listening,
        limits or Limits(),
        trusted_proxies=trusted_proxies,
        express=express,
        on_started=on_started,
    )
    server.on_stopping = on_stopping
    server.run()


def listen(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on `host` (a name or an IPv4 or IPv6 address). Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class GuardedServer(uvicorn.Server):
    """A uvicorn server on one listening socket. `stop()` from another thread is SIGTERM's equal."""

    def __init__(
        self,
        app: ASGIApplication,
        listening: socket.socket,
        limits: Limits,
        *,
        trusted_proxies: int = 0,
        express: Express | None = None,
        on_started: Callable[[int], None] | None = None,
    ) -> None:
        self.limits = limits = replace(limits, connections=connections_possible(limits))
        self._listening = listening
        self._on_started = on_started
        self.on_stopping: Callable[[], None] | None = None
        super().__init__(
            uvicorn.Config(
                app,
                # uvicorn calls this as it would the class.
                http=cast(
                    type[GuardedProtocol],
                    partial(GuardedProtocol, limits=limits, trusted_proxies=trusted_proxies, express=express),
                ),
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=cast(int, limits.stop_seconds),
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        super().run(sockets or [self._listening])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop came."""
        if self.on_stopping is not None:
            self.on_stopping()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """Have `run()`, on its own thread, end as after a SIGTERM."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen and sweep."""
        await super().startup(sockets)
        self._sweep(asyncio.get_running_loop())
        if self._on_started is not None:
            self._on_started(self._listening.getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was begun, then stop the application."""
        await super().shutdown(sockets)
        # uvicorn would raise the signal again, and the process die of it instead of returning to its caller.
        self._captured_signals.clear()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(cast("set[GuardedProtocol]", self.server_state.connections)):
            if now >= connection.deadline:
                connection.overdue(now)
        loop.call_later(self.limits.sweep_seconds, self._sweep, loop)


def connections_possible(limits: Limits) -> int:
    """The connections that this process may open, after asking for as many as `limits` says."""
    wanted = limits.connections + limits.refused_connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < allowed:
        # macOS refuses what it calls unlimited; what it had given is kept then.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
    return max(1, min(limits.connections, soft - limits.refused_connections - SPARE_FILES))
