"""The link to a mail server: bytes out, replies in, every wait with a limit. It knows no command of SMTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from cocoonmail.transports.smtp.conversation import Conversation
from cocoonmail.transports.smtp.replies import NotSmtp, Reply, take_reply

UNREAD_MAX = 256 * 1024  # Bytes; 100 lines of 2,048 fit
BLOCK = 64 * 1024  # Bytes of a message that one `block` time-out is for


class LinkTrouble(Exception):
    """The link to the server failed. The message is a sentence for a person."""


class Lost(LinkTrouble):
    """The connection was lost."""


class Wire(asyncio.Protocol):
    """One TCP connection, in clear or encrypted. Bytes leave through `write` only."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.lost = False
        self._opened: asyncio.Transport | None = None
        self._unread = bytearray()
        self._writing_paused = False
        self._news: asyncio.Future[None] | None = None
        self._deadline: float | None = None  # Of the wait that is under way, by the loop's clock
        self._alarm: asyncio.TimerHandle | None = None  # Rings at the deadline, or before it and looks again

    @property
    def unread(self) -> bool:
        """Whether the server has said something that nobody has read."""
        return bool(self._unread)

    @property
    def encrypted(self) -> bool:
        """Whether TLS protects the link."""
        return self._transport.get_extra_info("ssl_object") is not None

    @property
    def tls_version(self) -> str:
        """TLS's version, such as TLSv1.3, or ""."""
        ssl_object = cast("ssl.SSLObject | None", self._transport.get_extra_info("ssl_object"))
        return (ssl_object.version() or "TLS") if ssl_object else ""

    @property
    def own_address(self) -> str:
        """The address that we connected from, "" where it is not known."""
        name = self._transport.get_extra_info("sockname")
        return str(name[0]) if isinstance(name, tuple) else ""

    def write(self, data: bytes) -> None:
        """Hand bytes to the system. Raises Lost, with none written, where the connection is known to be gone."""
        if self.lost:
            raise Lost("The connection was lost before anything could be said.")
        self._transport.write(data)

    async def write_blocks(self, data: bytes, seconds: float) -> None:
        """Hand over many bytes, none faster than the system takes them; `seconds` are for each block.

        Raises LinkTrouble as soon as the server speaks: it has nothing good to say before it has heard us out.
        """
        for start in range(0, len(data), BLOCK):
            self.write(data[start : start + BLOCK])
            if self._writing_paused:
                await self._wait_for(
                    lambda: self.unread or not self._writing_paused, seconds, "the server took the message"
                )
            if self.unread:
                raise LinkTrouble("The server spoke before it had the whole message.")

    async def read_reply(self, seconds: float, to: str) -> Reply:
        """The next reply. `to` names what it answers, for the words of the trouble that is raised when none comes."""
        reply: Reply | None = None

        def arrived() -> bool:
            nonlocal reply
            reply = self._take_reply(to)
            return reply is not None

        if not arrived():
            await self._wait_for(arrived, seconds, f"the server answered {to}")
        assert reply is not None
        self.conversation.heard(reply.code, reply.texts)
        return reply

    def take_unread(self) -> Reply | None:
        """A whole reply that has arrived and that nobody has read, or None."""
        try:
            reply = take_reply(self._unread)
        except NotSmtp:
            return None
        if reply is not None:
            self.conversation.heard(reply.code, reply.texts)
        return reply

    async def start_tls(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Encrypt from here on. Whatever the server said in clear before is no part of the encrypted conversation."""
        transport = await asyncio.get_running_loop().start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=seconds
        )
        if transport is None:
            raise Lost("The connection was lost during the TLS handshake.")
        self._opened = transport
        self._watch_writing()

    def close(self) -> None:
        """Close in order, what is written being sent first."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once; bytes that the system has not taken are thrown away."""
        self.lost = True
        if self._opened is not None:
            self._opened.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's call when the connection stands."""
        self._opened = cast(asyncio.Transport, transport)
        self._watch_writing()

    def data_received(self, data: bytes) -> None:
        """Asyncio's call for every piece that arrives."""
        self._unread += data
        if len(self._unread) > UNREAD_MAX:
            self.abort()
        self._tell()

    def eof_received(self) -> None:
        """Asyncio's call when the server closed its side. It will not answer any more, so this is the end."""
        self.lost = True
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's call at the end."""
        self.lost = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._tell()

    def pause_writing(self) -> None:
        """Asyncio's call when the system cannot take more bytes."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Asyncio's call when the system has taken them all."""
        self._writing_paused = False
        self._tell()

    @property
    def _transport(self) -> asyncio.Transport:
        assert self._opened is not None  # Nobody speaks before the connection stands.
        return self._opened

    def _watch_writing(self) -> None:
        # With a limit of zero asyncio's TLS transport would pause an empty buffer and never resume.
        self._transport.set_write_buffer_limits(high=1, low=0)

    def _take_reply(self, to: str) -> Reply | None:
        try:
            return take_reply(self._unread)
        except NotSmtp as nonsense:
            self._unread.clear()
            raise LinkTrouble(f'The answer to {to} is not SMTP ("{nonsense}").') from nonsense

    async def _wait_for(self, arrived: Callable[[], bool], seconds: float, what: str) -> None:
        loop = asyncio.get_running_loop()
        self._wait_until(loop, deadline := loop.time() + seconds)
        try:
            while not arrived():
                if self.lost:
                    raise Lost(f"The connection was lost before {what}.")
                if loop.time() >= deadline:
                    raise LinkTrouble(f"{seconds:g} seconds passed before {what}.")
                self._news = loop.create_future()
                await self._news
        finally:
            self._deadline = None

    def _wait_until(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        """Nearly every wait ends in time, so most find an alarm of an earlier one that rings soon enough."""
        self._deadline = deadline
        if self._alarm is not None and self._alarm.when() > deadline:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = loop.call_at(deadline, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        if self._deadline is not None and loop.time() < self._deadline:
            self._wait_until(loop, self._deadline)
        else:
            self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
