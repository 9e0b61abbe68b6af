"""What will be said to hand one message over, decided before a word of it is spoken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cocoonmail.transports.base import Deferred, Envelope, Refused
from cocoonmail.transports.smtp.body import BadAddress, wire_address, wire_body
from cocoonmail.transports.smtp.replies import CLOSING, Reply


@dataclass(frozen=True, slots=True)
class Step:
    """One command. `name` is it in words of SMTP, `about` in words of mail; `grants` is the answer's first digit."""

    name: str
    about: str
    line: str
    grants: int = 2

    def granted(self, reply: Reply) -> bool:
        """Whether the server lets us go on."""
        return reply.code // 100 == self.grants

    def begins_data(self, reply: Reply) -> bool:
        """Whether the server now takes every byte for a part of the message."""
        return self.grants == 3 and self.granted(reply)


@dataclass(frozen=True, slots=True)
class Transaction:
    """The commands in order, and the message's bytes without the final CRLF . CRLF."""

    steps: tuple[Step, ...]
    body: bytes


def plan(envelope: Envelope, extensions: Mapping[str, str]) -> Transaction | Refused:
    """The transaction for this message with a server of these extensions, or why it can never be."""
    try:
        sender = wire_address(envelope.sender) if envelope.sender else ""
        recipient = wire_address(envelope.recipient)
    except BadAddress as trouble:
        return Refused(str(trouble))
    body = wire_body(envelope.data, envelope.crlf)
    utf8 = envelope.smtputf8 or not (sender.isascii() and recipient.isascii())
    eight_bit = utf8 or not body.isascii()
    if missing := _missing(extensions, utf8=utf8, eight_bit=eight_bit):
        return Refused(missing, lacking=True)
    if too_large := _too_large(extensions, body):
        return Refused(too_large)
    parameters = _parameters(extensions, body, utf8=utf8, eight_bit=eight_bit)
    return Transaction(
        (
            Step("MAIL FROM", "the sender", f"MAIL FROM:<{sender}>{parameters}"),
            Step("RCPT TO", "the recipient", f"RCPT TO:<{recipient}>"),
            Step("DATA", "the message", "DATA", grants=3),
        ),
        body,
    )


def judge(about: str, reply: Reply) -> Deferred | Refused:
    """What a negative answer means for the message. `about` is what it was an answer about, in words of mail."""
    if reply.about_session:
        wish = "ended the session" if reply.code == CLOSING else "wants a login or encryption first"
        return Deferred(f"The server {wish}: {reply.words}", slow_down=True, status=reply.status)
    if reply.permanent:
        return Refused(f"The server refused {about}: {reply.words}", status=reply.status)
    return Deferred(f"The server put off {about}: {reply.words}", status=reply.status)


def _missing(extensions: Mapping[str, str], *, utf8: bool, eight_bit: bool) -> str:
    if utf8 and "SMTPUTF8" not in extensions:
        return "This address or message has letters outside ASCII, and the server does not offer SMTPUTF8 (RFC 6531)."
    if eight_bit and "8BITMIME" not in extensions:
        return "This message has bytes outside ASCII, and the server does not offer 8BITMIME (RFC 6152)."
    return ""


def _too_large(extensions: Mapping[str, str], body: bytes) -> str:
    limit = _size_limit(extensions)
    if limit and _size(body) > limit:
        return f"This message has {_size(body):,} bytes, and the server takes {limit:,} at most."
    return ""


def _size(body: bytes) -> int:
    """The message's bytes with its last CRLF, which `wire_body` left to the final dot."""
    return len(body) + 2


def _size_limit(extensions: Mapping[str, str]) -> int:
    """In bytes, 0 for none or an unknown one (RFC 1870 §4)."""
    words = extensions.get("SIZE", "").split()
    return int(words[0]) if words and words[0].isascii() and words[0].isdigit() and len(words[0]) <= 20 else 0


def _parameters(extensions: Mapping[str, str], body: bytes, *, utf8: bool, eight_bit: bool) -> str:
    size = f" SIZE={_size(body)}" if "SIZE" in extensions else ""
    return f"{size}{' BODY=8BITMIME' if eight_bit else ''}{' SMTPUTF8' if utf8 else ''}"
