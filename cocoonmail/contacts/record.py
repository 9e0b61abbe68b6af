"""Record events: each happening once per workspace and name, and names made on first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cocoonmail.contacts.models import Event, EventName
from cocoonmail.contacts.told import Applied, Told
from cocoonmail.kit.rows import insert_rows

PROPERTIES_MAX = 200  # Names remembered per event name


def record(told: Sequence[Told], applied: Sequence[Applied], now: datetime) -> None:
    """Record the events that readings trigger, inside the caller's transaction, and put each new one on its Applied."""
    wanted: dict[tuple[int, str], tuple[Told, Applied]] = {}
    for one, result in zip(told, applied, strict=True):
        if one.trigger and result.contact is not None:
            wanted.setdefault((one.workspace_id, _key(one)), (one, result))
    if not wanted:
        return
    known = _known_keys(wanted)
    names = event_names({(one.workspace_id, one.trigger) for one, _ in wanted.values()}, now)
    fresh = []
    for key, (one, result) in wanted.items():
        if key not in known:
            result.event = _event(one, result, names[one.workspace_id, one.trigger], key[1], now)
            fresh.append(result.event)
    insert_rows(fresh)
    _remember_properties(fresh)


def event_names(wanted: set[tuple[int, str]], now: datetime) -> dict[tuple[int, str], EventName]:
    """The event names by (workspace, name), made where they did not exist."""
    found = _stored_names(wanted)
    missing = sorted(wanted - found.keys())
    if missing:
        rows = [EventName(workspace_id=workspace, name=name, created_at=now) for workspace, name in missing]
        EventName.objects.bulk_create(rows, ignore_conflicts=True)
        found |= _stored_names(set(missing))
    return found


def _stored_names(wanted: set[tuple[int, str]]) -> dict[tuple[int, str], EventName]:
    workspaces, names = {w for w, _ in wanted}, {n for _, n in wanted}
    rows = EventName.objects.filter(workspace_id__in=workspaces, name__in=names)
    return {(row.workspace_id, row.name): row for row in rows}


def _key(told: Told) -> str:
    """What names the happening: who told us, in which mode and account, and the platform's own key."""
    change, mode = told.reading.change, "live" if told.reading.facts.livemode else "test"
    account = change.customer.account if change.customer else ""
    return f"{told.endpoint_id}:{account}:{mode}:{told.reading.happening.key}:{told.trigger}"


def _known_keys(wanted: Mapping[tuple[int, str], object]) -> set[tuple[int, str]]:
    rows = Event.objects.filter(workspace_id__in={w for w, _ in wanted}, key__in=[key for _, key in wanted])
    return set(rows.values_list("workspace_id", "key"))


def _event(told: Told, result: Applied, name: EventName, key: str, now: datetime) -> Event:
    happening = told.reading.happening
    return Event(
        workspace_id=told.workspace_id,
        name=name,
        contact=result.contact,
        key=key,
        properties=dict(happening.properties),
        delivery_id=told.delivery_id,
        test=not told.reading.facts.livemode,
        occurred_at=happening.occurred_at,
        recorded_at=now,
    )


def _remember_properties(events: Sequence[Event]) -> None:
    """Keep, per event name, which properties came with it and of which type."""
    for name in {event.name_id: event.name for event in events}.values():
        of_name = [event.properties for event in events if event.name_id == name.pk]
        news = set().union(*of_name) - name.properties.keys()
        if news and len(name.properties) < PROPERTIES_MAX:
            seen = {key: _type(value) for properties in of_name for key, value in properties.items() if key in news}
            name.properties = {**name.properties, **seen}
            name.save(update_fields=["properties"])


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list():
            return "list"
        case _:
            return "string"
