"""What a mail server's answers say: the reply's form, its class, and what the server can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cocoonmail.transports.base import printable

LINE_MAX = 2048  # Bytes; the standard's limit is 512 (RFC 5321 §4.5.3.1.5)
LINES_MAX = 100
REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")

# Answers about the session and not about the message in it: closing (RFC 5321 §3.8), or a login or TLS is missing
# (RFC 4954 §6). They say nothing against the message, even those that begin with 5.
CLOSING = 421
CHALLENGE = 334  # Within AUTH (RFC 4954 §4)
SESSION_CODES = frozenset({CLOSING, 530, 534, 535, 538})


class NotSmtp(ValueError):
    """The server's answer is not an SMTP reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer (RFC 5321 §4.2), its lines' texts without the code."""

    code: int
    texts: tuple[str, ...]

    @property
    def words(self) -> str:
        """The answer as the server wrote it, on one line: `550 5.1.1 No such user`."""
        return printable(f"{self.code} {' '.join(self.texts)}")

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 2034, RFC 3463) such as `5.1.1`, or ""."""
        found = ENHANCED.match(self.texts[0])
        return found.group() if found else ""

    @property
    def positive(self) -> bool:
        """Whether the command was done."""
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        """Whether asking again is pointless."""
        return self.code >= 500

    @property
    def about_session(self) -> bool:
        """Whether the answer says something about the session only, and nothing about the message."""
        return self.code in SESSION_CODES


def take_reply(buffer: bytearray) -> Reply | None:
    """Take the first whole reply off the buffer; None while its last line is not there. NotSmtp where it is none."""
    texts: list[str] = []
    code, start = b"", 0
    while (end := buffer.find(b"\n", start)) != -1:
        line = REPLY_LINE.fullmatch(bytes(buffer[start:end]).removesuffix(b"\r"))
        if line is None or (code and line[1] != code) or end - start > LINE_MAX or len(texts) == LINES_MAX:
            raise NotSmtp(printable(buffer[start:end].decode(errors="replace"), 100))
        code, start = line[1], end + 1
        texts.append(printable((line[3] or b"").decode(errors="replace")))
        if line[2] != b"-":
            del buffer[:start]
            return Reply(int(code), tuple(texts))
    if len(buffer) - start > LINE_MAX:
        raise NotSmtp(printable(buffer[start : start + 100].decode(errors="replace"), 100))
    return None


def read_extensions(reply: Reply) -> Mapping[str, str]:
    """What EHLO's answer offers, by upper-case keyword (RFC 5321 §4.1.1.1). Its first line is only a greeting.

    Old servers write `AUTH=LOGIN PLAIN` beside or instead of `AUTH LOGIN PLAIN`; both count.
    """
    offered: dict[str, str] = {}
    for text in reply.texts[1:]:
        keyword, _, parameters = text.partition(" ")
        if keyword.upper().startswith("AUTH="):
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        name = keyword.upper()
        offered[name] = f"{offered[name]} {parameters}" if name in offered else parameters
    return offered
