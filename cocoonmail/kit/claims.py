"""Tables as queues: take the rows that are due, so that no other worker takes them before the lease ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, models, transaction
from django.db.models import F, QuerySet

from cocoonmail.kit.rows import update_rows

# A worker that died keeps nobody waiting for longer than this (promise W3).
LEASE = timedelta(seconds=30)


class Claimable(models.Model):
    """A row that is work to do. `due_at` is timer, lease and retry date in one; NULL means nothing is left to do.

    `epoch` counts the claims: what a worker writes afterwards carries the epoch that it claimed with.
    """

    due_at = models.DateTimeField(null=True)
    epoch = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=Claimable)


class LeaseLost(RuntimeError):
    """Another worker took these rows over, because this one held them for longer than the lease."""


def claim(due: QuerySet[Row], now: datetime, limit: int) -> list[Row]:
    """Lease up to `limit` rows of `due` that are due at `now`, oldest first, and count the attempt.

    On PostgreSQL rows that another worker is claiming are skipped; on SQLite the transaction is the only writer.
    """
    with transaction.atomic():
        rows = due.filter(due_at__lte=now).order_by("due_at", "pk")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        claimed = list(rows[:limit])
        if not claimed:
            return []
        ids = [row.pk for row in claimed]
        due.model._default_manager.filter(pk__in=ids).update(
            due_at=now + LEASE, epoch=F("epoch") + 1, attempts=F("attempts") + 1
        )
    for row in claimed:
        row.due_at, row.epoch, row.attempts = now + LEASE, row.epoch + 1, row.attempts + 1
    return claimed


def anything_due(model: type[Claimable], now: datetime) -> bool:
    """A cheap look before a claim, whose transaction would on SQLite keep other writers waiting for nothing."""
    table, moment = connection.ops.quote_name(model._meta.db_table), connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE due_at <= %s)", [moment])  # noqa: S608 - our own name
        return bool(cursor.fetchone()[0])


def settle(rows: Sequence[Claimable], fields: Sequence[str]) -> None:
    """Write back claimed rows, inside the caller's transaction. Raises LeaseLost unless every epoch is still ours."""
    if rows and update_rows(rows, fields, guard="epoch") != len(rows):
        raise LeaseLost(LeaseLost.__doc__)
