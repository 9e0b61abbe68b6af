"""Put authentic webhooks on disk: many in one transaction, each one once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from cocoonmail.intake import columns
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.intake.triage import Triage
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows
from cocoonmail.kit.sqlite.base import DatabaseWrapper
from cocoonmail.platforms.base import Announcement

# What makes a delivery one: (endpoint, account, livemode, external id).
Identity: TypeAlias = tuple[int, str, bool, str]


class Arrived(NamedTuple):
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


NEW, AGAIN = Stored(duplicate=False), Stored(duplicate=True)

INSERT = f"INSERT INTO {Delivery._meta.db_table} ({', '.join([*columns.NAMES, *columns.CONSTANTS])})"
UNLESS_STORED = "ON CONFLICT DO NOTHING RETURNING endpoint_id, account, livemode, external_id"
_json = msgspec.json.encode
_known_live: set[int] = set()  # Endpoints whose first live event is noted


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
    """Store webhooks whose endpoints are there."""
    new: Collection[Identity] | None = None
    if not _live(arrived) - _known_live:
        if connection.vendor != "postgresql":
            if _all_at_once(arrived):
                return [NEW] * len(arrived)
        # One statement, a transaction of its own: no way to the database for BEGIN, the time and COMMIT each.
        elif len(new := _insert_new(arrived)) == len(arrived):
            return [NEW] * len(arrived)
    return _store_or_count(arrived, new)


def _store_or_count(arrived: Sequence[Arrived], new: Collection[Identity] | None) -> list[Stored]:
    """Store what is new, unless those that were are known already, and count the others."""
    first: dict[Identity, Arrived] = {}
    for one in arrived:
        first.setdefault(one.identity, one)
    with transaction.atomic():
        if new is None:
            new = _insert_new(list(first.values()))
        again = [one for one in arrived if one.identity not in new or first[one.identity] is not one]
        if again:
            _count_duplicates(again)
        _note_live(_live(arrived))
    repeated = {id(one) for one in again}
    return [AGAIN if id(one) in repeated else NEW for one in arrived]


def _all_at_once(arrived: Sequence[Arrived]) -> bool:
    """The hot path on SQLite: one plain INSERT, which writes all of them, or nothing where one cannot be written so.

    The statement is a transaction of its own: the interpreter's lock, which the event loop holds most of the time, has
    to be had back once in place of once for BEGIN, INSERT and COMMIT each, and once for every row returned.
    """
    try:
        with cast(DatabaseWrapper, connection).turn():
            _execute("", arrived)
    except IntegrityError:
        return False
    return True


def _insert_new(first: Sequence[Arrived]) -> Collection[Identity]:
    """Insert those that are not stored already; the database tells which."""
    rows = _insert_arrays(first) if connection.vendor == "postgresql" else _execute(UNLESS_STORED, first)
    if rows.rowcount == len(first):
        return [one.identity for one in first]
    return {(endpoint, account, bool(livemode), id) for endpoint, account, livemode, id in rows.fetchall()}


def _insert_arrays(arrived: Sequence[Arrived]) -> Any:
    """Insert those that are not stored already, on PostgreSQL; returns the cursor."""
    connection.ensure_connection()
    try:
        with connection.wrap_database_errors:
            return columns.insert(connection.connection, arrived)
    except (OperationalError, InterfaceError):
        connection.close()  # It may have broken, and outside of a transaction nobody else would notice.
        raise


def _execute(ending: str, arrived: Sequence[Arrived]) -> Any:
    """Insert all, on SQLite; returns the cursor. The driver is asked directly, for Django would look at each value."""
    moment = _moment(database_now())
    values = [value for one in arrived for value in _row(one, moment)]
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return connection.connection.execute(f"{INSERT} VALUES {_places(len(arrived))} {ending}", values)


@lru_cache(maxsize=1200)
def _places(rows: int) -> str:
    return ", ".join([f"({', '.join([*['?'] * len(columns.NAMES), *columns.CONSTANTS.values()])})"] * rows)


def _row(one: Arrived, moment: Any) -> tuple[Any, ...]:
    """The values of columns.NAMES."""
    said, waiting = one.said, one.triage.state is DeliveryState.WAITING
    return (
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
        one.clock_ahead,
        moment,
        one.triage.state.value,
        one.triage.why,
        moment if waiting else None,
    )


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
    ).only("endpoint_id", "account", "livemode", "external_id", "body", "duplicates", "differing", "backfill_id")
    if connection.features.has_select_for_update:
        rows = rows.order_by("pk").select_for_update()
    stored = {(row.endpoint_id, row.account, row.livemode, row.external_id): row for row in rows}
    for one in again:
        row = stored[one.identity]
        row.duplicates += 1
        # What a backfill fetched was a part of a list, and is written otherwise.
        row.differing += bool(row.body) and row.backfill_id is None and one.body != bytes(row.body)
    update_rows(list(stored.values()), ["duplicates", "differing"])


def _live(arrived: Sequence[Arrived]) -> set[int]:
    """The endpoints that live events came to."""
    return {one.endpoint_id for one in arrived if one.said.livemode}


def _note_live(endpoints: set[int]) -> None:
    """Remember when an endpoint's first live event came; asked of the database once per process."""
    if endpoints - _known_live:
        Endpoint.objects.filter(pk__in=endpoints, first_live_at=None).update(first_live_at=database_now())
        transaction.on_commit(lambda: _known_live.update(endpoints))
