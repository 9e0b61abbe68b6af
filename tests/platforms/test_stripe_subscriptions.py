"""What Stripe's news about subscriptions mean, from the single plan of 2017 to the items of today."""

from __future__ import annotations

from typing import Any

import pytest

from cocoonmail.contacts.changes import Customer, Rank
from tests.platforms.stripe_events import NOW, event, read, told

DAY = 86_400
UPDATED = "customer.subscription.updated"


def item(**changes: Any) -> dict[str, Any]:
    """One item of a subscription."""
    price = {"id": "price_1", "object": "price", "product": "prod_1", "unit_amount": 1500, "currency": "usd"}
    return {"id": "si_1", "object": "subscription_item", "price": price, "quantity": 1} | changes


def test_a_subscription_names_its_customer_and_claims_nothing() -> None:
    reading = told("customer.subscription.created", customer="cus_Ada")
    assert reading.change.customer == Customer("cus_Ada", "", False)
    assert (reading.change.email, reading.change.claims, reading.change.rank) == ("", {}, Rank.COPY)


def test_every_piece_of_news_about_a_subscription_is_a_happening_of_its_own() -> None:
    first, second = event(UPDATED, token="a"), event(UPDATED, token="b")
    assert read(first).happening.key == first["id"]
    assert read(second).happening.key == second["id"]


RENEWAL = {
    "latest_invoice": "in_0",
    "current_period_start": NOW - 30 * DAY,
    "current_period_end": NOW,
    "items": {"data": [item(current_period_start=NOW - 30 * DAY, current_period_end=NOW)]},
}
QUIET = [
    {"latest_invoice": "in_0"},
    {"default_payment_method": None},
    {"current_period_end": NOW},
    {"pending_setup_intent": None, "schedule": None},
    RENEWAL,
]


@pytest.mark.parametrize("previous", QUIET)
def test_a_renewal_and_stripes_bookkeeping_are_noise(previous: dict[str, Any]) -> None:
    items = {"data": [item(current_period_start=NOW, current_period_end=NOW + 30 * DAY)]}
    assert told(UPDATED, items=items, previous=previous).happening.noise is True


LOUD = [
    {"status": "trialing"},
    {"cancel_at_period_end": False},
    {"cancel_at": None},
    {"trial_end": NOW},
    {"pause_collection": None},
    {"quantity": 2},
    {"plan": {"id": "old"}},
    {"metadata": {}},
    {"items": {"data": [item(quantity=2)]}},
    {"items": {"data": [item(price={"id": "price_0"})]}},
    {"items": {"data": [item(), item(price={"id": "price_2"})]}},
    {"latest_invoice": "in_0", "status": "past_due"},
]


@pytest.mark.parametrize("previous", LOUD)
def test_another_status_plan_quantity_or_end_is_no_noise(previous: dict[str, Any]) -> None:
    assert told(UPDATED, items={"data": [item()]}, previous=previous).happening.noise is False


def test_an_update_that_does_not_say_what_changed_is_no_noise() -> None:
    made = event(UPDATED)
    made["data"].pop("previous_attributes", None)
    assert read(made).happening.noise is False


def test_a_change_of_status_is_told_in_words_and_as_a_property() -> None:
    reading = told(UPDATED, status="past_due", previous={"status": "active"})
    assert reading.understood.endswith("it was active and is past_due")
    assert reading.happening.properties["previousStatus"] == "active"


@pytest.mark.parametrize(
    "changes",
    [
        {"current_period_start": NOW, "current_period_end": NOW + 30 * DAY, "items": {"data": [item()]}},
        {"items": {"data": [item(current_period_start=NOW, current_period_end=NOW + 30 * DAY)]}},
    ],
    ids=["before basil", "since basil"],
)
def test_the_period_is_found_where_each_version_has_it(changes: dict[str, Any]) -> None:
    made = event("customer.subscription.created")
    shell = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active"}
    made["data"]["object"] = shell | changes
    found = read(made).happening.properties
    assert found["periodStart"] == "2026-09-21T14:13:20Z"
    assert found["periodEndDisplay"] == "21 October 2026"


def test_a_subscription_of_2017_with_one_plan_and_no_items_is_read() -> None:
    made = event("customer.subscription.created")
    made["data"]["object"] = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "current_period_end": NOW + 30 * DAY,
        "plan": {"id": "gold", "object": "plan", "amount": 999, "currency": "usd", "interval": "month", "name": "Gold"},
        "quantity": 3,
        "status": "active",
    }
    reading = read(made)
    found = reading.happening.properties
    assert found["productName"] == "Gold"
    assert found["planAmountDisplay"] == "$29.97"
    assert (found["planInterval"], found["quantity"]) == ("month", 3)
    assert reading.facts.prices == {"gold"}
    assert reading.facts.currency == "USD"


def test_what_a_subscription_costs_is_the_sum_of_its_items() -> None:
    items = {"data": [item(quantity=2), item(price={"id": "price_2", "unit_amount": 100}, quantity=None)]}
    reading = told("customer.subscription.created", items=items, currency="usd")
    assert reading.facts.amount == 3100
    assert reading.happening.properties["planAmountDecimal"] == "31.00"


def test_a_price_in_tiers_has_no_amount_to_tell() -> None:
    items = {"data": [item(), item(price={"id": "price_2", "unit_amount": None})]}
    reading = told("customer.subscription.created", items=items)
    assert reading.facts.amount is None
    assert "planAmount" not in reading.happening.properties


ENDS = [
    ({"cancel_at_period_end": True, "cancel_at": None}, "2026-10-21T14:13:20Z"),
    ({"cancel_at_period_end": False, "cancel_at": NOW + DAY}, "2026-09-22T14:13:20Z"),
    ({"cancel_at_period_end": True, "cancel_at": NOW + DAY, "ended_at": NOW}, "2026-09-21T14:13:20Z"),
    ({"cancel_at_period_end": False, "cancel_at": None}, None),
]


@pytest.mark.parametrize(("changes", "ends"), ENDS)
def test_when_a_subscription_ends_is_told_once_it_is_settled(changes: dict[str, Any], ends: str | None) -> None:
    items = {"data": [item(current_period_start=NOW, current_period_end=NOW + 30 * DAY)]}
    found = told(UPDATED, previous={"cancel_at": None}, items=items, **({"ended_at": None} | changes))
    assert found.happening.properties.get("endsAt") == ends


def test_a_trial_tells_when_it_ends() -> None:
    found = told("customer.subscription.trial_will_end", trial_end=NOW + 3 * DAY).happening.properties
    assert found["trialEnd"] == "2026-09-24T14:13:20Z"
    assert found["trialEndDisplay"] == "24 September 2026"


@pytest.mark.parametrize("items", [..., None, [], {}, {"data": []}, {"data": [None, 5]}, "x"])
def test_a_subscription_without_items_is_read(items: Any) -> None:
    reading = told("customer.subscription.created", items=items, plan=None)
    assert reading.facts.products == frozenset()
    assert "a plan" in reading.understood
