"""Quoted-printable (RFC 2045 section 6.7): of a whole text, and of a template's pieces so that each is encoded once.

A piece begins and ends at the beginning of a line, a soft line break behind it where it has no other, so that what is
encoded of it does not depend on what stands around it.
"""

from __future__ import annotations

import re
from binascii import b2a_qp

from liquid.exceptions import ResourceLimitError

SHORT = 70  # Characters of a value that stay on one line of 76 with its soft line break
FOREIGN = 1.3  # Bytes a character from which on base64 is shorter

_SOFT_BREAK = b"=\r\n"
_FROM = re.compile(rb"^From ", re.MULTILINE)
# The library encodes a blank at the end of a line without a look at how long the line becomes.
_BLANK_AT_END = re.compile(rb"^(.{74,})(=20|=09)$", re.MULTILINE)
# What stands for itself, also at the beginning of a line.
_PLAIN = re.compile("(?!From )[!-<>-~][ -<>-~]*")


def quoted_printable(data: bytes) -> bytes:
    """A whole text with line ends of one kind (LF). A line that begins with "From " or is a lone dot is encoded."""
    encoded = b2a_qp(data, istext=True)
    if b"From " in encoded:
        # With a soft line break, for what it gets longer by.
        encoded = _FROM.sub(b"=46rom=\n ", encoded)
    if b"=20\n" in encoded or b"=09\n" in encoded:
        encoded = _BLANK_AT_END.sub(rb"\1=\n\2", encoded)
    return encoded.replace(b"\n", b"\r\n")


def chunk(text: str) -> bytes:
    """A piece of a text, encoded so that it may stand between any other such pieces."""
    if not text:
        return b""
    data = utf8(text)
    # Whatever ends a text is treated as the end of a line; a NUL behind it, cut off again, keeps it from being the end.
    encoded = quoted_printable(data + b"\0").removesuffix(b"=00")
    return encoded if encoded.endswith(b"\r\n") else encoded + _SOFT_BREAK


def utf8(text: str) -> bytes:
    """The text's bytes with line ends of one kind; what is no text becomes a question mark."""
    data = text.encode("utf-8", "replace")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


class Writer:
    """What a template is filled into, as into a text file, to have it in quoted-printable at once.

    `braces` tells that a value has one, so that the result may look half-rendered; `values` are all that were written.
    """

    def __init__(self, limit: int) -> None:
        self.pieces: list[bytes] = []
        self.values: list[str] = []
        self.braces = False
        self._room = limit

    def write(self, text: str, /) -> int:
        """Write a value. Raises ResourceLimitError when there is no more room."""
        length = self._make_room(len(text))
        self.values.append(text)
        plain = length < SHORT and _PLAIN.fullmatch(text)
        self.pieces.append(text.encode() + _SOFT_BREAK if plain else chunk(text))
        if "{" in text:
            self.braces = True
        return length

    def write_encoded(self, encoded: bytes, length: int) -> int:
        """Write a piece of the template that was encoded before, `length` characters long."""
        self.pieces.append(encoded)
        return self._make_room(length)

    def getvalue(self) -> bytes:
        """All that was written."""
        return b"".join(self.pieces)

    def _make_room(self, length: int) -> int:
        self._room -= length
        if self._room < 0:
            raise ResourceLimitError("the result is too long", token=None)
        return length
