"""Stripe's real CLI works against the fake, and the webhooks that follow are those of the real Stripe."""

from __future__ import annotations

import json

import pytest
import stripe

from tests.fake_stripe.cli import StripeCLI
from tests.fake_stripe.conftest import SECRET
from tests.fake_stripe.receiver import Receiver
from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.shapes import Object
from tests.fake_stripe.webhooks import Endpoint

pytestmark = pytest.mark.one_database

PAID = ["invoice.created", "invoice.updated", "invoice.finalized", "payment_intent.created", "charge.succeeded"]
PAID += ["payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded", "invoice_payment.paid"]
SUBSCRIBED = ["customer.created", "product.created", "price.created", "customer.updated", *PAID]
SUBSCRIBED += ["customer.subscription.created"]
TRIED = ["customer.created", "customer.updated", "invoice.created", "invoice.paid", "customer.subscription.created"]
QUOTED = ["customer.created", "product.created", "price.created", "quote.created"]
CHARGED = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
DEBITED = ["payment_intent.processing", "checkout.session.completed"]
ITEM = ["customer.created", "payment_method.attached", "customer.updated", "invoiceitem.created"]
FAILED = ["invoice.finalized", "charge.failed", "payment_intent.payment_failed", "invoice.updated"]

# What each trigger makes the real Stripe send, in the order of the events' making (see stripe trigger's fixtures).
TRIGGERS: dict[str, list[str]] = {
    "customer.created": ["customer.created"],
    "customer.updated": ["customer.created", "customer.updated"],
    "customer.deleted": ["customer.created", "customer.deleted"],
    "invoice.paid": [*ITEM, *PAID],
    "invoice.payment_succeeded": [*ITEM, *PAID],
    "invoice.payment_failed": [*ITEM, "invoice.created", *FAILED, "invoice.payment_failed"],
    "invoice.payment_action_required": [*ITEM, "invoice.payment_failed", "invoice.payment_action_required"],
    "customer.subscription.created": SUBSCRIBED,
    "customer.subscription.updated": [*SUBSCRIBED, "customer.subscription.updated"],
    "customer.subscription.deleted": [*SUBSCRIBED, "customer.subscription.deleted"],
    "customer.subscription.paused": [*TRIED, "customer.subscription.paused"],
    "customer.subscription.trial_will_end": [*TRIED, "customer.subscription.trial_will_end"],
    "subscription.payment_succeeded": SUBSCRIBED,
    "subscription.payment_failed": ["customer.created", *FAILED, "customer.subscription.created"],
    "checkout.session.completed": [*CHARGED, "checkout.session.completed"],
    "checkout.session.async_payment_succeeded": [
        *DEBITED,
        "charge.succeeded",
        "checkout.session.async_payment_succeeded",
    ],
    "checkout.session.async_payment_failed": [*DEBITED, "charge.failed", "checkout.session.async_payment_failed"],
    "checkout.session.expired": ["checkout.session.expired"],
    "charge.refunded": [*CHARGED, "refund.created", "charge.refunded"],
    "charge.dispute.created": [*CHARGED, "charge.dispute.created"],
    "charge.dispute.closed": [*CHARGED, "charge.dispute.created", "charge.dispute.closed"],
    "quote.created": QUOTED,
    "quote.finalized": [*QUOTED, "quote.finalized"],
    "quote.accepted": [*QUOTED, "quote.finalized", "customer.subscription.created", "quote.accepted"],
    "quote.canceled": [*QUOTED, "quote.canceled"],
}


@pytest.mark.parametrize("event_type", TRIGGERS)
def test_the_real_cli_completes_this_trigger_and_every_webhook_verifies(
    cli: StripeCLI, stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint, event_type: str
) -> None:
    result = cli.trigger(stripe_fake.base_url, event_type)
    assert result.code == 0, result.output
    assert stripe_fake.log == [], "nothing is sent before the test says so"

    stripe_fake.deliver()

    events = [construct(request.body, request.headers["stripe-signature"]) for request in receiver.requests]
    assert in_order(TRIGGERS[event_type], [event.type for event in events])
    assert len({event.id for event in events}) == len(events)
    assert {event.api_version for event in events} == {"2026-10-28.endive"}


def test_without_an_override_customer_and_invoice_have_no_email(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    cli.trigger(stripe_fake.base_url, "invoice.paid")

    customer, invoice = last(stripe_fake, "customer.created"), last(stripe_fake, "invoice.paid")
    assert (customer["email"], customer["name"]) == (None, None)
    assert (invoice["customer_email"], invoice["customer_name"]) == (None, None)
    assert invoice["amount_paid"] == 2000


@pytest.mark.parametrize("flag", ["--override", "--add"])
def test_an_override_gives_customer_and_invoice_that_email(cli: StripeCLI, stripe_fake: FakeStripe, flag: str) -> None:
    flags = (flag, "customer:email=ada@example.com", flag, "customer:name=Ada Lovelace")
    result = cli.trigger(stripe_fake.base_url, "invoice.paid", *flags)
    assert result.code == 0, result.output

    customer, invoice = last(stripe_fake, "customer.created"), last(stripe_fake, "invoice.paid")
    assert (customer["email"], customer["name"]) == ("ada@example.com", "Ada Lovelace")
    assert (invoice["customer_email"], invoice["customer_name"]) == ("ada@example.com", "Ada Lovelace")
    assert invoice["customer"] == customer["id"]


def test_a_refused_card_leaves_an_open_invoice_with_one_attempt(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    result = cli.trigger(stripe_fake.base_url, "invoice.payment_failed")
    assert result.code == 0, result.output

    invoice = last(stripe_fake, "invoice.payment_failed")
    assert (invoice["status"], invoice["attempted"], invoice["attempt_count"]) == ("open", True, 1)
    assert (invoice["amount_due"], invoice["amount_paid"], invoice["amount_remaining"]) == (2000, 0, 2000)
    # Stripe's fixture makes an invoice that nobody collects automatically, so no further attempt is planned.
    assert invoice["next_payment_attempt"] is None


def test_with_automatic_collection_the_next_attempt_is_planned(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    flags = ("--override", "invoice:auto_advance=true")
    result = cli.trigger(stripe_fake.base_url, "invoice.payment_failed", *flags)
    assert result.code == 0, result.output

    [event] = stripe_fake.of_type("invoice.payment_failed")
    assert event["data"]["object"]["next_payment_attempt"] == event["created"] + 3 * 24 * 3600


def test_an_override_that_stripe_would_refuse_is_refused(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    misspelt = cli.trigger(stripe_fake.base_url, "customer.created", "--override", "customer:emial=ada@example.com")
    assert misspelt.code == 1
    assert "unknown parameter: emial" in misspelt.output

    invalid = cli.trigger(stripe_fake.base_url, "customer.created", "--override", "customer:email=ada")
    assert invalid.code == 1
    assert "Invalid email address: ada" in invalid.output
    assert stripe_fake.events == []


def test_the_updates_beside_an_invoice_say_what_changed(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    cli.trigger(stripe_fake.base_url, "invoice.paid")
    cli.trigger(stripe_fake.base_url, "customer.updated")

    currency, metadata = stripe_fake.of_type("customer.updated")
    assert currency["data"]["previous_attributes"] == {"currency": None}
    assert currency["data"]["object"]["currency"] == "usd"
    assert metadata["data"]["previous_attributes"] == {"metadata": {"foo": None}}
    assert metadata["data"]["object"]["metadata"] == {"foo": "bar"}


def test_the_buyer_of_a_checkout_is_named_in_its_event(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    cli.trigger(stripe_fake.base_url, "checkout.session.completed")

    session = last(stripe_fake, "checkout.session.completed")
    assert session["customer"] is None
    assert session["customer_details"]["email"] == "stripe@example.com"
    assert session["customer_details"]["name"] == "Jenny Rosen"
    assert (session["status"], session["payment_status"], session["amount_total"]) == ("complete", "paid", 3000)


def test_a_subscription_line_names_product_price_and_period(cli: StripeCLI, stripe_fake: FakeStripe) -> None:
    cli.trigger(stripe_fake.base_url, "customer.subscription.created", "--override", "customer:email=ada@example.com")

    invoice = last(stripe_fake, "invoice.paid")
    [line] = invoice["lines"]["data"]
    subscription = last(stripe_fake, "customer.subscription.created")
    assert line["description"] == "1 × myproduct (at $15.00 / month)"
    assert line["period"]["end"] == subscription["items"]["data"][0]["current_period_end"]
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]
    assert invoice["billing_reason"] == "subscription_create"
    assert (subscription["status"], subscription["latest_invoice"]) == ("active", invoice["id"])


def test_the_cli_resends_an_event_under_its_old_id_with_a_new_signature(
    cli: StripeCLI, stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    cli.trigger(stripe_fake.base_url, "customer.created")
    stripe_fake.deliver()
    [event] = stripe_fake.events

    result = cli.resend(stripe_fake.base_url, event["id"], "--webhook-endpoint", endpoint.id)
    assert result.code == 0, result.output
    stripe_fake.deliver()

    assert [json.loads(request.body)["id"] for request in receiver.requests] == [event["id"]] * 2
    assert [attempt.number for attempt in stripe_fake.log] == [1, 2]
    for request in receiver.requests:
        construct(request.body, request.headers["stripe-signature"])


def construct(body: bytes, signature: str) -> stripe.Event:
    """What Stripe's own library makes of a webhook, or its SignatureVerificationError."""
    event: stripe.Event = stripe.Webhook.construct_event(body, signature, SECRET)
    return event


def last(fake: FakeStripe, event_type: str) -> Object:
    """The object of the newest event of this type."""
    found: Object = fake.of_type(event_type)[-1]["data"]["object"]
    return found


def in_order(wanted: list[str], got: list[str]) -> bool:
    """Whether `wanted` occurs in `got` in this order, with others in between or not; the last one last."""
    rest = iter(got)
    return all(name in rest for name in wanted) and got[-1] == wanted[-1]
