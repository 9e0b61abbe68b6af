"""Logging in (RFC 4954): the mechanisms we speak, best first, and the one conversation that carries them all."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

from cocoonmail.transports.address import Security, TransportSettings
from cocoonmail.transports.smtp.conversation import MASK
from cocoonmail.transports.smtp.replies import Reply
from cocoonmail.transports.smtp.wire import LinkTrouble, Wire

TURNS_MAX = 6  # SCRAM needs three

# A mechanism yields its initial response, or None where the server speaks first; then it is sent each challenge and
# yields the response to it.
Dialogue: TypeAlias = Generator[bytes | None, bytes, None]


class NotWelcome(LinkTrouble):
    """The server, or our own caution, does not let us in."""


def plain(username: str, password: str) -> Dialogue:
    """RFC 4616."""
    yield f"\0{username}\0{password}".encode()


def login(username: str, password: str) -> Dialogue:
    """Never standardised (draft-murchison-sasl-login), and all that some servers offer."""
    yield None
    yield username.encode()
    yield password.encode()


MECHANISMS: Mapping[str, Callable[[str, str], Dialogue]] = {"PLAIN": plain, "LOGIN": login}


async def log_in(wire: Wire, settings: TransportSettings, offered: str | None, seconds: float) -> None:
    """Log in with the best mechanism that the server offers. `offered` is AUTH's parameters in EHLO's answer, or None.

    Raises NotWelcome. No password goes over a link in clear unless the transport was set to "no encryption".
    """
    if not wire.encrypted and settings.security is not Security.NONE:
        raise NotWelcome("The link is not encrypted, so the password was not sent.")
    mechanism = _choose(offered)
    dialogue = MECHANISMS[mechanism](settings.username, settings.password)
    try:
        reply = await _converse(wire, mechanism, dialogue, settings.password, seconds)
        if not reply.positive:
            raise NotWelcome(f"The server refused the login: {wire.conversation.masked(reply.words)}")
    finally:
        wire.conversation.hide()


def _choose(offered: str | None) -> str:
    if offered is None:
        raise NotWelcome("The server offers no login here. Leave the user name empty, or choose another port.")
    names = offered.upper().split()
    for name in MECHANISMS:
        if name in names:
            return name
    raise NotWelcome(f"The server offers no kind of login that we know, only: {', '.join(names) or 'none'}.")


async def _converse(wire: Wire, mechanism: str, dialogue: Dialogue, password: str, seconds: float) -> Reply:
    initial = next(dialogue)
    secrets = [password, _encoded(password.encode()), _encoded(initial or b"")]
    wire.conversation.hide(*secrets)
    wire.conversation.said(f"AUTH {mechanism}{'' if initial is None else ' ' + MASK}")
    wire.write(f"AUTH {mechanism}{'' if initial is None else ' ' + (_encoded(initial) or '=')}\r\n".encode())
    for _ in range(TURNS_MAX):
        reply = await wire.read_reply(seconds, "AUTH")
        if reply.code != 334:
            return reply
        wire.conversation.said(MASK)
        wire.write(_respond(dialogue, reply) + b"\r\n")
    raise NotWelcome("The server asked for the login over and over.")


def _respond(dialogue: Dialogue, reply: Reply) -> bytes:
    try:
        response = dialogue.send(b64decode(reply.texts[0]))
    except (StopIteration, binascii.Error):
        return b"*"  # Cancels the exchange (RFC 4954 §4).
    return _encoded(response or b"").encode()


def _encoded(response: bytes) -> str:
    return b64encode(response).decode()
