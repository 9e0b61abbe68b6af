"""A provider's token server (RFC 6749 §6) on loopback, over HTTP or HTTPS, that answers as it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from cocoonmail.transports.options import OAuth

CLIENT, SECRET, REFRESH = "client-1", "a secret/of the client", "1//refresh+token"
Says: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class TokenServer:
    """Hands out token-1, token-2, … for an hour each, unless `says` does something else."""

    says: Says | None = None
    life: Any = 3600
    rotates: bool = False
    secure: bool = False
    port: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    @property
    def oauth(self) -> OAuth:
        """The settings that lead here."""
        return OAuth(f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}/token", CLIENT, SECRET)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
            self.asked.append(dict(parse_qsl((await reader.readexactly(length)).decode(), strict_parsing=True)))
            self.heads.append(head)
            await (self.says or self._grant)(reader, writer)
            await writer.drain()
        writer.close()

    async def _grant(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.asked)
        said = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": self.life}
        await answer(200, said | ({"refresh_token": f"refresh-{number}"} if self.rotates else {}))(reader, writer)


def answer(status: int, said: Any) -> Says:
    """Answer this JSON, or these very words."""
    return raw(status, said if isinstance(said, str) else json.dumps(said))


def raw(status: int, body: str) -> Says:
    """Answer this body, in chunks, as HTTP/1.1 allows."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Whatever\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        writer.write(f"{len(body.encode()):x}\r\n{body}\r\n0\r\n\r\n".encode() if body else b"0\r\n\r\n")

    return act


@asynccontextmanager
async def token_server(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[TokenServer]:
    """One that runs until the end."""
    server = TokenServer(secure=tls is not None, **options)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await asyncio.sleep(0)
