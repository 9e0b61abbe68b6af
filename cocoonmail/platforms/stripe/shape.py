"""Looking into Stripe's objects without trusting their shape: each look gives a plain value or "nothing there"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from cocoonmail.contacts.changes import Unreadable
from cocoonmail.platforms.base import Payload

Shape: TypeAlias = Mapping[str, Any]

TEXT_MAX = 1000  # Characters; descriptions at Stripe have at most 500 or 1,000
LINK_MAX = 2048  # Characters
ID_MAX = 255  # Characters, Stripe's own promise: https://docs.stripe.com/upgrades
NUMBER_MAX = 10**15  # Far above what an amount or a time can be, and below where JavaScript's numbers end
TIME_MAX = 253_370_764_800  # The year 9999

# Stripe's word for what a privacy job removed: https://docs.stripe.com/privacy/redaction-integration
REDACTED = "[redacted]"

EMPTY: Shape = {}

_BREAKS = re.compile(r"[\t-\r\x85\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def subject(payload: Payload, kind: str) -> Shape:
    """The object that an event is about. Raises Unreadable where it is not of the promised kind."""
    found = part(payload, "data").get("object")
    if not isinstance(found, dict):
        raise Unreadable(f"The event's data.object should be a {kind} object and is {_called(found)}.")
    if found.get("object") != kind:
        raise Unreadable(f"The event's data.object should be of the kind {kind} and is {_called(found.get('object'))}.")
    return found


def identified(found: Shape, kind: str) -> str:
    """The object's id. Raises Unreadable where it has none."""
    if id := reference(found, "id"):
        return id
    raise Unreadable(f"The {kind} in the event's data.object should have an id and has none.")


def before(payload: Payload) -> Shape | None:
    """The old values of what changed, None where the event does not tell."""
    found = part(payload, "data").get("previous_attributes")
    return found if isinstance(found, dict) else None


def part(shape: Shape, *path: str) -> Shape:
    """The object at a path, an empty one where there is none."""
    for key in path:
        found = shape.get(key)
        if not isinstance(found, dict):
            return EMPTY
        shape = found
    return shape


def entries(shape: Shape, key: str) -> list[Shape]:
    """The objects in a list, or in the page of a list that Stripe calls `data`."""
    found = shape.get(key)
    if isinstance(found, dict):
        found = found.get("data")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(shape: Shape, key: str, limit: int = TEXT_MAX) -> str:
    """A text on one line that a database and a mail header can hold, "" for none."""
    found = shape.get(key)
    return clean(found)[:limit] if isinstance(found, str) else ""


def told(shape: Shape, key: str) -> str:
    """A text about a person: like `text`, without blanks around it, and none where it was redacted."""
    found = text(shape, key).strip()
    return "" if found == REDACTED else found


def address(shape: Shape, key: str) -> str:
    """An email address as it was written, "" for none. Raises Unreadable where something else than a text stands."""
    _refuse(shape, key, (str,), "a text")
    return told(shape, key)


def amount(shape: Shape, key: str) -> int | None:
    """Money in the smallest unit, None for none. Raises Unreadable where something else than a whole number stands."""
    _refuse(shape, key, (int,), "a whole number")
    return whole(shape, key)


def owner(shape: Shape, key: str) -> str:
    """The id of the customer that an object belongs to, "" for none. Raises Unreadable where something else stands."""
    _refuse(shape, key, (str, dict), "an id or an object")
    return reference(shape, key)


def _refuse(shape: Shape, key: str, wanted: tuple[type, ...], called: str) -> None:
    """What a reading rests on is absent, null or of its type; anything else is a shape that we do not know."""
    found = shape.get(key)
    if found is not None and type(found) not in wanted:
        raise Unreadable(f"The object's {key} should be {called} and is {_called(found)}.")


def link(shape: Shape, key: str) -> str:
    """An https address, "" for none and for anything else."""
    found = text(shape, key, LINK_MAX + 1)
    return found if found.startswith("https://") and len(found) <= LINK_MAX else ""


def reference(shape: Shape, key: str) -> str:
    """The id of what is referred to, whether Stripe wrote its id or, expanded, the object itself; "" for none."""
    found = shape.get(key)
    if isinstance(found, dict):
        found = found.get("id")
    if not isinstance(found, str) or len(found) > ID_MAX:
        return ""
    return found if found.isascii() and found.isprintable() else ""


def whole(shape: Shape, key: str) -> int | None:
    """A whole number."""
    found = shape.get(key)
    return found if type(found) is int and -NUMBER_MAX < found < NUMBER_MAX else None


def moment(shape: Shape, key: str) -> int | None:
    """A time in seconds since 1970; Stripe writes none as null, and sometimes as 0."""
    found = whole(shape, key)
    return found if found is not None and 0 < found < TIME_MAX else None


def flag(shape: Shape, key: str) -> bool | None:
    """True, false or not told."""
    found = shape.get(key)
    return found if isinstance(found, bool) else None


def metadata(*shapes: Shape) -> dict[str, str]:
    """The metadata of several objects as one, the later ones over the earlier."""
    both: dict[str, str] = {}
    for shape in shapes:
        both.update({clean(key)[:TEXT_MAX]: text(shape, key) for key in shape if isinstance(shape[key], str)})
    return both


def clean(value: str) -> str:
    """The text with line breaks as blanks, without control characters, and U+FFFD for lone surrogates."""
    if value.isprintable():
        return value
    value = _CONTROLS.sub("", _BREAKS.sub(" ", value))
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", value)


def _called(found: Any) -> str:
    if found is None:
        return "missing"
    if isinstance(found, str):
        return f"“{clean(found)[:40]}”"
    return {dict: "an object", list: "a list", bool: "true or false"}.get(type(found), "a number")
