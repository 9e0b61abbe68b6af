"""From a host and a port to a server that is ready for mail: connect, be greeted, encrypt, log in."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from cocoonmail.transports.address import Security, TransportSettings
from cocoonmail.transports.base import Deferred, printable
from cocoonmail.transports.smtp.conversation import Conversation
from cocoonmail.transports.smtp.login import NotWelcome, log_in
from cocoonmail.transports.smtp.replies import Reply, read_extensions
from cocoonmail.transports.smtp.timeouts import Timeouts
from cocoonmail.transports.smtp.tls import tls_context, tls_trouble
from cocoonmail.transports.smtp.wire import LinkTrouble, Wire

FULL_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class NotOpened(Exception):
    """The server could not be reached or trusted, or did not let us in. No message has been mentioned to it."""

    def __init__(self, outcome: Deferred) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Session:
    """A server that is ready for mail, and what it offers by upper-case keyword."""

    wire: Wire
    extensions: Mapping[str, str]


async def open_session(settings: TransportSettings, timeouts: Timeouts, context: ssl.SSLContext | None) -> Session:
    """Connect and become ready for MAIL FROM. Raises NotOpened. `context` is made from the settings where None."""
    conversation = Conversation()
    wire = Wire(conversation)
    opened = False
    try:
        await _connect(wire, settings, timeouts, context)
        session = Session(wire, await _introduce(wire, settings, timeouts, context))
        opened = True
        return session
    except LinkTrouble as trouble:
        conversation.remark(str(trouble))
        reason = printable(str(trouble))
        raise NotOpened(Deferred(reason, slow_down=True, conversation=str(conversation))) from trouble
    finally:
        if not opened:
            wire.abort()


async def _connect(wire: Wire, settings: TransportSettings, timeouts: Timeouts, context: ssl.SSLContext | None) -> None:
    wire.conversation.remark(f"connecting to {settings.host}, port {settings.port}")
    try:
        async with asyncio.timeout(timeouts.connect):
            await asyncio.get_running_loop().create_connection(
                lambda: wire, settings.host, settings.port, happy_eyeballs_delay=0.25
            )
    except (OSError, UnicodeError) as trouble:
        raise LinkTrouble(_connect_trouble(settings, timeouts, trouble)) from trouble
    if settings.security is Security.TLS:
        await _encrypt(wire, settings, timeouts, context)


def _connect_trouble(settings: TransportSettings, timeouts: Timeouts, trouble: Exception) -> str:
    where = f"{settings.host}, port {settings.port},"
    match trouble:
        case TimeoutError():
            return f"{where} did not answer within {timeouts.connect:g} seconds."
        case ConnectionRefusedError():
            return f"{where} refused the connection: no mail server listens there."
        case socket.gaierror() | UnicodeError():
            return f"No server of the name {settings.host} was found."
        case _:
            return f"{where} could not be reached: {trouble}."


async def _encrypt(wire: Wire, settings: TransportSettings, timeouts: Timeouts, context: ssl.SSLContext | None) -> None:
    try:
        await wire.start_tls(context or tls_context(settings), settings.host, timeouts.tls)
    except ssl.SSLError as trouble:
        raise LinkTrouble(tls_trouble(trouble)) from trouble
    except (OSError, UnicodeError) as trouble:
        raise LinkTrouble("The connection was lost during the TLS handshake.") from trouble
    wire.conversation.remark(f"encrypted with {wire.tls_version}")


async def _introduce(
    wire: Wire, settings: TransportSettings, timeouts: Timeouts, context: ssl.SSLContext | None
) -> Mapping[str, str]:
    banner = await wire.read_reply(timeouts.banner, "our connection")
    if not banner.positive:
        raise NotWelcome(f"The server does not take mail now: {banner.words}")
    extensions = await _greet(wire, timeouts)
    if settings.security is Security.STARTTLS:
        await _start_tls(wire, extensions, timeouts)
        await _encrypt(wire, settings, timeouts, context)
        # What was offered in clear may have been written by anybody (RFC 3207 §4.2).
        extensions = await _greet(wire, timeouts)
    if settings.username:
        await log_in(wire, settings, extensions.get("AUTH"), timeouts.command)
    return extensions


async def _greet(wire: Wire, timeouts: Timeouts) -> Mapping[str, str]:
    name = own_name(wire.own_address)
    reply = await _ask(wire, f"EHLO {name}", timeouts.command)
    if reply.positive:
        return read_extensions(reply)
    if reply.permanent and not reply.about_session:
        # The server is older than RFC 1869; there is nothing that it could offer.
        reply = await _ask(wire, f"HELO {name}", timeouts.command)
        if reply.positive:
            return {}
    raise NotWelcome(f"The server did not accept our greeting: {reply.words}")


async def _start_tls(wire: Wire, extensions: Mapping[str, str], timeouts: Timeouts) -> None:
    if "STARTTLS" not in extensions:
        raise NotWelcome("The server does not offer STARTTLS, and this transport is not to send in clear.")
    reply = await _ask(wire, "STARTTLS", timeouts.command)
    if reply.code != 220:
        raise NotWelcome(f"The server did not begin TLS: {reply.words}")
    if wire.unread:
        # Somebody between may have put it there, to be taken for the encrypted server's words (CVE-2011-0411's kind).
        raise NotWelcome("The server sent more in clear after it agreed to STARTTLS; that may be an attack.")


async def _ask(wire: Wire, command: str, seconds: float) -> Reply:
    wire.conversation.said(command)
    wire.write(command.encode() + b"\r\n")
    return await wire.read_reply(seconds, command.partition(" ")[0])


def own_name(own_address: str) -> str:
    """How we introduce ourselves: this machine's full name, or else its address as a literal (RFC 5321 §4.1.3)."""
    name = socket.gethostname()
    if FULL_NAME.fullmatch(name):
        return name
    return f"[IPv6:{own_address}]" if ":" in own_address else f"[{own_address or '127.0.0.1'}]"
