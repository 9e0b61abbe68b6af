"""A quick mail server on a thread of its own: it notes what it took and when, and outlives whoever is killed."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from tests.mailbox import START_SECONDS

OFFERED = "250-sink.test\r\n250-PIPELINING\r\n250-SIZE 10000000\r\n250-8BITMIME\r\n250 SMTPUTF8"
REFUSED = "refused@"  # What the address of a recipient begins with who is not known here
DOT = b"\r\n.\r\n"
MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
ADDRESS = re.compile(r"<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Taken:
    """A letter that was taken, just before it is said so: `at` is in seconds of the monotonic clock."""

    id: str
    recipient: str
    at: float


@dataclass
class Sink:
    """Takes every letter but those to REFUSED, oldest first, and thinks for `pause` seconds before it says so.

    `on_letter` is called when it has one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    talks: set[Talk] = field(default_factory=set)
    pause: float = 0.0
    on_letter: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        """The transport that leads here."""
        return f"smtp://{self.host}:{self.port}"

    def ids(self) -> list[str]:
        """The Message-IDs of all letters."""
        return [letter.id for letter in self.taken]

    def take(self, recipient: str, data: bytes) -> str:
        """Note a letter; returns the answer to its dot."""
        found = MESSAGE_ID.search(data)
        assert found, "a letter without Message-ID"
        self.taken.append(Taken(found[1].decode(), recipient, time.monotonic()))
        if self.on_letter is not None:
            self.on_letter()
        return f"250 2.0.0 Ok: queued as {len(self.taken)}"


class Talk(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.unread = bytearray()
        self.recipient = ""
        self.in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.sink.talks.add(self)
        self.say("220 sink.test ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self.sink.talks.discard(self)

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while piece := self.next_piece():
            if self.in_message:
                asyncio.get_running_loop().call_later(self.sink.pause, self.say, self.took(piece))
            else:
                self.say(self.heard(piece.decode()))

    def next_piece(self) -> bytes:
        """A whole message in DATA, else a line; nothing as long as its end has not come."""
        end = DOT if self.in_message else b"\r\n"
        piece, found, rest = bytes(self.unread).partition(end)
        if not found:
            return b""
        self.unread = bytearray(rest)
        return piece + end

    def took(self, message: bytes) -> str:
        self.in_message = False
        recipient, self.recipient = self.recipient, ""
        return self.sink.take(recipient, message)

    def heard(self, line: str) -> str:
        match line[:4].upper():
            case "EHLO":
                return OFFERED
            case "RCPT":
                return self.recipient_named(line)
            case "DATA" if not self.recipient:
                return "554 5.5.1 No valid recipients"
            case "DATA":
                self.in_message = True
                return "354 End data with <CR><LF>.<CR><LF>"
            case "QUIT":
                return "221 2.0.0 Bye"
            case _:
                return "250 2.0.0 Ok"

    def recipient_named(self, line: str) -> str:
        found = ADDRESS.search(line)
        if found is None or found[1].startswith(REFUSED):
            return "550 5.1.1 No such user"
        self.recipient = found[1]
        return "250 2.1.5 Ok"

    def say(self, answer: str) -> None:
        self.transport.write(f"{answer}\r\n".encode())


@contextmanager
def sink(host: str = "127.0.0.1") -> Iterator[Sink]:
    """One that listens at this address of ours until the end of the block."""
    far, started = Sink(host), threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        listener = await loop.create_server(lambda: Talk(far), host, 0, backlog=128)
        far.port = listener.sockets[0].getsockname()[1]
        started.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        listener.close()
        for talk in far.talks:
            talk.transport.abort()

    serving = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,), name="sink")
    thread.start()
    assert started.wait(START_SECONDS)
    try:
        yield far
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(START_SECONDS)
        loop.close()
