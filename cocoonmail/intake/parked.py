"""Deliveries about customers whom nobody has introduced yet: parked, taken up when they arrive, or given up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

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


def take_up(arrivals: Iterable[CustomerKey], now: datetime) -> int:
    """Make the deliveries due that waited for these customers. Returns how many there are."""
    count = 0
    for key in arrivals:
        waiting = Delivery.objects.filter(
            endpoint_id=key.endpoint_id,
            account=key.account,
            livemode=key.livemode,
            customer_key=key.external_id,
            state__in=[DeliveryState.PARKED, DeliveryState.NO_ADDRESS],
            received_at__gt=now - PATIENCE,
        )
        count += waiting.update(state=DeliveryState.WAITING, due_at=now, attempts=0)
    return count
