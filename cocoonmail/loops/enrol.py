"""Who enters: one run in every loop that waits for an event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from cocoonmail.contacts.models import Event
from cocoonmail.loops.models import Frequency, Loop, LoopState, LoopVersion, Run

# A paused loop takes contacts in for this long, and keeps them until it goes on.
PAUSED_QUEUE = timedelta(hours=24)


def enrol(events: Sequence[Event], now: datetime) -> list[Run]:
    """The runs that events set off and that do not exist yet: each event starts a run once per loop.

    They are not saved: `advance.begin` does that, with their first steps already taken.
    """
    loops = _waiting_loops(events, now)
    if not loops:
        return []
    inside = _already_inside(events, loops)
    runs = {run.key: run for run in _runs(events, loops, now) if not _excluded(run, inside)}
    known = set(Run.objects.filter(workspace_id__in=_workspaces(events), key__in=runs).values_list("key", flat=True))
    return [run for key, run in runs.items() if key not in known]


def taking_in(now: datetime) -> Q:
    """Which loops take contacts in: the live ones, and those paused a short while ago."""
    return Q(state=LoopState.LIVE) | Q(state=LoopState.PAUSED, paused_at__gt=now - PAUSED_QUEUE)


def _waiting_loops(events: Sequence[Event], now: datetime) -> list[Loop]:
    names = {event.name_id for event in events}
    loops = Loop.objects.filter(taking_in(now), published__trigger__in=names)
    return list(loops.select_related("published", "workspace"))


def _already_inside(events: Sequence[Event], loops: Sequence[Loop]) -> set[tuple[int, int]]:
    """Which (loop, contact) pairs entered before, for loops that take each contact in once."""
    once = {loop.pk for loop in loops if loop.published and loop.published.frequency == Frequency.ONE_TIME}
    if not once:
        return set()
    runs = Run.objects.filter(loop_id__in=once, contact_id__in={event.contact_id for event in events})
    return set(runs.values_list("loop_id", "contact_id"))


def _runs(events: Sequence[Event], loops: Sequence[Loop], now: datetime) -> Iterator[Run]:
    for event in events:
        for loop in loops:
            if loop.published is not None and loop.published.trigger_id == event.name_id:
                yield _run(event, loop, loop.published, now)


def _run(event: Event, loop: Loop, version: LoopVersion, now: datetime) -> Run:
    once = version.frequency == Frequency.ONE_TIME
    return Run(
        workspace=loop.workspace,
        loop=loop,
        version=version,
        contact=event.contact,
        event=event,
        key=f"{version.loop_id}:c{event.contact_id}" if once else f"{version.loop_id}:e{event.pk}",
        step=version.steps[0]["id"] if version.steps else "",
        due_at=now,
        started_at=now,
    )


def _excluded(run: Run, inside: set[tuple[int, int]]) -> bool:
    return run.version.frequency == Frequency.ONE_TIME and (run.loop_id, run.contact_id) in inside


def _workspaces(events: Sequence[Event]) -> set[int]:
    return {event.workspace_id for event in events}
