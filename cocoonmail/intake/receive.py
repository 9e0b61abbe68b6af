"""Put authentic webhooks on disk: many in one transaction, each one once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec
from django.db import IntegrityError, connection, transaction

from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.intake.triage import Triage
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows
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
    """The webhook is on disk: by this request, or by an earlier one with the same id. Unless its endpoint is gone."""

    duplicate: bool
    gone: bool = False


COLUMNS = (
    "workspace_id endpoint_id account livemode external_id type api_version occurred_at body headers digest "
    "clock_ahead duplicates differing received_at state understood result trouble customer_key due_at epoch attempts"
).split()
INSERT = (
    f"INSERT INTO {Delivery._meta.db_table} ({', '.join(COLUMNS)}) VALUES {{}} "  # noqa: S608 - names of our own
    "ON CONFLICT DO NOTHING RETURNING endpoint_id, account, livemode, external_id"
)
_json = msgspec.json.encode
PLACES = f"({', '.join(['%s'] * len(COLUMNS))})"


def receive(arrived: Sequence[Arrived]) -> list[Stored]:
    """Store webhooks in one transaction, which is on disk when this returns; one answer each, in order.

    Those of an endpoint that was deleted a moment ago are left out, so that they do not take the others with them.
    """
    try:
        return _store(arrived)
    except IntegrityError:
        there = set(Endpoint.objects.filter(pk__in={one.endpoint_id for one in arrived}).values_list("pk", flat=True))
        rest = [one for one in arrived if one.endpoint_id in there]
        if len(rest) == len(arrived):
            raise
        stored = iter(_store(rest) if rest else ())
        return [next(stored) if one.endpoint_id in there else Stored(False, gone=True) for one in arrived]


def _store(arrived: Sequence[Arrived]) -> list[Stored]:
    """Store webhooks whose endpoints are there.

    Written as one plain INSERT, for this is the hot path: everything that is answered 2xx passes here.
    """
    first: dict[Identity, Arrived] = {}
    for one in arrived:
        first.setdefault(one.identity, one)
    with transaction.atomic(), connection.cursor() as cursor:
        now = database_now()
        moment = _moment(now)
        rows = [value for one in first.values() for value in _row(one, moment)]
        cursor.execute(INSERT.format(", ".join([PLACES] * len(first))), rows)
        new = {(endpoint, account, bool(livemode), id) for endpoint, account, livemode, id in cursor.fetchall()}
        again = [one for one in arrived if one.identity not in new or first[one.identity] is not one]
        if again:
            _count_duplicates(again)
        if any(one.said.livemode for one in first.values()):
            _note_live({one.endpoint_id for one in arrived if one.said.livemode}, now)
    repeated = {id(one) for one in again}
    return [Stored(duplicate=id(one) in repeated) for one in arrived]


def _row(one: Arrived, moment: Any) -> list[Any]:
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
        _second(said.created),
        one.body,
        _json(one.headers).decode(),
        sha256(one.body).hexdigest(),
        one.clock_ahead,
        0,
        0,
        moment,
        one.triage.state.value,
        "",
        one.triage.why,
        "",
        "",
        moment if waiting else None,
        0,
        0,
    ]


def _moment(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


@lru_cache(maxsize=1000)
def _second(seconds: int) -> Any:
    """A second since 1970 as the database takes it; many events come in the same one."""
    return _moment(datetime.fromtimestamp(seconds, UTC))


def _count_duplicates(again: Sequence[Arrived]) -> None:
    """Count requests whose delivery is stored already, and how many of them brought another body."""
    rows = Delivery.objects.filter(
        endpoint_id__in={one.endpoint_id for one in again}, external_id__in={one.said.id for one in again}
    ).only("endpoint_id", "account", "livemode", "external_id", "digest", "duplicates", "differing")
    if connection.features.has_select_for_update:
        rows = rows.order_by("pk").select_for_update()
    stored = {(row.endpoint_id, row.account, row.livemode, row.external_id): row for row in rows}
    for one in again:
        row = stored[one.identity]
        row.duplicates += 1
        row.differing += sha256(one.body).hexdigest() != row.digest
    update_rows(list(stored.values()), ["duplicates", "differing"])


def _note_live(endpoints: set[int], now: datetime) -> None:
    Endpoint.objects.filter(pk__in=endpoints, first_live_at=None).update(first_live_at=now)
