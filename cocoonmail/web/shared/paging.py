"""Pages of a list by cursor: as quick on the last page as on the first, and steady while rows are added on top."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

from cocoonmail.web.shared.counting import COUNT_MAX, count_of, in_words

Row = TypeVar("Row", bound=Model)
Place: TypeAlias = list[Any]  # [value, primary key] of a row, or nothing

PAGE = 50
CURSOR_MAX = 500


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, how many there are in all, and the cursors of the pages before and after ("" where none)."""

    rows: list[Row]
    count: int
    newer: str
    older: str

    @property
    def counted(self) -> str:
        """The count in words: `1,204`, or `100,000+` where counting stopped."""
        return in_words(self.count)


def page_of(
    rows: QuerySet[Row], request: HttpRequest, by: str = "pk", size: int = PAGE, *, searched: bool = False
) -> Page[Row]:
    """One page of `rows`, the highest `by` first, as `?older=` or `?newer=` in the request's URL says.

    `by` is a field that is never null; rows with the same value are kept apart by their primary key. A cursor that
    nobody gave out shows the first page. `searched`: no index leads to these rows, so they are looked for only once.
    """
    older, newer = (read(request.GET.get(side, ""), rows.model, by) for side in ("older", "newer"))
    if not searched:
        return _walked(rows, by, size, (older, newer), count_of(rows))
    places = list(rows.order_by().values_list(by, "pk")[: COUNT_MAX + 1])
    if len(places) > COUNT_MAX:  # So many that those of one page are met soon.
        return _walked(rows, by, size, (older, newer), len(places))
    return _picked(rows, by, size, (older, newer), sorted(places))


def _walked(rows: QuerySet[Row], by: str, size: int, turn: tuple[Place, Place], count: int) -> Page[Row]:
    """By going through the rows in their order, for which there is an index."""
    older, newer = turn
    if newer:
        found = list(rows.filter(beyond(by, newer, "gt")).order_by(by, "pk")[: size + 1])
        shown = found[:size][::-1]
        return Page(shown, count, cursor(shown, 0, by) if len(found) > size else "", cursor(shown, -1, by))
    found = list((rows.filter(beyond(by, older, "lt")) if older else rows).order_by(f"-{by}", "-pk")[: size + 1])
    shown = found[:size]
    return Page(shown, count, cursor(shown, 0, by) if older else "", cursor(shown, -1, by) if len(found) > size else "")


def _picked(rows: QuerySet[Row], by: str, size: int, turn: tuple[Place, Place], places: Sequence[Any]) -> Page[Row]:
    """By the places of all rows, which are known, the lowest first."""
    older, newer = turn
    end = bisect_left(places, tuple(older)) if older else len(places)
    if newer:
        end = min(len(places), bisect_right(places, tuple(newer)) + size)
    begin = max(0, end - size)
    found = rows.in_bulk([pk for _, pk in places[begin:end]])
    shown = [found[pk] for _, pk in reversed(places[begin:end]) if pk in found]
    is_first = end == len(places) or not (older or newer)
    return Page(shown, len(places), "" if is_first else cursor(shown, 0, by), cursor(shown, -1, by) if begin else "")


def beyond(by: str, place: Place, side: str) -> Q:
    """The rows on one side of a place in the list."""
    value, pk = place
    if by == "pk":
        return Q(**{f"pk__{side}": pk})
    return Q(**{f"{by}__{side}": value}) | Q(**{by: value, f"pk__{side}": pk})


def cursor(rows: list[Row], place: int, by: str) -> str:
    """The place of one row, to be put in a URL; "" when there are no rows."""
    if not rows:
        return ""
    row = rows[place]
    value = row.pk if by == "pk" else getattr(row, by)
    text = json.dumps([value.isoformat() if hasattr(value, "isoformat") else value, row.pk])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(text: str, model: type[Model], by: str) -> Place:
    """What a cursor says, as [value, primary key], or nothing if it is not one of ours."""
    try:
        value, pk = json.loads(base64.urlsafe_b64decode(text[:CURSOR_MAX] + "==="))
        field = model._meta.pk if by == "pk" else model._meta.get_field(by)
        assert isinstance(field, Field)
        return [field.to_python(value), in_range(pk)]
    except (ValueError, TypeError, binascii.Error, ValidationError, RecursionError):
        return []


def in_range(pk: object) -> int:
    """A primary key that both databases can compare with."""
    if not isinstance(pk, int) or not 0 < pk < 2**63:
        raise ValueError("not a primary key")
    return pk
