"""Process a delivery again. Its effects stay once: the database refuses the second event, run or message."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from cocoonmail.intake.models import Delivery, DeliveryState


def process_again(delivery: Delivery, now: datetime) -> None:
    """Put a delivery back to the beginning. A worker that holds it at this moment loses its hold."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.WAITING, due_at=now, attempts=0, epoch=F("epoch") + 1
    )
