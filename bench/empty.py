"""The limit of intake: the same server, which reads the same POST and answers 200, without verifying or storing."""

from __future__ import annotations

import sys
from typing import Any

from cocoonmail.kit.httpserver import serve

ANSWER = b'{"received": true}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    serve(application, "127.0.0.1", int(sys.argv[1]))
