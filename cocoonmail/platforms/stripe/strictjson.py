"""JSON, strictly: one document in UTF-8, finite numbers, bounded depth and size, no key twice at the top."""

from __future__ import annotations

import json
from typing import Any, Never

import msgspec

DEPTH_MAX = 64  # Levels of nesting; real events have fewer than 12
NODES_MAX = 100_000  # Objects, arrays and plain values; the largest real events have some thousands
BOM = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"


class BadJson(ValueError):
    """The body is not JSON that we take. `code` is stable, the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def decode(body: bytes) -> Any:
    """The document in a body of UTF-8, a byte order mark before it ignored. Raises only BadJson.

    Strings may hold NUL and lone surrogates, which are legal JSON. A key that stands twice is refused at the top level
    only: that is where another parser could read another event than we do.
    """
    document = _parse(body.removeprefix(BOM))
    _refuse_giants(body, document)
    return document


def _parse(body: bytes) -> Any:
    """The quick parser, and for what it cannot take the slow one, which is also the one that can say why."""
    try:
        document = _quick.decode(body)
        if type(document) is dict and _members_lost(body):
            return _parse_slowly(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _parse_slowly(body)
    return document


def _members_lost(body: bytes) -> bool:
    """Whether the object's members, each as it was but written out anew, are shorter than the body, blanks aside.

    They are if a key stood there twice, and also if a key was written with an escape: the slow parser tells which.
    """
    written = msgspec.json.encode(_members.decode(body))
    return len(written.translate(None, BLANKS)) != len(body.translate(None, BLANKS))


def _parse_slowly(body: bytes) -> Any:
    lost = 0

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal lost
        members = dict(pairs)
        lost = len(pairs) - len(members)  # The outermost object is made last, so that its figure is what stays.
        return members

    parser = json.JSONDecoder(object_pairs_hook=made, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
    document = _say_why(parser, body)
    if type(document) is dict and lost:
        raise BadJson("duplicate_key", "The body's object has the same key twice.")
    return document


def _say_why(parser: json.JSONDecoder, body: bytes) -> Any:
    try:
        return parser.decode(body.decode())
    except BadJson:
        raise
    except UnicodeDecodeError:
        raise BadJson("invalid_utf8", "The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise BadJson("invalid_json", "The body is not one JSON document.") from None


def _refuse_giants(body: bytes, document: Any) -> None:
    """Look at depth and size, if the body has marks enough for either to be too much."""
    opened = body.count(b"{") + body.count(b"[")
    if opened <= DEPTH_MAX and len(body) <= NODES_MAX:
        return
    level, depth, nodes = [document], 0, 1
    while level := [node for node in level if type(node) is dict or type(node) is list]:
        depth += 1
        level = [child for node in level for child in (node.values() if type(node) is dict else node)]
        nodes += len(level)
        if depth > DEPTH_MAX:
            raise _too_deep()
        if nodes > NODES_MAX:
            raise BadJson("too_many_values", f"The body holds more than {NODES_MAX:,} values.")


def _too_deep() -> BadJson:
    return BadJson("too_deep", f"The body is nested deeper than {DEPTH_MAX} levels.")


def _no_number(text: str) -> Never:
    raise BadJson("invalid_number", f"{text[:20]} is not a number that JSON can hold.")


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) < float("inf") else _no_number(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        _no_number(text)


_quick: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
