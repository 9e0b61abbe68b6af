"""Process a delivery again. Its effects stay once: the database refuses the second event, run or message."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from cocoonmail.intake.models import Delivery, DeliveryState


def process_again(delivery: Delivery, now: datetime) -> bool:
    """Put a delivery back to the beginning. A worker that holds it at this moment loses its hold.

    Returns False, and changes nothing, where its body is not kept any more.
    """
    kept = Delivery.objects.filter(pk=delivery.pk).exclude(body=b"")
    return bool(kept.update(state=DeliveryState.WAITING, due_at=now, attempts=0, epoch=F("epoch") + 1))
