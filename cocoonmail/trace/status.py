"""How much there is of everything, by state."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet

from cocoonmail.accounts.epoch import paused
from cocoonmail.contacts.models import Contact, Event
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.claims import LEASE
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import LoopState, Run, RunState


def status() -> dict[str, Any]:
    """Counts over the whole installation, and whether mail may leave.

    `backlog` is what is due or being worked on, not what waits for a time.
    """
    return {
        "deliveries": _by(Delivery.objects.all(), "state"),
        "contacts": Contact.objects.count(),
        "events": Event.objects.count(),
        "runs": _by(Run.objects.all(), "state"),
        "messages": _by(Message.objects.all(), "status"),
        "backlog": backlog(),
        "sending": "paused" if paused() else "on",
    }


def backlog() -> int:
    """Rows that a worker should be taking now."""
    soon = database_now() + LEASE
    return (
        Delivery.objects.filter(state=DeliveryState.WAITING).count()
        + Run.objects.filter(state=RunState.WAITING, loop__state=LoopState.LIVE, due_at__lte=soon).count()
        + Message.objects.filter(status__in=[Status.QUEUED, Status.SENDING], due_at__lte=soon).count()
    )


def _by(rows: QuerySet[Any], field: str) -> dict[str, int]:
    return dict(rows.order_by().values_list(field).annotate(Count("pk")))
