"""Raw sockets and a small application, to see what the web server does with requests that no client would send."""

from __future__ import annotations

import asyncio
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cocoonmail.kit.http_limits import MIB, Limits
from cocoonmail.kit.http_whole import Express
from cocoonmail.kit.httpserver import GuardedServer, listen

PATIENCE = 60.0  # Seconds until a test gives up: more than any limit.


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The code of a refusal, which must be JSON with a message and end the connection."""
        assert self.headers["content-type"] == "application/json"
        assert self.headers["connection"] == "close"
        error = json.loads(self.body)["error"]
        assert error["message"].endswith(".")
        return str(error["code"])


class SmallApp:
    """Answers with what it read; notes what it was asked. Some paths behave badly on purpose."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.events: list[str] = []
        self.go_on = threading.Event()
        self.cut_off = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.scopes.append(scope)
        behave: Callable[..., Any] = getattr(self, "_" + scope["path"].strip("/%*"), self._echo)
        await behave(receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            self.events.append(phase)
            await send({"type": f"lifespan.{phase}.complete"})

    async def _echo(self, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cut_off.set()
                return
            body += message["body"]
            if len(body) > MIB:
                await answer(send, 413, b"too large")
                return
            if not message["more_body"]:
                await answer(send, 200, b"%d:" % len(body) + body[:100])
                return

    async def _deaf(self, receive: Any, send: Any) -> None:
        """Answers without having read anything."""
        await answer(send, 404, b"not here")

    async def _thinks(self, receive: Any, send: Any) -> None:
        """Takes as long as the test wants before it reads."""
        while not self.go_on.is_set():
            await asyncio.sleep(0.01)
        await self._echo(receive, send)

    async def _hasty_words(self, receive: Any, send: Any) -> None:
        """Begins to answer before it has read the request."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await self._echo(receive, send)

    async def _breaks(self, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def _large(self, receive: Any, send: Any) -> None:
        """Sends more than any socket buffers."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * MIB, "more_body": True})
        self.cut_off.set()


async def answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Place:
    """A running server."""

    app: SmallApp
    port: int
    limits: Limits
    server: GuardedServer
    open: list[socket.socket] = field(default_factory=list)

    def connect(self, raw: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.open.append(client)
        client.sendall(raw)
        return client

    def ask(self, raw: bytes) -> list[Response]:
        """Send, and read until the server closes."""
        with self.connect(raw) as client:
            return responses(read_all(client))


@contextmanager
def running(limits: Limits, *, trusted_proxies: int = 0, express: Express | None = None) -> Iterator[Place]:
    app, listening, started = SmallApp(), listen("127.0.0.1", 0), threading.Event()
    server = GuardedServer(
        app,
        listening,
        limits,
        trusted_proxies=trusted_proxies,
        express=express,
        on_started=lambda port: started.set(),
    )
    place = Place(app, listening.getsockname()[1], limits, server)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield place
    finally:
        app.go_on.set()
        for client in place.open:
            client.close()
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def post(
    body: bytes = b"",
    path: str = "/",
    *headers: str,
    length: int | None = None,
    version: str = "1.1",
    close: bool = True,
) -> bytes:
    lines = [
        f"POST {path} HTTP/{version}",
        "Host: mail.acme.test",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
        *["Connection: close"] * close,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*chunks: bytes, path: str = "/") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: mail.acme.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def read_all(client: socket.socket) -> bytes:
    """Everything until the server closes. Fails if it resets the connection or does not close it."""
    parts = []
    while part := client.recv(MIB):
        parts.append(part)
    return b"".join(parts)


def responses(raw: bytes) -> list[Response]:
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", 0))
        found.append(Response(int(first.split()[1]), headers, raw[:size]))
        raw = raw[size:]
    return found


def drip(client: socket.socket, data: bytes, pause: float) -> float:
    """Send byte by byte, `pause` seconds apart, until the server has something to say; the seconds that took."""
    began = time.monotonic()
    for byte in data:
        client.sendall(bytes([byte]))
        if is_readable(client, pause):
            return time.monotonic() - began
    raise AssertionError("The server let all of it through.")


def send_on_and_on(client: socket.socket, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.sendall(b"x" * MIB)


def is_readable(client: socket.socket, seconds: float) -> bool:
    return bool(select.select([client], [], [], seconds)[0])


def pour(client: socket.socket, data: bytes, most: int) -> int:
    """Send `data` over and over until an answer can be read, nothing moves for a second, or `most` bytes are sent."""
    client.setblocking(False)
    sent = 0
    while sent < most:
        readable, writable, _ = select.select([client], [client], [], 1)
        if readable or not writable:
            break
        sent += client.send(data)
    client.settimeout(PATIENCE)
    return sent
