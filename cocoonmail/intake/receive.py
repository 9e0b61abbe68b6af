"""Put authentic webhooks on disk: many in one transaction, each one once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

from django.db import connection, transaction
from django.utils import timezone

from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.intake.triage import Triage
from cocoonmail.platforms.base import Announcement

# What makes a delivery one: (endpoint, account, livemode, external id).
Identity: TypeAlias = tuple[int, str, bool, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """An authentic webhook that is not stored yet. `clock_ahead` is in seconds."""

    workspace_id: int
    endpoint_id: int
    said: Announcement
    body: bytes
    headers: dict[str, str]
    clock_ahead: int
    triage: Triage

    @property
    def identity(self) -> Identity:
        """What no second delivery may share."""
        return (self.endpoint_id, self.said.account, self.said.livemode, self.said.id)


@dataclass(frozen=True, slots=True)
class Stored:
    """The webhook is on disk: by this request, or by an earlier one with the same id."""

    duplicate: bool


COLUMNS = (
    "workspace_id endpoint_id account livemode external_id type api_version occurred_at body headers digest "
    "clock_ahead duplicates differing received_at state understood result trouble customer_key due_at epoch attempts"
).split()
INSERT = (
    f"INSERT INTO {Delivery._meta.db_table} ({', '.join(COLUMNS)}) VALUES {{}} "  # noqa: S608 - names of our own
    "ON CONFLICT DO NOTHING RETURNING endpoint_id, account, livemode, external_id"
)
PLACES = f"({', '.join(['%s'] * len(COLUMNS))})"


def receive(arrived: Sequence[Arrived]) -> list[Stored]:
    """Store webhooks in one transaction, which is on disk when this returns; one answer each, in order.

    Written as one plain INSERT, for this is the hot path: everything that is answered 2xx passes here.
    """
    first = {one.identity: one for one in reversed(arrived)}
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        rows = [value for one in first.values() for value in _row(one, now)]
        cursor.execute(INSERT.format(", ".join([PLACES] * len(first))), rows)
        new = {(endpoint, account, bool(livemode), id) for endpoint, account, livemode, id in cursor.fetchall()}
        again = [one for one in arrived if one.identity not in new or first[one.identity] is not one]
        if again:
            _count_duplicates(again)
        if any(one.said.livemode for one in first.values()):
            _note_live({one.endpoint_id for one in arrived if one.said.livemode}, now)
    repeated = {id(one) for one in again}
    return [Stored(duplicate=id(one) in repeated) for one in arrived]


def _row(one: Arrived, now: datetime) -> list[Any]:
    """The values of COLUMNS."""
    said, waiting = one.said, one.triage.state is DeliveryState.WAITING
    return [
        one.workspace_id,
        one.endpoint_id,
        said.account,
        said.livemode,
        said.id,
        said.type,
        said.api_version,
        _moment(datetime.fromtimestamp(said.created, UTC)),
        one.body,
        json.dumps(one.headers),
        sha256(one.body).hexdigest(),
        one.clock_ahead,
        0,
        0,
        _moment(now),
        one.triage.state.value,
        "",
        one.triage.why,
        "",
        "",
        _moment(now) if waiting else None,
        0,
        0,
    ]


def _moment(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _count_duplicates(again: Sequence[Arrived]) -> None:
    """Count requests whose delivery is stored already, and how many of them brought another body."""
    for (endpoint, account, livemode, external_id), count in Counter(one.identity for one in again).items():
        stored = Delivery.objects.filter(
            endpoint_id=endpoint, account=account, livemode=livemode, external_id=external_id
        )
        row = stored.select_for_update().get() if connection.features.has_select_for_update else stored.get()
        bodies = [one.body for one in again if one.identity == (endpoint, account, livemode, external_id)]
        differing = sum(sha256(body).hexdigest() != row.digest for body in bodies)
        stored.update(duplicates=row.duplicates + count, differing=row.differing + differing)


def _note_live(endpoints: set[int], now: datetime) -> None:
    Endpoint.objects.filter(pk__in=endpoints, first_live_at=None).update(first_live_at=now)
