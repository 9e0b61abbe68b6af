"""What waits, and for how long: asked of the database's indexes alone, so that a million rows are soon counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Count, Min, QuerySet

from cocoonmail import counts
from cocoonmail.accounts.epoch import why_paused
from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.kit.claims import Claimable, due_workspaces
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, LoopState, Run
from cocoonmail.watch.models import ALIVE, Worker

STANDING = (Status.UNKNOWN, Status.HELD, Status.FAILED)  # Messages that wait for a person


@dataclass(frozen=True, slots=True)
class Queue:
    """What one stage should be taking now: how many rows, and for how many seconds the first of them has been due."""

    rows: int
    age: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """The whole installation: queues by stage, deliveries and messages that stand still, workers that are alive.

    `paused` says why no mail leaves ("" when it does): its queue grows meanwhile.
    """

    queues: Mapping[str, Queue]
    parked: int
    failed: int
    standing: Mapping[str, int]
    workers: int
    paused: str


def look() -> Backlog | None:
    """The backlog; None where the database does not answer. Leaves no connection behind."""
    try:
        return backlog(database_now())
    except DatabaseError:
        counts.DATABASE_ERRORS.add("metrics")
        return None
    finally:
        connection.close()


def backlog(now: datetime) -> Backlog:
    """What waits at `now`."""
    standing = dict.fromkeys((status.value for status in STANDING), 0)
    return Backlog(
        queues={stage: _queue(due, now) for stage, due in due_rows(now).items()},
        parked=deliveries(DeliveryState.PARKED).count(),
        failed=deliveries(DeliveryState.FAILED).count(),
        standing=standing | dict(messages().values_list("status").annotate(Count("status")).order_by()),
        workers=Worker.objects.filter(seen_at__gt=now - ALIVE).count(),
        paused=why_paused(),
    )


def due_rows(now: datetime) -> dict[str, QuerySet[Any]]:
    """By stage, the rows that are due and that no worker holds; what is leased, or waits for a time, is due later.

    The loops that stand still are named only where there are some, for then the rows themselves have to be read.
    """
    due = {stage: _due(model, now) for stage, model in STAGES.items()}
    if paused := list(Loop.objects.filter(state=LoopState.PAUSED).values_list("pk", flat=True)):
        for stage in ("advance", "send"):
            due[stage] = due[stage].exclude(loop_id__in=paused)
    return due


STAGES: dict[str, type[Claimable]] = {"process": Delivery, "advance": Run, "send": Message}


def _due(model: Any, now: datetime) -> QuerySet[Any]:
    """Workspace by workspace, for that is how they are indexed."""
    due: QuerySet[Any] = model._default_manager.filter(workspace__in=due_workspaces(model, now), due_at__lte=now)
    return due


def _queue(due: QuerySet[Any], now: datetime) -> Queue:
    found = due.aggregate(rows=Count("due_at"), first=Min("due_at"))
    return Queue(found["rows"], max(0.0, (now - found["first"]).total_seconds()) if found["rows"] else 0.0)


def deliveries(state: DeliveryState) -> QuerySet[Delivery]:
    """Deliveries in this state, found endpoint by endpoint: that is how they are indexed."""
    return Delivery.objects.filter(endpoint__in=list(Endpoint.objects.values_list("pk", flat=True)), state=state)


def messages() -> QuerySet[Message]:
    """Messages that wait for a person, found workspace by workspace."""
    mine = list(Workspace.objects.values_list("pk", flat=True))
    return Message.objects.filter(workspace__in=mine, status__in=STANDING)
