"""What an authentic body says it is: one strict look, before anything in it is interpreted. The hot path: 10 µs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from cocoonmail.platforms.base import Announcement, Rejected

DEPTH_MAX = 64  # Levels of nesting; real events have fewer than 12
NODES_MAX = 100_000  # Values and keys; the largest real events have some thousands
ID_MAX, TYPE_MAX = 255, 200  # Characters
CREATED_MAX = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
BOM = b"\xef\xbb\xbf"

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.S)
_ID = re.compile(r"evt_[!-~]+\Z")
_TYPE = re.compile(r"[a-z0-9_.]+\Z", re.I)


class _NotANumber(ValueError):
    pass


def _refuse_constant(name: str) -> Any:
    raise _NotANumber(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _NotANumber(text)
    return number


# Objects come out as tuples of pairs, which shows a key that stands there twice, and arrays as lists.
_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_constant=_refuse_constant, parse_float=_finite)


def announce(body: bytes) -> Announcement | Rejected:
    """The announcement in a body, or why it is none. Never raises."""
    found = _decode(body)
    return found if isinstance(found, Rejected) else _read(found)


def _decode(body: bytes) -> dict[str, Any] | Rejected:
    try:
        text = body.removeprefix(BOM).decode()
    except UnicodeDecodeError:
        return Rejected("invalid_utf8", "The body is not UTF-8.")
    if body.count(b",") + body.count(b"{") + body.count(b"[") > NODES_MAX:
        return Rejected("too_many_values", f"The body holds more than {NODES_MAX} values.")
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
        return Rejected("too_deep", f"The body is nested deeper than {DEPTH_MAX} levels.")
    try:
        top = _DECODER.decode(text)
    except _NotANumber as error:
        return Rejected("invalid_number", f"{str(error)[:20]} is no number in JSON.")
    except (ValueError, RecursionError):
        return Rejected("invalid_json", "The body is not one JSON document.")
    if not isinstance(top, tuple):
        return Rejected("not_an_event", "The body is not a Stripe event object.")
    event = dict(top)
    if len(event) != len(top):
        return Rejected("duplicate_key", "The body's object has the same key twice.")
    return event


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def _read(event: dict[str, Any]) -> Announcement | Rejected:
    thin = event.get("object") == "v2.core.event"
    if not thin and event.get("object", "event") != "event":
        return Rejected("not_an_event", "The body is not a Stripe event object.")
    id_, type_, livemode = event.get("id"), event.get("type"), event.get("livemode", False)
    account, version = event.get("account") or "", event.get("api_version") or ""
    if not isinstance(id_, str) or len(id_) > ID_MAX or not _ID.match(id_):
        return Rejected("invalid_id", "The event's id must be a text that begins with evt_.")
    if not isinstance(type_, str) or len(type_) > TYPE_MAX or not _TYPE.match(type_):
        return Rejected("invalid_type", "The event's type must be a text such as customer.created.")
    created = _created(event.get("created"), thin)
    if created is None:
        return Rejected("invalid_created", "The event's created must be a time in whole seconds since 1970.")
    if not isinstance(livemode, bool) or not isinstance(account, str) or not isinstance(version, str):
        return Rejected("not_an_event", "The event's livemode, account or api_version has an unknown form.")
    return Announcement(id_, type_, created, livemode, account[:ID_MAX], version[:100], thin)


def _created(value: Any, thin: bool) -> int | None:
    if thin and isinstance(value, str):
        try:
            value = int(datetime.fromisoformat(value).timestamp())
        except ValueError:
            return None
    return value if type(value) is int and 0 <= value < CREATED_MAX else None
