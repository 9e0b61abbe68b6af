"""A mail server that does as its script says at each command: what real ones do on their worst days."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.transports.awake import Awake, awake
from tests.transports.clock import leap

TAKEN = "250 2.0.0 Ok: queued as 4711"
LAST_WORDS = b"Yours, Alice"  # With which the messages of these tests end
ANSWERS = {
    "banner": "220 mx.test ESMTP",
    "HELO": "250 mx.test",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "dot": TAKEN,
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}


NEEDED = {"RCPT": ["MAIL"], "DATA": ["MAIL", "RCPT"]}


class HangUp(Exception):
    """This connection's part is over."""


@dataclass(frozen=True)
class Fault:
    """What the server does instead of what it should. `label` is how docs/sending.md calls it."""

    label: str
    act: Callable[[Talk], Awaitable[None]]

    def __repr__(self) -> str:
        return self.label


@dataclass
class Script:
    """At which point of a connection what goes wrong, and what the server offers."""

    faults: Mapping[str, Fault] = field(default_factory=dict)
    extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000")
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    careless: bool = False  # Takes DATA even where it refused the recipient


class ScriptedServer:
    """What it was told, on however many connections."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.port = 0
        self.connections = 0
        self.commands: list[str] = []
        self.taken: list[bytes] = []
        self.fragments: list[bytes] = []  # Of messages whose dot never came
        self.dotted: list[tuple[float, bytes]] = []  # When each dot came, in seconds of the machine's clock
        self.awake: Awake | None = None
        self.not_before: list[float] = []  # For each dot a moment that it came after, where somebody watches the loop
        self.talks: set[asyncio.Task[None]] = set()

    @property
    def dots(self) -> int:
        """How many messages came with their dot, taken or not."""
        return len(self.dotted)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its banner to its end."""
        task = asyncio.current_task()
        assert task is not None
        self.talks.add(task)
        self.connections += 1
        talk = Talk(self, reader, writer)
        try:
            with suppress(HangUp, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk.run()
        finally:
            writer.transport.abort()
            self.talks.discard(task)


class Talk:
    """One connection to the scripted server."""

    def __init__(self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.encrypted = server.script.implicit_tls
        self.ready: set[str] = set()

    async def run(self) -> None:
        """Answer every command until the client is gone."""
        await self.reach("banner")
        while line := await self.reader.readline():
            command = line.decode().rstrip("\r\n")
            self.server.commands.append(command)
            await self._answer(command.split(" ")[0].upper())

    async def reach(self, point: str, otherwise: str = "") -> None:
        """Do what the script says at this point, or answer well."""
        if fault := self.server.script.faults.get(point):
            await fault.act(self)
        else:
            self.say(ANSWERS.get(point, otherwise))

    def say(self, *lines: str) -> None:
        """Answer."""
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def _answer(self, verb: str) -> None:
        if missing := self._missing(verb):
            self.say(f"503 5.5.1 Need {missing} first")
            return
        offered = [f"250-{name}" for name in self._offered()]
        await self.reach(verb, "\r\n".join(["250-mx.test", *offered, "250 ENHANCEDSTATUSCODES"]))
        if verb not in self.server.script.faults:
            self.ready.add(verb)
            await self._go_on_after(verb)

    async def _go_on_after(self, verb: str) -> None:
        if verb == "STARTTLS":
            await self._encrypt()
        elif verb == "DATA":
            await self._take_message()
        elif verb == "QUIT":
            raise HangUp

    def _missing(self, verb: str) -> str:
        needed = () if self.server.script.careless else NEEDED.get(verb, ())
        return next((one for one in needed if one not in self.ready), "")

    def _offered(self) -> list[str]:
        starttls = ["STARTTLS"] if self.server.script.tls and not self.encrypted else []
        return [*self.server.script.extensions, *starttls]

    async def _encrypt(self) -> None:
        assert self.server.script.tls is not None
        if fault := self.server.script.faults.get("handshake"):
            await self.reader.read(1)
            await fault.act(self)
            return
        await self.writer.drain()
        await self.writer.start_tls(self.server.script.tls)
        self.encrypted = True

    async def _take_message(self) -> None:
        self.ready.clear()
        if fault := self.server.script.faults.get("body"):
            await self.reader.readuntil(b"\r\n\r\n")
            await fault.act(self)
        if fault := self.server.script.faults.get("mark"):
            await self.reader.readuntil(LAST_WORDS)
            await fault.act(self)
        message = await self._read_message()
        if self.server.awake:
            self.server.not_before.append(self.server.awake.since())
        self.server.dotted.append((time.time(), message))
        await self.reach("dot")
        if "dot" not in self.server.script.faults:
            self.server.taken.append(message)

    async def _read_message(self) -> bytes:
        try:
            return await self.reader.readuntil(b"\r\n.\r\n")
        except asyncio.IncompleteReadError as cut_off:
            self.server.fragments.append(cut_off.partial)
            raise


@asynccontextmanager
async def scripted(script: Script | None = None) -> AsyncIterator[ScriptedServer]:
    """A scripted server on a loopback port of its own. It does not end while a client is still connected."""
    server = ScriptedServer(script or Script())
    tls = server.script.tls if server.script.implicit_tls else None
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for talk in list(server.talks):
            talk.cancel()
        await asyncio.gather(*server.talks, return_exceptions=True)


@asynccontextmanager
async def watched(script: Script | None = None) -> AsyncIterator[ScriptedServer]:
    """The same, and it knows of each dot between which two moments it came."""
    async with awake() as watch, scripted(script) as server:
        server.awake = watch
        yield server


def say(answer: str) -> Fault:
    """Answer this and go on."""

    async def act(talk: Talk) -> None:
        talk.say(answer)

    return Fault(f"`{answer}`", act)


def say_and_hang_up(answer: str) -> Fault:
    """Answer this, and close once the client did."""

    async def act(talk: Talk) -> None:
        talk.say(answer)
        await talk.reader.read()
        raise HangUp

    return Fault(f"`{answer}`", act)


def say_and_stop_reading(answer: str) -> Fault:
    """Answer this and leave the client with what it still wants to say."""

    async def act(talk: Talk) -> None:
        talk.say(answer)
        await asyncio.Event().wait()

    return Fault(f"`{answer}`", act)


async def _client_hears_us_out() -> None:
    # The client lives on this very loop; it must wait for this answer, not for an earlier one, before time leaps.
    await asyncio.sleep(0.05)
    for _ in range(20):
        await asyncio.sleep(0)


async def _close(talk: Talk) -> None:
    talk.writer.close()
    raise HangUp


async def _reset(talk: Talk) -> None:
    talk.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.writer.transport.abort()
    raise HangUp


async def _stall(talk: Talk) -> None:
    await _client_hears_us_out()
    leap(10_000)
    await talk.reader.read()
    raise HangUp


async def _stop_reading(talk: Talk) -> None:
    # The client sends on until the system's buffers are full, and waits only then: time leaps until it gives up.
    while not talk.writer.transport.is_closing() and not talk.reader.at_eof():
        await asyncio.sleep(0.05)
        leap(100)


async def _answer_after_590_seconds(talk: Talk) -> None:
    leap(590)
    talk.server.taken.append(b"")
    talk.say(TAKEN)


async def _answer_after_601_seconds(talk: Talk) -> None:
    talk.server.taken.append(b"")
    leap(601)
    await talk.reader.read()
    talk.say(TAKEN)


async def _take_and_close(talk: Talk) -> None:
    talk.server.taken.append(b"")
    await _close(talk)


async def _speak_twice(talk: Talk) -> None:
    talk.say(ANSWERS["STARTTLS"], "250 2.0.0 Ok: this was not encrypted")
    await talk.reader.read()
    raise HangUp


async def _speak_no_tls(talk: Talk) -> None:
    talk.say("500 5.5.2 What is this?")
    await talk.reader.read()
    raise HangUp


async def _half_an_answer(talk: Talk) -> None:
    talk.server.taken.append(b"")
    talk.writer.write(b"250-2.0.0 Ok\r\n250 2.0.0 que")
    await talk.writer.drain()
    talk.writer.write_eof()
    await talk.reader.read()
    raise HangUp


CLOSE = Fault("closes the connection", _close)
RESET = Fault("resets the connection", _reset)
STALL = Fault("never answers", _stall)
STOP_READING = Fault("stops reading", _stop_reading)
AFTER_590_SECONDS = Fault(f"`{TAKEN}` after 590 s", _answer_after_590_seconds)
AFTER_601_SECONDS = Fault(f"`{TAKEN}` after 601 s", _answer_after_601_seconds)
TAKE_AND_CLOSE = Fault("takes the message and closes the connection", _take_and_close)
HALF_AN_ANSWER = Fault("takes the message and closes amid its answer", _half_an_answer)
SPEAK_TWICE = Fault("agrees, and says more before TLS begins", _speak_twice)
SPEAK_NO_TLS = Fault("goes on in clear", _speak_no_tls)
