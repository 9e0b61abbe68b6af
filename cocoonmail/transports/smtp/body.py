"""What goes on the wire of a message and its addresses: CRLF only, leading dots doubled, nothing that could inject."""

from __future__ import annotations

import re

import idna

LINE_END = re.compile(rb"\r\n|\r|\n")
ADDRESS_MAX = 320  # Characters: 64 + @ + 255 (RFC 5321 §4.5.3.1)
# A quoted local part may hold spaces and angle brackets (RFC 5321 §4.1.2); nothing may hold a control character.
LOCAL = r"""(?:"(?:[^"\\\x00-\x1f\x7f-\x9f\u2028\u2029]|\\[ -~])+"|[^\s"<>@\x00-\x1f\x7f-\x9f]+)"""
DOMAIN = r"""(?:[^\s"<>@,;:()\\\[\]\x00-\x1f\x7f-\x9f]+|\[[0-9A-Za-z.:]+\])"""
ADDRESS = re.compile(f"({LOCAL})@({DOMAIN})")


class BadAddress(ValueError):
    """This is not an email address that SMTP can carry."""


def wire_address(address: str) -> str:
    """The address as MAIL and RCPT carry it: a domain with letters outside ASCII becomes its A-label (RFC 5891).

    The local part is left alone; where it is not ASCII the server must offer SMTPUTF8. Raises BadAddress.
    """
    match = ADDRESS.fullmatch(address)
    if match is None or len(address) > ADDRESS_MAX:
        raise BadAddress(f"{address[:100]!r} is not an email address.")
    local, domain = match.groups()
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as trouble:
        raise BadAddress(f"{address[:100]!r} has a domain that cannot exist.") from trouble


def wire_body(data: bytes, crlf: bool = False) -> bytes:
    """The message as it goes between DATA and the final dot: CRLF only (no bare CR or LF, VU#302671), dots doubled.

    The message's last line end is left off: it is the first CRLF of the final `CRLF . CRLF` (RFC 5321 §4.1.1.4).
    With `crlf` whoever wrote the message answers for its line ends, which are not looked at again.
    """
    if not crlf and not data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r"):
        data = LINE_END.sub(b"\r\n", data)
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..").removesuffix(b"\r\n")
