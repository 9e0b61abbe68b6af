"""Tables as queues: take the rows that are due, so that no other worker takes them before the lease ends.

Each workspace that has rows due gets its share of a claim, so that nobody waits behind another's flood (promise W8).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, models, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from cocoonmail.kit.rows import update_rows

# A worker that died keeps nobody waiting for longer than this (promise W3).
LEASE = timedelta(seconds=30)
LEGS_MAX = 32  # Workspaces that are looked at with one statement
SHARE_MIN = 8  # Rows: who has fewer due costs a look for these few


class Claimable(models.Model):
    """A row that is work to do. `due_at` is timer, lease and retry date in one; NULL means nothing is left to do.

    Each has a workspace, and an index of (workspace, due_at) where `due_at` is not NULL.
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


def due_workspaces(model: type[Claimable], now: datetime) -> list[int]:
    """The workspaces that have rows due, whatever else speaks against taking those; [] costs next to nothing.

    One look into the index for each workspace that has any row left to do, now or later.
    """
    table, moment = connection.ops.quote_name(model._meta.db_table), connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(HOPS.format(table=table), [moment])
        return [workspace for (workspace,) in cursor.fetchall()]


# From one workspace to the next, past all of its rows at once. Asked for one row and not whether there is any, which
# PostgreSQL would turn into a look at all rows that are due.
HOPS = """
    WITH RECURSIVE busy(id) AS (
        SELECT min(workspace_id) FROM {table} WHERE due_at IS NOT NULL
        UNION ALL
        SELECT (SELECT min(workspace_id) FROM {table} WHERE workspace_id > busy.id AND due_at IS NOT NULL)
        FROM busy WHERE busy.id IS NOT NULL
    )
    SELECT id FROM busy
    WHERE (
        SELECT due_at FROM {table} WHERE workspace_id = busy.id AND due_at IS NOT NULL ORDER BY due_at LIMIT 1
    ) <= %s
"""


def claim(
    due: QuerySet[Row],
    now: datetime,
    room: Mapping[int, int],
    limit: int,
    *,
    counting: Sequence[str] = (),
    beginning: Sequence[str] = (),
) -> list[Row]:
    """Lease up to `limit` rows of `due` that are due at `now`, oldest first, and count it in the columns `counting`.

    Columns of `beginning` become 1 where they are 0 and stay else; the rows returned tell what they were.
    `room` says of which workspaces (see `due_workspaces`), and how many of each at most. Each gets the same share;
    what one leaves is the others'. On PostgreSQL rows that another worker is claiming are skipped; on SQLite the
    transaction is the only writer.
    """
    if not room or limit <= 0:
        return []
    with transaction.atomic():
        claimed = _oldest(due, now, room, limit) if len(room) == 1 else _shared_out(due, now, room, limit)
        counted = ["epoch", *counting]
        due.model._default_manager.filter(pk__in=[row.pk for row in claimed]).update(
            due_at=now + LEASE,
            **{column: F(column) + 1 for column in counted},
            **{column: Greatest(F(column), 1) for column in beginning},
        )
    for row in claimed:
        row.due_at = now + LEASE
        for column in counted:
            setattr(row, column, getattr(row, column) + 1)
    return claimed


def _oldest(due: QuerySet[Row], now: datetime, room: Mapping[int, int], limit: int) -> list[Row]:
    """Of the only workspace."""
    ((workspace, most),) = room.items()
    return list(_of(due, workspace, now)[: min(most, limit)])


def _shared_out(due: QuerySet[Row], now: datetime, room: Mapping[int, int], limit: int) -> list[Row]:
    """The same number for each workspace, in any order; then, for those that have more, what the others left."""
    workspaces = random.sample(list(room), len(room))
    share = max(limit // len(room), SHARE_MIN)
    found: dict[int, list[int]] = {}
    left = limit
    for begin in range(0, len(workspaces), LEGS_MAX):
        if left > 0:
            found |= _first(due, now, workspaces[begin : begin + LEGS_MAX], share)
            left = limit - sum(min(len(ids), room[at]) for at, ids in found.items())
    more = [at for at, ids in found.items() if len(ids) == share < room[at]][:LEGS_MAX]
    if more and left >= len(more):
        # What this transaction has locked already is found once more.
        found |= _first(due, now, more, share + left // len(more))
    ids = [pk for at, first in found.items() for pk in first[: room[at]]][:limit]
    return sorted(due.model._default_manager.filter(pk__in=ids), key=lambda row: (row.due_at or now, row.pk))


def _first(due: QuerySet[Row], now: datetime, workspaces: Sequence[int], share: int) -> dict[int, list[int]]:
    """The ids of the first rows of each workspace, `share` of each at most, all with one statement."""
    # The ORM puts it together once: for each workspace anew it would take longer than the rows themselves.
    leg, values = _of(due, NOBODY, now).values_list("workspace_id", "pk")[:share].query.sql_with_params()
    place = values.index(NOBODY)
    legs = " UNION ALL ".join(f"SELECT * FROM ({leg}) AS leg{number}" for number in range(len(workspaces)))  # noqa: S608
    found: dict[int, list[int]] = {at: [] for at in workspaces}
    with connection.cursor() as cursor:
        cursor.execute(legs, [one for at in workspaces for one in (*values[:place], at, *values[place + 1 :])])
        for workspace, pk in cursor.fetchall():
            found[workspace].append(pk)
    return found


NOBODY = -1  # In the place of a workspace's id


def _of(due: QuerySet[Row], workspace: int, now: datetime) -> QuerySet[Row]:
    """What a workspace has due, oldest first, locked where there are locks."""
    rows = due.filter(workspace_id=workspace, due_at__lte=now).order_by("due_at", "pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return rows


def settle(rows: Sequence[Claimable], fields: Sequence[str]) -> None:
    """Write back claimed rows, inside the caller's transaction. Raises LeaseLost unless every epoch is still ours."""
    if rows and update_rows(rows, fields, guard="epoch") != len(rows):
        raise LeaseLost(LeaseLost.__doc__)
