"""Sample events in the shape of the newest API version, for "Send a test event", `cocoonmail trigger` and tests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from cocoonmail.platforms.stripe.scene import AMOUNT, DAY, MONTH, Json, Scene
from cocoonmail.platforms.stripe.specimens import charge, customer, dispute, invoice, quote, session, subscription

API_VERSION = "2026-10-28.endive"

# A text cannot look like one, for it ends in a quotation mark.
_EMPTY_LIST = re.compile(r"^( *)(.*)\[\](?=,?$)", re.MULTILINE)

# The object that an event is about, and the old values of what changed, for events that tell.
Made: TypeAlias = tuple[Json, Json | None]


def sample(event_type: str, *, email: str | None, name: str, now: int, livemode: bool = False, token: str) -> Json:
    """An event of a type in SAMPLES that happens `now` (seconds since 1970) to one person.

    `token` makes its ids unique. The customer's id comes from the email alone, so that several samples for one
    address are about one customer. Raises KeyError for other types.
    """
    scene = Scene(email, name, now, livemode, token)
    made, previous = SAMPLES[event_type](scene)
    data: Json = {"object": made} if previous is None else {"object": made, "previous_attributes": previous}
    return {
        "id": scene.new("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": scene.new("req"), "idempotency_key": None},
        "type": event_type,
    }


def body(event: Json) -> bytes:
    """The event's bytes as Stripe writes them: indented by two, not escaped to ASCII, empty lists over three lines."""
    written = _EMPTY_LIST.sub(r"\1\2[\n\n\1]", json.dumps(event, indent=2, ensure_ascii=False))
    return written.encode("utf-8", "surrogatepass")


def _customer_created(scene: Scene) -> Made:
    return customer(scene), None


def _customer_updated(scene: Scene) -> Made:
    return customer(scene) | {"created": scene.now - DAY, "phone": "+4722000000"}, {"phone": None}


def _customer_deleted(scene: Scene) -> Made:
    return customer(scene) | {"created": scene.now - DAY}, None


def _invoice_paid(scene: Scene) -> Made:
    paid = invoice(scene) | {"amount_paid": AMOUNT, "amount_remaining": 0, "auto_advance": False, "status": "paid"}
    paid["status_transitions"] |= {"paid_at": scene.now}
    return paid, None


def _invoice_payment_failed(scene: Scene) -> Made:
    return invoice(scene) | {"next_payment_attempt": scene.now + 3 * DAY}, None


def _invoice_upcoming(scene: Scene) -> Made:
    coming = invoice(scene) | {
        "attempt_count": 0,
        "attempted": False,
        "billing_reason": "upcoming",
        "created": scene.now + 7 * DAY,
        "next_payment_attempt": scene.now + 7 * DAY + 3600,
        "number": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "status": "draft",
        "status_transitions": {},
    }
    del coming["id"]
    return coming, None


def _subscription_created(scene: Scene) -> Made:
    return subscription(scene), None


def _subscription_updated(scene: Scene) -> Made:
    ending = {"cancel_at": scene.now + MONTH, "cancel_at_period_end": True, "canceled_at": scene.now}
    before = {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}
    return subscription(scene) | ending, before


def _subscription_paused(scene: Scene) -> Made:
    return subscription(scene) | {"status": "paused"}, {"status": "trialing"}


def _subscription_resumed(scene: Scene) -> Made:
    return subscription(scene), {"status": "paused"}


def _subscription_trial_will_end(scene: Scene) -> Made:
    trial = {"status": "trialing", "trial_start": scene.now - 11 * DAY, "trial_end": scene.now + 3 * DAY}
    return subscription(scene) | trial, None


def _subscription_deleted(scene: Scene) -> Made:
    ended = {"status": "canceled", "canceled_at": scene.now, "ended_at": scene.now}
    why = {"comment": None, "feedback": "too_expensive", "reason": "cancellation_requested"}
    return subscription(scene) | ended | {"cancellation_details": why}, None


def _checkout_completed(scene: Scene) -> Made:
    return session(scene), None


def _checkout_async_payment_failed(scene: Scene) -> Made:
    return session(scene) | {"payment_status": "unpaid"}, None


def _charge_refunded(scene: Scene) -> Made:
    return charge(scene) | {"amount_refunded": AMOUNT, "refunded": True}, {"amount_refunded": 0, "refunded": False}


def _dispute_created(scene: Scene) -> Made:
    return dispute(scene), None


def _dispute_closed(scene: Scene) -> Made:
    return dispute(scene) | {"status": "won"}, None


def _quote_finalized(scene: Scene) -> Made:
    return quote(scene), None


def _quote_accepted(scene: Scene) -> Made:
    return quote(scene) | {"status": "accepted", "subscription": scene.subscription}, None


def _quote_canceled(scene: Scene) -> Made:
    return quote(scene) | {"status": "canceled"}, None


SAMPLES: Mapping[str, Callable[[Scene], Made]] = {
    "customer.created": _customer_created,
    "customer.updated": _customer_updated,
    "invoice.paid": _invoice_paid,
    "invoice.payment_failed": _invoice_payment_failed,
    "customer.deleted": _customer_deleted,
    "customer.subscription.created": _subscription_created,
    "customer.subscription.updated": _subscription_updated,
    "customer.subscription.paused": _subscription_paused,
    "customer.subscription.resumed": _subscription_resumed,
    "customer.subscription.trial_will_end": _subscription_trial_will_end,
    "customer.subscription.deleted": _subscription_deleted,
    "checkout.session.completed": _checkout_completed,
    "checkout.session.async_payment_succeeded": _checkout_completed,
    "checkout.session.async_payment_failed": _checkout_async_payment_failed,
    "charge.dispute.created": _dispute_created,
    "charge.dispute.closed": _dispute_closed,
    "charge.refunded": _charge_refunded,
    "invoice.upcoming": _invoice_upcoming,
    "quote.finalized": _quote_finalized,
    "quote.accepted": _quote_accepted,
    "quote.canceled": _quote_canceled,
}
