"""Pages of a list by cursor: as quick on the last page as on the first, and steady while rows are added on top."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)

PAGE = 50
# Counting stops here: beyond, "100,000+" says enough, and the page stays quick.
COUNT_MAX = 100_000
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
        return f"{COUNT_MAX:,}+" if self.count > COUNT_MAX else f"{self.count:,}"


def page_of(rows: QuerySet[Row], request: HttpRequest, by: str = "pk", size: int = PAGE) -> Page[Row]:
    """One page of `rows`, the highest `by` first, as `?older=` or `?newer=` in the request's URL says.

    `by` is a field that is never null; rows with the same value are kept apart by their primary key. A cursor that
    nobody gave out shows the first page.
    """
    count = rows.order_by()[: COUNT_MAX + 1].count()
    older, newer = (read(request.GET.get(side, ""), rows.model, by) for side in ("older", "newer"))
    if newer:
        found = list(rows.filter(beyond(by, newer, "gt")).order_by(by, "pk")[: size + 1])
        shown = found[:size][::-1]
        return Page(shown, count, cursor(shown, 0, by) if len(found) > size else "", cursor(shown, -1, by))
    found = list((rows.filter(beyond(by, older, "lt")) if older else rows).order_by(f"-{by}", "-pk")[: size + 1])
    shown = found[:size]
    return Page(shown, count, cursor(shown, 0, by) if older else "", cursor(shown, -1, by) if len(found) > size else "")


def beyond(by: str, place: list[Any], side: str) -> Q:
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


def read(text: str, model: type[Model], by: str) -> list[Any]:
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
