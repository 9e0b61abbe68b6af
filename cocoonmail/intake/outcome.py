"""Write on a delivery what became of it, in words that its page shows."""

from __future__ import annotations

from datetime import datetime

from cocoonmail.contacts.changes import Unreadable
from cocoonmail.contacts.told import Applied, Found, Told
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.intake.parked import PATIENCE, next_look
from cocoonmail.intake.triage import Triage

# What the functions below may change.
FIELDS = ["state", "understood", "result", "trouble", "customer_key", "contact", "due_at", "attempts", "processed_at"]


def sorted_out(delivery: Delivery, triage: Triage, now: datetime) -> None:
    """The endpoint's settings leave nothing to do."""
    _end(delivery, triage.state, triage.why, now)


def unreadable(delivery: Delivery, error: Unreadable, now: datetime) -> None:
    """The payload has an unexpected shape: kept, shown, and replayable once a newer version reads it."""
    _end(delivery, DeliveryState.FAILED, f"unexpected shape: {error}", now)


def failed(delivery: Delivery, trouble: str, now: datetime) -> None:
    """Processing raised too often."""
    _end(delivery, DeliveryState.FAILED, "processing failed; the trouble is shown below", now)
    delivery.trouble = trouble


def applied(delivery: Delivery, told: Told, result: Applied, now: datetime, *, quiet: bool = False) -> None:
    """The reading was applied, or waits for its customer. `quiet` where its event was to start no loop."""
    words = [*result.words, *_event_words(told, result)]
    if quiet and result.event is not None:
        words.append("its backfill starts no loops")
    delivery.contact = result.contact
    match result.found:
        case Found.CONTACT | Found.NOBODY:
            _end(delivery, DeliveryState.DONE, "; ".join(words), now)
        case Found.NO_ADDRESS:
            _end(delivery, DeliveryState.NO_ADDRESS, "; ".join(words), now)
        case Found.STRANGER:
            _park(delivery, "; ".join(words), now)


def _event_words(told: Told, result: Applied) -> list[str]:
    if result.contact is None:
        return []
    if result.event is not None:
        return [f"event {told.trigger} recorded"]
    if told.trigger:
        return [f"event {told.trigger} was recorded before, so nothing was triggered again"]
    if told.reading.happening.noise:
        return ["nothing changed that matters here, so no event was triggered"]
    return ["no event to trigger"]


def _park(delivery: Delivery, words: str, now: datetime) -> None:
    """Wait for the customer, or give up when that took too long."""
    due_at = next_look(delivery, now)
    if due_at is None:
        days = PATIENCE.days
        _end(delivery, DeliveryState.FAILED, f"given up: {delivery.customer_key} did not arrive for {days} days", now)
        return
    _end(delivery, DeliveryState.PARKED, f"{words}: parked until {delivery.customer_key} is known", now)
    delivery.due_at = due_at


def _end(delivery: Delivery, state: DeliveryState, result: str, now: datetime) -> None:
    delivery.state, delivery.result = state, result[:1000]
    delivery.due_at, delivery.attempts, delivery.processed_at, delivery.trouble = None, 0, now, ""
