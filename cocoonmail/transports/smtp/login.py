"""Logging in (RFC 4954): the mechanisms we speak, best first, and the one conversation that carries them all."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import TypeAlias

from cocoonmail.transports.address import TransportSettings
from cocoonmail.transports.options import Auth, Security
from cocoonmail.transports.smtp.conversation import MASK
from cocoonmail.transports.smtp.oauth import NoToken, Source, Token, keeper
from cocoonmail.transports.smtp.replies import CHALLENGE, Reply
from cocoonmail.transports.smtp.scram import Distrust, scram_sha_256
from cocoonmail.transports.smtp.wire import LinkTrouble, Wire

TURNS_MAX = 6  # SCRAM needs three
COMMAND_MAX = 512  # Bytes with CRLF (RFC 5321 §4.5.3.1.4); an initial response that does not fit waits for its turn
CANCEL = "*"  # (RFC 4954 §4)

# A mechanism yields its initial response, or None where the server speaks first; then it is sent each challenge, and
# yields the response to it. At the end it is sent None: the server has let us in.
Dialogue: TypeAlias = Generator[bytes | None, bytes | None, None]


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


def xoauth2(username: str, token: str) -> Dialogue:
    """Google's and Microsoft's form. What is wrong comes as a challenge; the refusal follows our empty response."""
    yield f"user={username}\x01auth=Bearer {token}\x01\x01".encode()
    yield b""


AS_IT_IS: Mapping[str, Callable[[str, str], Dialogue]] = {"PLAIN": plain, "LOGIN": login}
MECHANISMS: Mapping[Auth, Mapping[str, Callable[[str, str], Dialogue]]] = {
    Auth.PASSWORD: {"SCRAM-SHA-256": scram_sha_256, **AS_IT_IS},
    Auth.PLAIN: AS_IT_IS,
    Auth.XOAUTH2: {"XOAUTH2": xoauth2},
}


async def log_in(wire: Wire, settings: TransportSettings, offered: str | None, seconds: float) -> None:
    """Log in with the best mechanism that the server offers. `offered` is AUTH's parameters in EHLO's answer, or None.

    Raises NotWelcome. Nothing secret goes over a link in clear unless the transport was set to "no encryption".
    """
    if not wire.encrypted and settings.security is not Security.NONE:
        raise NotWelcome("The link is not encrypted, so the password was not sent.")
    mechanism = _choose(offered, settings.auth)
    secret = await _secret(wire, settings)
    try:
        reply = await _converse(wire, mechanism, settings, secret, seconds)
        if not reply.positive:
            if settings.oauth is not None:
                keeper(Source(settings.oauth, settings.password)).forget()
            raise NotWelcome(f"The server refused the login: {wire.conversation.masked(reply.words)}")
    except Distrust as trouble:
        raise NotWelcome(wire.conversation.masked(str(trouble))) from trouble
    finally:
        wire.conversation.hide()


def _choose(offered: str | None, auth: Auth) -> str:
    if offered is None:
        raise NotWelcome("The server offers no login here. Leave the user name empty, or choose another port.")
    names = offered.upper().split()
    for name in MECHANISMS[auth]:
        if name in names:
            return name
    wanted = "kind of login that we know" if auth is Auth.PASSWORD else " or ".join(MECHANISMS[auth])
    raise NotWelcome(f"The server offers no {wanted}, only: {', '.join(names) or 'none'}.")


async def _secret(wire: Wire, settings: TransportSettings) -> str:
    """What to log in with: the password, or an access token that it is traded for."""
    if settings.oauth is None:
        return settings.password
    wire.conversation.remark(f"with an access token from {settings.oauth.token_url}")
    match await keeper(Source(settings.oauth, settings.password)).answer():
        case Token(text=text):
            return text
        case NoToken(words=words):
            raise NotWelcome(words)


async def _converse(wire: Wire, mechanism: str, settings: TransportSettings, secret: str, seconds: float) -> Reply:
    dialogue = MECHANISMS[settings.auth][mechanism](settings.username, secret)
    initial = next(dialogue)
    hidden = [secret, _encoded(secret.encode()), *_forms(initial, settings.username)]
    wire.conversation.hide(*hidden)
    line = f"AUTH {mechanism}{'' if initial is None else ' ' + (_encoded(initial) or '=')}\r\n".encode()
    held_back = initial if len(line) > COMMAND_MAX else None
    at_once = initial is not None and held_back is None
    wire.conversation.said(f"AUTH {mechanism}{' ' + MASK if at_once else ''}")
    wire.write(f"AUTH {mechanism}\r\n".encode() if held_back is not None else line)
    for _ in range(TURNS_MAX):
        reply = await wire.read_reply(seconds, "AUTH")
        if reply.code != CHALLENGE:
            return _concluded(dialogue, reply)
        response, held_back = held_back or await asyncio.to_thread(_respond, dialogue, reply), None
        hidden += _forms(response, settings.username)
        wire.conversation.hide(*hidden)
        wire.conversation.said(MASK)
        wire.write((CANCEL if response is None else _encoded(response)).encode() + b"\r\n")
    raise NotWelcome("The server asked for the login over and over.")


def _respond(dialogue: Dialogue, reply: Reply) -> bytes | None:
    """The response to a challenge, None where there can be none. Takes a while where the server wants it so (SCRAM)."""
    try:
        return dialogue.send(b64decode(reply.texts[0]))
    except (StopIteration, binascii.Error):
        return None


def _concluded(dialogue: Dialogue, reply: Reply) -> Reply:
    """The last reply, once the mechanism agrees that it may be the last."""
    if reply.positive:
        with suppress(StopIteration):
            dialogue.send(None)
    return reply


def _forms(response: bytes | None, username: str) -> list[str]:
    """What a server could repeat of a response, but for the user name, which is no secret."""
    text = (response or b"").decode()
    return [_encoded(text.encode()), text] if text not in ("", username) else []


def _encoded(response: bytes) -> str:
    return b64encode(response).decode()
