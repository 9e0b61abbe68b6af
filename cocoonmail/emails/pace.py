"""When each final dot may leave: slots that hold over processes and restarts, for each key is a row (promise S7).

A slot is taken in the transaction that writes the message's mark, so a worker that is killed wastes a slot at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from django.db import connection
from django.db.models import Q, QuerySet

from cocoonmail.emails.limits import JITTER, Key, Limits
from cocoonmail.emails.models import Pace
from cocoonmail.kit.rows import update_rows

PATIENCE = timedelta(seconds=2)  # How far ahead a slot is given; who waits for longer waits in the queue
LEAD = timedelta(milliseconds=50)  # What the mark's commit may take of the time before the slot
CLOCK_FAULT = timedelta(seconds=60)  # A slot that is further ahead was given before the clock was set back
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

assert LEAD < PATIENCE
assert PATIENCE * 2 < CLOCK_FAULT  # Whoever waited for the lock has an old `now`.

Row: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Slot:
    """The final dot may leave between these two moments of the database's clock. Once they are over, ask again."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Later:
    """No slot was taken. Ask again at this moment; where it is further away than PATIENCE, wait in the queue."""

    at: datetime


Turn: TypeAlias = Slot | Later

# For a message that nothing limits.
ANY_TIME = Slot(LONG_AGO, datetime(9999, 1, 1, tzinfo=UTC))


def still_good(slot: Slot, now: datetime) -> bool:
    """Whether the dot may leave at this moment, which must not be estimated too early; no `await` before the dot."""
    return slot.starts <= now <= slot.ends


def reserve(wanted: Sequence[tuple[Key, ...]], now: datetime) -> list[Turn]:
    """Take a slot for each message, named by its keys, inside the caller's transaction, once, after all other locks.

    Without any key there is no query; else three. The slot counts from the commit on, for every process there is.
    """
    rows = {key.row for keys in wanted for key in keys}
    if not rows:
        return [ANY_TIME] * len(wanted)
    _make_missing(rows)
    paces = {(pace.workspace_id, pace.name): pace for pace in _locked(rows)}
    last = {row: pace.last_at for row, pace in paces.items()}
    turns = take_turns(wanted, last, now)
    moved = [pace for row, pace in paces.items() if pace.last_at != last[row]]
    for pace in moved:
        pace.last_at = last[pace.workspace_id, pace.name]
    if moved:
        update_rows(moved, ["last_at"])
    return turns


def not_before(wanted: Sequence[tuple[Key, ...]], now: datetime) -> list[datetime]:
    """When the dot of each message could leave, as it looks now; nothing is written. No query without a key."""
    rows = {key.row for keys in wanted for key in keys}
    last = dict.fromkeys(rows, LONG_AGO)
    if rows:
        found = Pace.objects.filter(_any_of(rows)).values_list("workspace_id", "name", "last_at")
        last |= {(workspace, name): last_at for workspace, name, last_at in found}
    turns = take_turns(wanted, last, now)
    return [max(now, turn.starts if isinstance(turn, Slot) else turn.at) for turn in turns]


def crowded(limits: Mapping[int, Limits], now: datetime) -> Q:
    """The messages that are not worth a claim, for their slots are given away for some time; to be excluded.

    `limits` by workspace, of those that have any; without any there is no query. It is told by the address as it is
    written, so what it does not see is put off one by one.
    """
    messages = Q(pk__in=[])
    if not limits:
        return messages
    for pace in Pace.objects.filter(workspace_id__in=limits, last_at__gt=now):
        own = limits[pace.workspace_id]
        rate = own.domains.get(pace.name) if pace.name else own.transport
        if rate and pace.last_at + Key(pace.workspace_id, pace.name, rate).interval > now + PATIENCE / 2:
            domain = Q(to_email__iendswith=f"@{pace.name}") if pace.name else Q()
            messages |= Q(workspace_id=pace.workspace_id) & domain
    return messages


def take_turns(wanted: Sequence[tuple[Key, ...]], last: MutableMapping[Row, datetime], now: datetime) -> list[Turn]:
    """Give each message its turn. `last` has the slot given last for each key's row, and has the new ones after."""
    for row, at in last.items():
        if at - now > CLOCK_FAULT:
            last[row] = now
    line = dict(last)
    return [_turn(keys, last, line, now) if keys else ANY_TIME for keys in wanted]


def _turn(keys: tuple[Key, ...], last: MutableMapping[Row, datetime], line: dict[Row, datetime], now: datetime) -> Turn:
    """`line` has where those that are put off stand, each with its key's next slot that nobody was promised."""
    ready = [max(now + LEAD, last[key.row] + key.interval) for key in keys]
    slot = max(ready)
    # A message whose domain is slow takes no slot of its transport that lies ahead: all others would wait behind it.
    if slot > now + PATIENCE or slot > ready[0]:
        for key in keys:
            line[key.row] = max(now + LEAD, line[key.row] + key.interval)
        return Later(max(line[key.row] for key in keys) - LEAD)
    for key in keys:
        last[key.row] = slot
        line[key.row] = max(slot, line[key.row] + key.interval)
    return Slot(slot, slot + JITTER)


def _make_missing(rows: set[Row]) -> None:
    """Before any is locked and in one order, or two workers would wait for each other."""
    missing = rows - set(Pace.objects.filter(_any_of(rows)).values_list("workspace_id", "name"))
    if missing:
        new = [Pace(workspace_id=workspace, name=name, last_at=LONG_AGO) for workspace, name in sorted(missing)]
        Pace.objects.bulk_create(new, ignore_conflicts=True)


def _locked(rows: set[Row]) -> QuerySet[Pace]:
    """Ours until the commit; on SQLite the transaction is the only writer."""
    paces = Pace.objects.filter(_any_of(rows)).order_by("pk")
    return paces.select_for_update() if connection.features.has_select_for_update else paces


def _any_of(rows: Iterable[Row]) -> Q:
    names: dict[int, list[str]] = {}
    for workspace, name in rows:
        names.setdefault(workspace, []).append(name)
    found = Q()
    for workspace, of_it in names.items():
        found |= Q(workspace_id=workspace, name__in=of_it)
    return found
