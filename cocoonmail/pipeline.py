"""START HERE. A webhook becomes an email: three tables hand work to each other, and here are the hand-offs.

    Delivery --process--> Run --advance--> Message --send--> an email

Each arrow takes a batch of rows that the worker has claimed, does one transaction (sending: two, around the network)
and leaves the next rows. Whatever is done twice is done once: the database refuses the second event, run or message.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from cocoonmail import counts
from cocoonmail.contacts.apply import apply
from cocoonmail.contacts.changes import Unreadable
from cocoonmail.contacts.models import Event
from cocoonmail.contacts.told import Applied, Told
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake import outcome
from cocoonmail.intake.backfill import quiet_ones
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.intake.parked import take_up
from cocoonmail.intake.read import Setups, read, setups_of
from cocoonmail.intake.triage import Triage
from cocoonmail.kit.changes import Channel, tell
from cocoonmail.kit.claims import settle
from cocoonmail.kit.rows import read_where
from cocoonmail.loops.advance import advance as advance_runs
from cocoonmail.loops.advance import begin
from cocoonmail.loops.enrol import enrol
from cocoonmail.loops.models import Loop, LoopState, Run, RunState, UnknownPolicy


def process(deliveries: Sequence[Delivery], now: datetime) -> None:
    """Delivery → Run: read the payloads, make the contacts true, record the events, begin the runs they set off."""
    setups, quiet = setups_of(deliveries), quiet_ones(deliveries)
    told: list[tuple[Delivery, Told]] = []
    for delivery in deliveries:
        try:
            match read(delivery, setups[delivery.endpoint_id]):
                case Triage() as triage:
                    outcome.sorted_out(delivery, triage, now)
                case Told() as one:
                    told.append((delivery, one))
        except Unreadable as error:
            outcome.unreadable(delivery, error, now)
    with transaction.atomic():
        applied, arrivals = apply([one for _, one in told], now)
        runs = enrol(_setting_off(told, applied, quiet), now)
        messages = begin(runs, now)
        for (delivery, one), result in zip(told, applied, strict=True):
            outcome.applied(delivery, one, result, now, quiet=delivery.backfill_id in quiet)
        settle(deliveries, outcome.FIELDS)
        take_up(arrivals, now)
        if messages:
            tell(Channel.SENDING)
    _count(deliveries, len(runs), len(messages))


def readings(deliveries: Sequence[Delivery]) -> list[Callable[[], object]]:
    """Reading each of them, which only computes."""
    setups = setups_of(deliveries)
    return [partial(_read, delivery, setups) for delivery in deliveries]


def _read(delivery: Delivery, setups: Setups) -> None:
    read(delivery, setups[delivery.endpoint_id])


def _setting_off(
    told: Sequence[tuple[Delivery, Told]], applied: Sequence[Applied], quiet: Collection[int]
) -> list[Event]:
    """The new events, without those of backfills that are to start no loop."""
    pairs = zip(told, applied, strict=True)
    return [new.event for (one, _), new in pairs if new.event is not None and one.backfill_id not in quiet]


def _count(deliveries: Sequence[Delivery], runs: int, messages: int) -> None:
    for delivery in deliveries:
        counts.PROCESSED.add(delivery.state)
    counts.RUNS.add("began", runs)
    counts.MESSAGES.add(by=messages)


def advance(runs: Sequence[Run], now: datetime) -> None:
    """Run → Message: take each contact along its loop until it has to wait or has come to the end."""
    with transaction.atomic():
        messages = advance_runs(runs, now)
        if messages:
            tell(Channel.SENDING)
    counts.RUNS.add("advanced", len(runs))
    counts.MESSAGES.add(by=len(messages))


# Message → an email: `send` in emails/send.py, which the worker runs beside these two, for it waits for the network.


def due_deliveries() -> QuerySet[Delivery]:
    """What `process` may claim."""
    return Delivery.objects.filter(state__in=[DeliveryState.WAITING, DeliveryState.PARKED])


def due_runs() -> QuerySet[Run]:
    """What `advance` may claim: nothing of a loop that is paused."""
    return Run.objects.filter(state=RunState.WAITING, loop__state=LoopState.LIVE)


def due_messages() -> QuerySet[Message]:
    """What `send` may claim: nothing of a loop that is paused."""
    paused = Loop.objects.filter(state=LoopState.PAUSED).values("pk")
    return Message.objects.filter(status=Status.QUEUED).exclude(loop_id__in=paused)


def paused_loops(ids: Collection[int]) -> set[int]:
    """Those of these loops that stand still; inside a transaction none can be paused before that ends."""
    states = read_where(Loop, ["id", "state"], {"id": ids}, share=True)
    return {pk for pk, state in states if state == LoopState.PAUSED}


def resending_loops(ids: Collection[int]) -> set[int]:
    """Those of these loops that send a message again by themselves, once, when nobody knows whether it left."""
    willing = Loop.objects.filter(pk__in=ids, unknown_policy=UnknownPolicy.RESEND_ONCE)
    return set(willing.values_list("pk", flat=True))
