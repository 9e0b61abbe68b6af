"""The filters a template may use, each with a bound on what it can cost, and our own for dates, addresses and CSS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError
from markupsafe import Markup

Filter: TypeAlias = Callable[..., Any]

VALUE_MAX = 64 * 1024  # characters that go into or come out of one filter
BITS_MAX = 256  # of a whole number
DATE_FORMAT_MAX = 64  # characters
_CHARACTERS_PER_STEP = 256

_MATH = frozenset(
    "abs at_least at_most ceil divided_by floor minus modulo plus round times".split()
)  # fmt: skip
_LIBRARY = _MATH | frozenset(
    "append capitalize compact concat default downcase escape escape_once first join last lstrip map newline_to_br "
    "prepend remove remove_first remove_last replace replace_first replace_last reverse rstrip size slice sort "
    "sort_natural split squish strip strip_newlines sum truncate truncatewords upcase url_decode url_encode "
    "where".split()
)
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
        "date": date, "strip_html": strip_html, "as_url": as_url, "as_css": as_css, "as_css_url": as_css_url
    }  # fmt: skip
    plain: dict[str, Filter] = {"escape": _as_it_is, "escape_once": _as_it_is, "newline_to_br": _as_it_is}
    return {name: library[name] for name in _LIBRARY} | ours | ({} if html else plain)


def guarded(name: str, apply: Filter, values: Sequence[object], named: Mapping[str, object]) -> object:
    """What the filter gives, after a look at what it would cost. Raises only LiquidError."""
    if name in _MATH:
        _numbers(name, values)
    elif name == "join" and isinstance(values[0], (list, tuple, range)):
        joined(values[0], str(values[1]) if len(values) > 1 else " ")
    elif name.startswith("replace") and len(values) > 1:
        _room_to_replace(str(values[0]), str(values[1]), str(values[2]) if len(values) > 2 else "")
    try:
        return apply(*values, **named)
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, OSError) as error:
        raise FilterFailed(f"{name}: {error}", token=None) from error


def cost(value: object) -> int:
    """Steps of work that a value costs a filter. Raises ResourceLimitError for one that no email needs."""
    if isinstance(value, str):
        if len(value) > VALUE_MAX:
            raise ResourceLimitError(f"a value is longer than {VALUE_MAX} characters", token=None)
        return 1 + len(value) // _CHARACTERS_PER_STEP
    if isinstance(value, int) and value.bit_length() > BITS_MAX:
        raise ResourceLimitError("a number is too large", token=None)
    return 1 + len(value) if isinstance(value, (list, tuple, range)) else 1


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
