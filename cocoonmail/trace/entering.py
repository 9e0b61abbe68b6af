"""Which loops an event set off, and why it did not set off the others that name it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cocoonmail.contacts.models import Contact, Event
from cocoonmail.intake.backfill import quiet_ones
from cocoonmail.intake.models import Delivery
from cocoonmail.loops.enrol import PAUSED_QUEUE
from cocoonmail.loops.models import Frequency, Loop, LoopState, LoopVersion, Run


@dataclass(frozen=True, slots=True)
class Doors:
    """A workspace's loops, and since when each one has been waiting for which event, by (loop id, event name id).

    `quiet` are the ids of the events that were to start no loop, whichever waits for them.
    """

    loops: Sequence[Loop]
    since: Mapping[tuple[int, int], datetime]
    quiet: Collection[int] = ()

    def waiting_for(self, name_id: int) -> list[Loop]:
        """The loops that name this event, as published or as drafted."""
        return [loop for loop in self.loops if name_id in (loop.trigger_id, _published_trigger(loop))]


def doors_of(workspace_id: int, events: Sequence[Event]) -> Doors:
    """As far as these events want to know. Four queries at most."""
    loops = Loop.objects.filter(workspace_id=workspace_id).select_related("published", "trigger").order_by("name")
    versions = LoopVersion.objects.filter(workspace_id=workspace_id).order_by("-published_at")
    since = {(loop, name): at for loop, name, at in versions.values_list("loop_id", "trigger_id", "published_at")}
    return Doors(list(loops), since, _quiet(events))


def _quiet(events: Sequence[Event]) -> set[int]:
    """The ids of those that backfills fetched which start no loops."""
    ids = [event.delivery_id for event in events if event.delivery_id is not None]
    fetched = list(Delivery.objects.filter(pk__in=ids, backfill_id__isnull=False).only("backfill_id"))
    backfills = quiet_ones(fetched)
    deliveries = {delivery.pk for delivery in fetched if delivery.backfill_id in backfills}
    return {event.pk for event in events if event.delivery_id in deliveries}


def entrances(event: Event, doors: Doors, runs: Sequence[Run]) -> list[str]:
    """What the event did to each loop that names it, in words; `runs` are the contact's."""
    words = list(_entrances(event, doors, runs))
    return words or ["no live loop waits for this event"]


def _entrances(event: Event, doors: Doors, runs: Sequence[Run]) -> Iterator[str]:
    begun = {run.loop_id: run for run in runs if run.event_id == event.pk}
    yield from (f"began “{run.loop}”" for run in begun.values())
    for loop in doors.waiting_for(event.name_id):
        if loop.pk not in begun:
            yield shut(loop, event, doors, runs)


def shut(loop: Loop, event: Event, doors: Doors, runs: Sequence[Run]) -> str:
    """Why this loop, which names the event, did not take the contact in by it."""
    if event.pk in doors.quiet:
        return f"“{loop}” was not started: the event was fetched by a backfill that starts no loops"
    return _shut(loop, event, doors, runs)


def _shut(loop: Loop, event: Event, doors: Doors, runs: Sequence[Run]) -> str:
    since = doors.since.get((loop.pk, event.name_id))
    before = next((run for run in runs if run.loop_id == loop.pk and run.event_id != event.pk), None)
    if loop.state == LoopState.DRAFT:
        return f"“{loop}” is a draft and takes nobody in"
    if since is None or _published_trigger(loop) != event.name_id:
        return f"“{loop}” waits for it only in its unpublished draft"
    if since > event.recorded_at:
        return f"“{loop}” was started later"
    if loop.state == LoopState.PAUSED and loop.paused_at and event.recorded_at > loop.paused_at + PAUSED_QUEUE:
        return f"“{loop}” had been paused for more than 24 hours and took nobody in"
    if before is not None and loop.published and loop.published.frequency == Frequency.ONE_TIME:
        return f"this contact had been in “{loop}” before, and it takes each one in one time"
    return f"“{loop}” was not taking contacts in at that moment"


def silence(loop: Loop, contact: Contact) -> str:
    """Why a loop that this contact never came near took no notice of them, given that none of its events happened."""
    if loop.state == LoopState.DRAFT:
        return f"“{loop}” is a draft: it takes nobody in until it is started"
    waits_for = loop.published.trigger if loop.published else loop.trigger
    paused = ", and it is paused" if loop.state == LoopState.PAUSED else ""
    return f"“{loop}” waits for {waits_for}, which never happened to {contact.email}{paused}"


def _published_trigger(loop: Loop) -> int | None:
    return loop.published.trigger_id if loop.published else None
