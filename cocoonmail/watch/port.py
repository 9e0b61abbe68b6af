"""The port at which a worker, which has no pages, answers for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cocoonmail.kit.http_limits import Limits
from cocoonmail.kit.httpserver import GuardedServer, listen
from cocoonmail.kit.private import write_text
from cocoonmail.watch.answers import Receive, Scope, Send, Watch, nothing_here
from cocoonmail.watch.neighbour import address_file

CONNECTIONS = 50  # At once: a scraper or two, and whoever looks whether we live
STOP_WITHIN = 2.0  # Seconds that whoever asks just then has to take the answer
LIMITS = Limits(connections=CONNECTIONS, refused_connections=CONNECTIONS)


@contextmanager
def port_of_the_worker(host: str, port: int | None, url_of: Callable[[str, int], str]) -> Iterator[None]:
    """Answer at host and port (0 = any free one, None = nowhere) as long as the block lasts.

    The data folder holds the URL meanwhile, so that the web process of this machine can ask there. Raises OSError when
    the address cannot be had.
    """
    if port is None:
        yield
        return
    file = address_file()
    listening = listen(host, port)
    application: Any = Doorbell()
    server = GuardedServer(application, listening, LIMITS, on_started=lambda at: write_text(file, url_of(host, at)))
    thread = threading.Thread(target=server.run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        server.stop()
        thread.join(STOP_WITHIN)


class Doorbell:
    """The application behind the port: the watch, and nothing else."""

    def __init__(self) -> None:
        self._watch = Watch("worker", local=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's life."""
        if scope["type"] == "lifespan":
            for moment in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{moment}.complete"})
        elif self._watch.answers(scope["path"]):
            await self._watch(scope, receive, send)
        else:
            await nothing_here(send)
