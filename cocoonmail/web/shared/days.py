"""Count rows by day, for the pictures of the last 30 days: one query for a whole table of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

DAYS = 30


def first_morning(now: datetime) -> datetime:
    """When the first of the days begins, in the reader's time zone."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=DAYS - 1)


def by_day(rows: QuerySet[Any], key: str, moment: str, now: datetime) -> dict[Any, list[int]]:
    """Counts per day, oldest first, by the value of the field `key`; `moment` names the field that is counted by."""
    since = first_morning(now)
    days = {(since + timedelta(days=number)).date(): number for number in range(DAYS)}
    counts: dict[Any, list[int]] = {}
    recent = rows.filter(**{f"{moment}__gte": since}).order_by()
    for value, day, count in recent.annotate(day=TruncDate(moment)).values_list(key, "day").annotate(n=Count("pk")):
        if day in days:
            counts.setdefault(value, [0] * DAYS)[days[day]] = count
    return counts


def named(counts: list[int], now: datetime) -> list[tuple[str, int]]:
    """The same with the names of the days, for a chart."""
    since = first_morning(now)
    return [((since + timedelta(days=number)).strftime("%-d %b"), count) for number, count in enumerate(counts)]
