"""Counts within limits, however many rows there are: many in one statement, and what is over remembered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone

# Counting stops here: beyond, "100,000+" says enough, and the page stays quick.
COUNT_MAX = 100_000
WORTH_MAX = 1000  # Fewer rows are counted anew each time, which takes less than a millisecond
REMEMBERED_SECONDS = 3600.0  # How long what was counted may differ from what was deleted meanwhile
REMEMBERED_MAX = 20_000  # Counts, of some hundred bytes each
ASKED_MAX = 5000  # Counts in one statement; SQLite takes 32,766 values

# One row of VALUES for each count: the statement is planned once, and answered from an index.
STATEMENT = """
SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM {table} AS r WHERE {conditions} LIMIT {limit}) AS counted)
FROM (VALUES {rows}) AS k ORDER BY k.column1
"""

# The values of some columns that the rows to count have; and from when to when, its end not included.
Group: TypeAlias = Mapping[str, Any]
Span: TypeAlias = tuple[datetime, datetime]

_remembered: dict[Any, tuple[float, int]] = {}


def count_of(rows: QuerySet[Any]) -> int:
    """How many rows there are, at most COUNT_MAX + 1. That there are more than COUNT_MAX is remembered."""
    try:
        key = rows.query.sql_with_params()
    except EmptyResultSet:
        return 0  # It is plain without asking, as where none of no ids is wanted.
    known = _recall(key)
    if known is None:
        known = rows.order_by()[: COUNT_MAX + 1].count()
        if known > COUNT_MAX:
            _remember(key, known)
    return known


def in_words(count: int) -> str:
    """A count as people read it: `1,204`, or `100,000+` where counting stopped."""
    return f"{COUNT_MAX:,}+" if count > COUNT_MAX else f"{count:,}"


def counts(
    model: type[Model], groups: Sequence[Group], moment: str, spans: Sequence[Span], *, lasting: bool = True
) -> list[list[int]]:
    """For each group how many of its rows are in each span, by the field `moment`; COUNT_MAX + 1 stands for more.

    All groups name the same columns, by which and by `moment` there is an index. Rows get the present as their moment,
    so a span that is over is remembered once it was counted, where the rows of a group are `lasting`ly in it.
    """
    asked = [_Asked(model, tuple(group.items()), moment, span) for group in groups for span in spans]
    found = {one: _recall(one) for one in asked}
    missing = [one for one, known in found.items() if known is None]
    found |= dict(zip(missing, _count(missing), strict=True))
    now = timezone.now()
    for one in missing:
        if lasting and one.span and one.span[1] <= now and (found[one] or 0) >= WORTH_MAX:
            _remember(one, found[one] or 0)
    numbers = iter(found[one] or 0 for one in asked)
    return [[next(numbers) for _ in spans] for _ in groups]


def totals(model: type[Model], groups: Sequence[Group]) -> list[int]:
    """How many rows each group has, by columns for which there is an index; COUNT_MAX + 1 stands for more."""
    return list(_count([_Asked(model, tuple(group.items())) for group in groups]))


class _Asked(NamedTuple):
    """One count: of which table, by which columns, in which span of which moment."""

    model: type[Model]
    group: tuple[tuple[str, Any], ...]
    moment: str = ""
    span: Span | tuple[()] = ()

    @property
    def values(self) -> list[Any]:
        """What the statement's row of VALUES says of it."""
        return [value for _, value in self.group] + [
            connection.ops.adapt_datetimefield_value(moment) for moment in self.span
        ]


def _count(asked: Sequence[_Asked]) -> Iterator[int]:
    """The counts asked for, which name the same columns."""
    for begin in range(0, len(asked), ASKED_MAX):
        part = asked[begin : begin + ASKED_MAX]
        width = len(part[0].values) + 1
        statement = STATEMENT.format(
            table=connection.ops.quote_name(part[0].model._meta.db_table),
            conditions=" AND ".join(_conditions(part[0])),
            limit=COUNT_MAX + 1,
            rows=", ".join([f"({', '.join(['%s'] * width)})"] * len(part)),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [value for number, one in enumerate(part) for value in (number, *one.values)])
            yield from (count for (count,) in cursor.fetchall())


def _conditions(asked: _Asked) -> list[str]:
    """What a row must fulfil, as the columns of VALUES behind the first say."""
    names = [(name, "=") for name, _ in asked.group]
    names += [(asked.moment, sign) for sign in (">=", "<")] if asked.span else []
    return [f"r.{_column(asked.model, name)} {sign} k.column{at}" for at, (name, sign) in enumerate(names, 2)]


def _column(model: type[Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return connection.ops.quote_name(field.column)


def _recall(key: Any) -> int | None:
    until, count = _remembered.get(key, (0.0, 0))
    return count if until > time.monotonic() else None


def _remember(key: Any, count: int) -> None:
    if len(_remembered) >= REMEMBERED_MAX:
        _remembered.clear()
    _remembered[key] = (time.monotonic() + REMEMBERED_SECONDS, count)
