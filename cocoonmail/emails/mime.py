"""The bytes of a message: headers and a multipart/alternative body, the same bytes for the same values.

Written out by hand because the standard library takes half a millisecond a message; the tests hold it to the
library's reading.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import idna

from cocoonmail.emails.quotedprintable import FOREIGN, quoted_printable, utf8

if TYPE_CHECKING:
    from cocoonmail.emails.render import Rendered

# RFC 2047 section 2: an encoded word is at most 75 characters. "=?utf-8?b?" and "?=" take 12; base64 4 for 3 bytes.
_WORD_BYTES = 45
_BASE64_LINE = 57  # bytes that make 76 characters
_PLAIN_MAX = 60  # characters of a header value that goes out as it is, so that no line needs folding
_ADDRESS_MAX = 320  # RFC 5321 section 4.5.3.1: 64 before the @, 255 after it

_IDENTIFIER_MAX = 900  # characters that stay on one line, of which RFC 5322 section 2.1.1 allows 998
_WRECK_MAX = 100  # characters of what is no address

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL = re.compile(f"{_ATOM}(\\.{_ATOM})*")
_QUOTED_LOCAL = re.compile(r'"([^"\\]|\\.)*"')
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_LITERAL_DOMAIN = re.compile(r"\[[0-9A-Fa-f:.]+\]|\[IPv6:[0-9A-Fa-f:.]+\]")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ \-]*")
_NOT_IN_A_HEADER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
_NOT_IN_AN_ID = re.compile(r"[^!-~]|[<>]")


@dataclass(frozen=True, slots=True)
class Headers:
    """What the message, not its text, decides. `message_id` with or without its < >; `date` aware of its zone.

    With an `unsubscribe_url` (https) the message carries List-Unsubscribe and List-Unsubscribe-Post (RFC 8058).
    """

    message_id: str
    date: datetime
    to_email: str
    unsubscribe_url: str = ""
    feedback_id: str = ""


def build(rendered: Rendered, headers: Headers, html: bytes = b"") -> bytes:
    """The message: CRLF line ends, no line over 998 bytes, headers in ASCII.

    `html` is the HTML in quoted-printable where it is there already. Only an address whose local part is not ASCII
    stays UTF-8 in its header (RFC 6532); `needs_smtputf8` tells which. Never raises for a text value: what cannot stand
    in a header is left out.
    """
    message_id = _identifier(headers.message_id)
    boundary = b"=_" + blake2b(message_id.encode(), digest_size=15).hexdigest().encode()
    parts = [
        *_headers(rendered, headers, message_id),
        b"MIME-Version: 1.0",
        b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"',
        b"",
        b"--" + boundary,
        *_part(b"plain", rendered.text),
        b"--" + boundary,
        *(_encoded_part(b"html", b"quoted-printable", html) if html else _part(b"html", rendered.html)),
        b"--" + boundary + b"--",
        b"",
    ]
    return b"\r\n".join(parts)


@lru_cache(maxsize=1000)
def address(text: str) -> str | None:
    """The address with its domain in lower-case ASCII (IDNA 2008), or None where it is no single address.

    A local part that is not ASCII is kept: whether it can be mailed depends on the server (RFC 6531).
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or len(text) > _ADDRESS_MAX or _NOT_IN_A_HEADER.search(text) or len(local.encode()) > 64:
        return None
    ascii_domain = _ascii_domain(domain)
    if ascii_domain is None or not (_LOCAL.fullmatch(local) or _QUOTED_LOCAL.fullmatch(local)):
        return None
    return f"{local}@{ascii_domain}"


def needs_smtputf8(text: str) -> bool:
    """Whether a server must know SMTPUTF8 to take mail for this address: its local part is not ASCII."""
    return not text.rpartition("@")[0].isascii()


def _ascii_domain(domain: str) -> str | None:
    if _LITERAL_DOMAIN.fullmatch(domain):
        return domain
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    domain = domain.lower()
    return domain if _DOMAIN.fullmatch(domain) else None


def _headers(rendered: Rendered, headers: Headers, message_id: str) -> list[bytes]:
    lines = [
        _from(rendered.from_name, rendered.from_email),
        b"To: " + _mailbox("", headers.to_email),
        b"Subject: " + _unstructured(rendered.subject),
        b"Message-ID: <" + message_id.encode() + b">",
        _date(headers.date.replace(microsecond=0)),
    ]
    if rendered.reply_to:
        lines.append(b"Reply-To: " + _mailbox("", rendered.reply_to))
    lines.append(_AUTOMATIC)
    if headers.unsubscribe_url:
        url = _identifier(headers.unsubscribe_url).encode()
        lines += [
            b"List-Unsubscribe:\r\n <" + url + b">",
            b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ]
    if headers.feedback_id:
        lines.append(b"Feedback-ID: " + _identifier(headers.feedback_id).encode())
    return lines


# RFC 3834 section 5, and Exchange's own way of saying the same: nobody's autoresponder shall answer.
_AUTOMATIC = b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All"


@lru_cache(maxsize=1000)
def _from(name: str, email: str) -> bytes:
    return b"From: " + _mailbox(name, email)


@lru_cache(maxsize=1000)
def _date(second: datetime) -> bytes:
    """RFC 5322 section 3.3; many messages are made in one second."""
    return b"Date: " + format_datetime(second).encode()


def _identifier(text: str) -> str:
    return _NOT_IN_AN_ID.sub("", text)[:_IDENTIFIER_MAX]


def _mailbox(name: str, email: str) -> bytes:
    where = _addr_spec(email)
    name = _in_header(name)
    if not name:
        return where
    if not name.isascii() or "=?" in name or len(name) > _PLAIN_MAX:
        phrase = _encoded_words(name)
    elif _PLAIN_PHRASE.fullmatch(name):
        phrase = name.encode()
    else:
        phrase = b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return phrase + (b" <" if len(phrase) + len(where) < _PLAIN_MAX else b"\r\n <") + where + b">"


def _addr_spec(email: str) -> bytes:
    """The address, or the nearest thing to it that is one address and nothing else."""
    good = address(email)
    if good is not None:
        return good.encode()
    local, _, domain = _in_header(email)[:_WRECK_MAX].rpartition("@")
    quoted = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"@{re.sub(r"[^A-Za-z0-9.-]", "", domain) or "invalid"}'.encode()


def _unstructured(text: str) -> bytes:
    text = _in_header(text)
    if text.isascii() and len(text) <= _PLAIN_MAX and "=?" not in text:
        return text.encode()
    return _encoded_words(text)


def _encoded_words(text: str) -> bytes:
    """RFC 2047: words of whole characters, one a line."""
    words, word = [], b""
    for character in text:
        encoded = character.encode()
        if len(word) + len(encoded) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += encoded
    words.append(word)
    return b"\r\n ".join(b"=?utf-8?b?" + b2a_base64(one, newline=False) + b"?=" for one in words)


def _in_header(text: str) -> str:
    return text if text.isprintable() else _NOT_IN_A_HEADER.sub(" ", text).strip()


def _part(subtype: bytes, text: str) -> list[bytes]:
    """A part's headers and body. Mostly foreign letters go as base64, which is then shorter than quoted-printable."""
    data = utf8(text)
    if len(data) > FOREIGN * len(text):
        return _encoded_part(subtype, b"base64", _base64(data))
    return _encoded_part(subtype, b"quoted-printable", quoted_printable(data))


def _encoded_part(subtype: bytes, encoding: bytes, body: bytes) -> list[bytes]:
    return [
        b"Content-Type: text/" + subtype + b"; charset=utf-8",
        b"Content-Transfer-Encoding: " + encoding,
        b"",
        body,
    ]


def _base64(data: bytes) -> bytes:
    data = data.replace(b"\n", b"\r\n")
    lines = (data[at : at + _BASE64_LINE] for at in range(0, len(data), _BASE64_LINE))
    return b"\r\n".join(b2a_base64(line, newline=False) for line in lines)
