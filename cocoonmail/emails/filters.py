"""The filters a template may use, each with a bound on what it can cost, and our own for dates, addresses and CSS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import quote_plus

from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError
from markupsafe import Markup

from cocoonmail.emails.fence import WENT_WRONG

Filter: TypeAlias = Callable[..., Any]

VALUE_MAX = 64 * 1024  # characters that go into or come out of one filter
BITS_MAX = 256  # of a whole number
DATE_FORMAT_MAX = 64  # characters
LIST_MAX = 10_000  # values that go into a filter, those of lists in lists among them
CHARACTERS_PER_STEP = 64
_VALUES_PER_STEP = 32
_SINGLE = frozenset({str, int, float, bool, type(None), Markup})

_MATH = frozenset(
    "abs at_least at_most ceil divided_by floor minus modulo plus round times".split()
)  # fmt: skip
_LIBRARY = _MATH | frozenset(
    "append capitalize compact concat default downcase escape escape_once first join last lstrip map newline_to_br "
    "prepend remove remove_first remove_last replace replace_first replace_last reverse rstrip size slice sort "
    "sort_natural split squish strip strip_newlines sum truncate truncatewords upcase url_decode "
    "where".split()
)
_OF_LISTS = frozenset("compact concat join map reverse sort sort_natural sum where".split())
_OF_GROUPS = _OF_LISTS | {"first", "last", "size", "slice"}
_PLAIN_INSIDE = frozenset({"join", "sort", "sort_natural", "sum"})  # work on each value as text or number
_BY_KEY = frozenset({"sort", "sort_natural", "sum", "where"})
_FLATTENED = 5  # levels of lists in lists that the library makes one list of
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,40}(\.[0-9]{1,40})?\s*")
_HTML_TAG = re.compile(r"<[^<>]*>")

# Only these may begin an address that a merge value brings into a link or an image.
_SAFE_URL = re.compile(r"(https?://[^\s/]|mailto:[^\s]|tel:[^\s])", re.IGNORECASE)
_UNSAFE_IN_URL = re.compile(r"[\s\x00-\x1f\x7f<>\"'`\\]")
_SAFE_CSS = re.compile(r"[#%.,\w \-]*")


class FilterFailed(LiquidError):
    """A filter was given a value that it cannot work with."""


def allowed(library: Mapping[str, Filter], html: bool) -> dict[str, Filter]:
    """The table of filters by name, out of the library's own and ours."""
    ours: dict[str, Filter] = {
        "date": date, "strip_html": strip_html, "url_encode": url_encode, "as_url": as_url, "as_css": as_css,
        "as_css_url": as_css_url
    }  # fmt: skip
    plain: dict[str, Filter] = {"escape": _as_it_is, "escape_once": _as_it_is, "newline_to_br": _as_it_is}
    return {name: library[name] for name in _LIBRARY} | ours | ({} if html else plain)


def guarded(name: str, apply: Filter, values: Sequence[object], spend: Callable[[int], None]) -> object:
    """What the filter gives, after a look at what it would cost. Raises only LiquidError."""
    if any(is_group(value) for value in (values if name not in _OF_GROUPS else values[1:] if name != "concat" else ())):
        raise FilterFailed(f"{name}: a group of values is not one value", token=None)
    if name in _MATH:
        _numbers(name, values)
    elif name in _OF_LISTS:
        _look_into(name, values, spend)
    elif name == "slice" and isinstance(values[0], Mapping):
        raise FilterFailed("slice: this is neither text nor a list", token=None)
    elif name.startswith("replace") and len(values) > 1:
        _room_to_replace(str(values[0]), str(values[1]), str(values[2]) if len(values) > 2 else "")
    try:
        return apply(*values)
    except WENT_WRONG as error:
        raise FilterFailed(f"{name}: {error}", token=None) from error


def cost(value: object) -> int:
    """Steps of work that a value costs a filter. Raises ResourceLimitError for one that no email needs."""
    if isinstance(value, str):
        if len(value) > VALUE_MAX:
            raise ResourceLimitError(f"a value is longer than {VALUE_MAX} characters", token=None)
        return 1 + len(value) // CHARACTERS_PER_STEP
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        raise ResourceLimitError("a number is too large", token=None)
    return 1 + len(value) // _VALUES_PER_STEP if isinstance(value, (list, tuple, range)) else 1


def is_group(value: object) -> bool:
    """Whether a value is several, which have no text of their own."""
    return value.__class__ not in _SINGLE and isinstance(value, (list, tuple, range, Mapping))


def _look_into(name: str, values: Sequence[object], spend: Callable[[int], None]) -> None:
    """Charges for everything in a list, and finds the values of which the library would take Python's own text."""
    items = list(_flat(values[0], _FLATTENED, [LIST_MAX]))
    if name == "concat" and len(values) > 1:
        items += _flat(values[1], 0, [LIST_MAX - len(items)])
    if name in _BY_KEY and len(values) > 1:
        items = [item.get(str(values[1])) if isinstance(item, dict) else item for item in items]
    spend(sum(map(cost, items)))
    if name in _PLAIN_INSIDE and any(map(is_group, items)):
        raise FilterFailed(f"{name}: a group of values is not one value", token=None)
    if name == "join":
        joined(items, str(values[1]) if len(values) > 1 else " ")
    elif name == "sum":
        _numbers(name, items)


def _flat(value: object, levels: int, room: list[int]) -> Iterator[object]:
    if not isinstance(value, (list, tuple, range)):
        if isinstance(value, Mapping) and not isinstance(value, dict):
            raise FilterFailed("this is not a list", token=None)
        yield value
        return
    room[0] -= len(value)
    if room[0] < 0:
        raise ResourceLimitError(f"a list has more than {LIST_MAX} values", token=None)
    for item in value:
        if levels and item.__class__ in (list, tuple):
            yield from _flat(item, levels - 1, room)
        else:
            yield item


def joined(items: Iterable[object], separator: str) -> str:
    """The items as one text, refused before it is built where it would be too long."""
    texts, room = [], VALUE_MAX
    for item in items:
        cost(item)
        text = str(item)
        room -= len(text) + len(separator)
        if room < 0:
            raise ResourceLimitError(f"a value is longer than {VALUE_MAX} characters", token=None)
        texts.append(text)
    return separator.join(texts)


def date(value: object, layout: str) -> str:
    """An ISO 8601 date or whole seconds since 1970 (as UTC), written with strftime's codes."""
    if len(layout) > DATE_FORMAT_MAX:
        raise FilterArgumentError("date: the format is too long", token=None)
    if isinstance(value, int) and not isinstance(value, bool):
        moment = datetime.fromtimestamp(value, UTC)
    elif isinstance(value, str):
        moment = datetime.fromtimestamp(int(value), UTC) if value.isdecimal() else datetime.fromisoformat(value.strip())
    else:
        raise FilterArgumentError("date: this is not a date", token=None)
    return moment.strftime(layout)


def strip_html(value: object) -> str:
    """The value without anything between < and >."""
    return _HTML_TAG.sub("", str(value))


def url_encode(value: object) -> str:
    """The value as a part of an address, percent-encoded, without lone surrogates, which are no text."""
    return quote_plus(str(value), errors="ignore")


def as_url(value: object) -> str:
    """The value, where it is an http, https, mailto or tel address; added by the compiler to values in links."""
    url = str(value.unescape() if isinstance(value, Markup) else value).strip()
    if not _SAFE_URL.match(url):
        shown = url[:40] + ("…" if len(url) > 40 else "")
        raise FilterArgumentError(
            f"the link {shown!r} does not begin with https://, http://, mailto: or tel:", token=None
        )
    return _UNSAFE_IN_URL.sub(lambda found: f"%{ord(found[0]):02X}" if ord(found[0]) < 128 else "", url)


def as_css(value: object) -> str:
    """The value, where it can do no more in a style than be one value: colours, sizes, font names."""
    if not _SAFE_CSS.fullmatch(str(value)):
        raise FilterArgumentError("a value inside a style may hold only letters, digits and # % . , -", token=None)
    return str(value)


def as_css_url(value: object) -> str:
    """The value as an address that cannot end the url(…) it stands in."""
    return as_url(value).replace("(", "%28").replace(")", "%29")


def _as_it_is(value: object) -> object:
    return value


def _numbers(name: str, values: Sequence[object]) -> None:
    # Text such as "1e999999999" is a number to the library, and one that takes a minute to round.
    for value in values:
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            raise FilterArgumentError(f"{name}: {value[:40]!r} is not a number", token=None)


def _room_to_replace(text: str, old: str, new: str) -> None:
    if text.count(old) * len(new) > VALUE_MAX:
        raise ResourceLimitError(f"a value is longer than {VALUE_MAX} characters", token=None)
