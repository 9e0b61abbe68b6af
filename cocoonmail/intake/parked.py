"""Deliveries about customers whom nobody has introduced yet: parked, taken up when they arrive, or given up."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import QuerySet

from cocoonmail.contacts.told import CustomerKey
from cocoonmail.intake.models import Delivery, DeliveryState

PATIENCE = timedelta(days=7)  # After this a parked delivery is given up, visibly
# A parked delivery is looked at again by itself too, for a customer who arrives while it is being parked on another
# machine would be missed otherwise: soon at first, then ever more rarely.
FIRST_LOOK, LAST_LOOK = timedelta(seconds=10), timedelta(hours=6)

assert LAST_LOOK < PATIENCE  # It is looked at before it is given up.


def next_look(delivery: Delivery, now: datetime) -> datetime | None:
    """When to look at a parked delivery again; None when it is time to give it up."""
    age = now - delivery.received_at
    if age >= PATIENCE:
        return None
    return min(now + max(FIRST_LOOK, min(age, LAST_LOOK)), delivery.received_at + PATIENCE)


def take_up(arrivals: Collection[CustomerKey], now: datetime) -> int:
    """Make the deliveries due that waited for these customers. Returns how many there are."""
    if not arrivals:
        return 0
    waiting = _waiting().filter(
        endpoint_id__in={key.endpoint_id for key in arrivals}, customer_key__in={key.external_id for key in arrivals}
    )
    recent = waiting.filter(received_at__gt=now - PATIENCE).defer("body")
    ids = [row.pk for row in recent if _customer(row) in arrivals]
    if not ids:
        return 0
    return _waiting().filter(pk__in=ids).update(state=DeliveryState.WAITING, due_at=now, attempts=0)


def _waiting() -> QuerySet[Delivery]:
    """What waits for its customer, with the very words of the index's condition: a parameter would keep it unused."""
    return Delivery.objects.extra(where=["state IN ('parked', 'no_address')"])


def _customer(row: Delivery) -> CustomerKey:
    return CustomerKey(row.workspace_id, row.endpoint_id, row.account, row.livemode, row.customer_key)
