"""What followed from a delivery: the events it recorded, the runs they began, the messages that were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cocoonmail.contacts.models import Event
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.loops.models import LoopState, Run, RunState

SHOWN_MAX = 100  # Of each kind

MOVING = (Status.QUEUED, Status.SENDING)


@dataclass(frozen=True, slots=True)
class Followed:
    """Each in the order in which it came about; a message's `version` is loaded, an event's name, a run's loop."""

    events: Sequence[Event]
    runs: Sequence[Run]
    messages: Sequence[Message]


def followed(delivery: Delivery) -> Followed:
    """What came of a delivery so far."""
    workspace = delivery.workspace_id
    events = Event.objects.filter(workspace=workspace, delivery_id=delivery.pk).select_related("name", "contact")
    known = list(events.order_by("pk")[:SHOWN_MAX])
    runs = list(Run.objects.filter(event__in=known).select_related("loop", "contact").order_by("pk")[:SHOWN_MAX])
    messages = Message.objects.filter(workspace=workspace, run_id__in=[run.pk for run in runs])
    return Followed(known, runs, list(messages.select_related("version").order_by("pk")[:SHOWN_MAX]))


def settled(delivery: Delivery, so_far: Followed, now: datetime) -> bool:
    """Whether nothing more follows by itself at this moment: what waits for a later time counts as settled."""
    moving = any(_moves(run, now) for run in so_far.runs)
    going = any(message.status in MOVING for message in so_far.messages)
    return delivery.state != DeliveryState.WAITING and not moving and not going


def _moves(run: Run, now: datetime) -> bool:
    """Whether a worker has the run in hand or should take it up now; what it holds is due only when its lease ends."""
    waits = run.state == RunState.WAITING and run.loop.state == LoopState.LIVE
    return waits and (run.attempts > 0 or (run.due_at is not None and run.due_at <= now))
