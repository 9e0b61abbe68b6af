"""What Stripe's news about invoices mean, in the shapes before and since API version 2025-03-31.basil."""

from __future__ import annotations

from typing import Any

import pytest

from cocoonmail.contacts.changes import Claim, Customer, Rank, Unreadable
from tests.platforms.stripe_events import ADA, NOW, event, read, told

DAY = 86_400

OLD_LINE = {
    "id": "sub_1OldShape",
    "object": "line_item",
    "amount": 999,
    "currency": "usd",
    "description": None,
    "metadata": {},
    "period": {"start": NOW, "end": NOW + 30 * DAY},
    "plan": {"id": "gold", "object": "plan", "amount": 999, "name": "Gold", "product": "prod_Old", "interval": "month"},
    "quantity": 1,
    "type": "subscription",
}


def old_invoice(**changes: Any) -> dict[str, Any]:
    """An event as a 2016 endpoint gets it: no names, `date` for `created`, a request that is a text."""
    made = event("invoice.paid")
    made |= {"api_version": "2016-07-06", "request": "req_1"}
    made["data"]["object"] = {
        "id": "in_1Old",
        "object": "invoice",
        "amount_due": 999,
        "attempt_count": 1,
        "currency": "usd",
        "customer": "cus_Ada",
        "date": NOW - DAY,
        "lines": {"object": "list", "data": [OLD_LINE], "has_more": False},
        "metadata": {"team": "blue"},
        "paid": True,
        "period_start": NOW - 30 * DAY,
        "period_end": NOW,
        "subscription": "sub_1OldShape",
        "total": 999,
    } | changes
    return made


def test_a_paid_invoice_tells_who_paid_what_for_which_time() -> None:
    reading = told("invoice.paid", id="in_1", number="ACME-0042", customer="cus_Ada")
    found = reading.happening.properties
    assert found["amountPaid"] == 1999
    assert found["amountPaidDecimal"] == "19.99"
    assert found["amountPaidDisplay"] == "€19.99"
    assert found["currency"] == "EUR"
    assert (found["invoiceId"], found["invoiceNumber"], found["status"]) == ("in_1", "ACME-0042", "paid")
    assert str(found["invoiceUrl"]).startswith("https://invoice.stripe.com/")
    assert found["productName"] == "Pro plan"
    assert found["planDescription"] == "1 × Pro plan (at €19.99 / month)"
    assert found["periodStart"] == "2026-09-21T14:13:20Z"
    assert found["periodStartDisplay"] == "21 September 2026"
    assert found["periodEndDisplay"] == "21 October 2026"
    assert reading.happening.key == "invoice.paid:in_1"
    assert reading.understood == "Invoice ACME-0042 over €19.99 was paid by Ada Lovelace <ada@example.com>"


def test_the_persons_data_in_an_invoice_is_a_copy_from_when_it_was_finalized() -> None:
    reading = told("invoice.paid", status_transitions={"finalized_at": NOW - 5000}, created=NOW - 9000)
    assert (reading.change.at, reading.change.rank) == (NOW - 5000, Rank.COPY)
    assert reading.change.claims["email"] == Claim(ADA)


@pytest.mark.parametrize("transitions", [..., None, {}, {"finalized_at": None}, [], {"finalized_at": "soon"}])
def test_without_that_time_the_copy_is_from_when_the_invoice_was_made(transitions: Any) -> None:
    assert told("invoice.paid", status_transitions=transitions, created=NOW - 9000).change.at == NOW - 9000


def test_in_old_versions_the_copy_is_from_the_invoices_date() -> None:
    assert read(old_invoice()).change.at == NOW - DAY


def test_without_any_time_the_copy_is_from_the_event() -> None:
    assert told("invoice.paid", status_transitions=..., created=...).change.at == NOW


def test_an_invoice_of_2016_is_read() -> None:
    reading = read(old_invoice())
    found = reading.happening.properties
    assert reading.change.customer == Customer("cus_Ada", "", False)
    assert (reading.change.email, reading.change.claims) == ("", {})
    assert found["productName"] == "Gold"
    assert found["subscriptionId"] == "sub_1OldShape"
    assert found["amountDueDisplay"] == "$9.99"
    assert found["periodEnd"] == "2026-10-21T14:13:20Z"
    assert reading.facts.products == {"prod_Old"}
    assert reading.facts.prices == {"gold"}


def test_the_subscription_and_its_metadata_are_found_in_both_shapes() -> None:
    details = {"subscription": "sub_New", "metadata": {"team": "green", "plan": "pro"}}
    new = told("invoice.paid", parent={"type": "subscription_details", "subscription_details": details})
    assert new.happening.properties["subscriptionId"] == "sub_New"
    assert new.facts.metadata == {"team": "green", "plan": "pro"}
    old = read(old_invoice(subscription="sub_Old", subscription_details={"metadata": {"plan": "pro"}}))
    assert old.happening.properties["subscriptionId"] == "sub_Old"
    assert old.facts.metadata == {"team": "blue", "plan": "pro"}


def test_the_invoices_own_metadata_wins_over_the_subscriptions() -> None:
    details = {"subscription": "sub_1", "metadata": {"team": "green"}}
    reading = told("invoice.paid", parent={"subscription_details": details}, metadata={"team": "red"})
    assert reading.facts.metadata == {"team": "red"}


def test_prices_and_products_are_found_in_both_shapes() -> None:
    new = told("invoice.paid").facts
    assert new.products
    assert new.prices
    line = OLD_LINE | {"plan": None, "price": {"id": "price_1", "object": "price", "product": "prod_1"}}
    old = read(old_invoice(lines={"data": [line]})).facts
    assert old.products == {"prod_1"}
    assert old.prices == {"price_1"}


def test_an_invoice_over_nothing_is_read_as_such() -> None:
    reading = told("invoice.paid", amount_paid=0, amount_due=0, total=0)
    assert reading.happening.properties["amountPaid"] == 0
    assert reading.happening.properties["amountPaidDisplay"] == "€0.00"
    assert reading.facts.amount == 0


def test_conditions_ask_about_what_was_paid_and_what_was_due() -> None:
    assert told("invoice.paid", amount_paid=1500).facts.amount == 1500
    assert told("invoice.payment_failed", amount_due=2500).facts.amount == 2500
    assert told("invoice.paid").facts.currency == "EUR"


def test_each_failed_attempt_is_a_happening_and_two_events_about_one_are_the_same() -> None:
    keys = [told("invoice.payment_failed", id="in_1", attempt_count=n).happening.key for n in (1, 2, 2)]
    assert keys == ["invoice.payment_failed:in_1:1", "invoice.payment_failed:in_1:2", "invoice.payment_failed:in_1:2"]


def test_a_failed_payment_tells_when_stripe_tries_again_and_where_to_pay() -> None:
    found = told("invoice.payment_failed", next_payment_attempt=NOW + 3 * DAY, attempt_count=2).happening.properties
    assert found["nextPaymentAttempt"] == "2026-09-24T14:13:20Z"
    assert found["nextPaymentAttemptDisplay"] == "24 September 2026"
    assert found["attemptCount"] == 2
    assert found["amountDueDisplay"] == "€19.99"
    assert "invoiceUrl" in found


def test_what_is_absent_is_left_out_and_never_null() -> None:
    found = told("invoice.payment_failed", next_payment_attempt=None, hosted_invoice_url=None).happening.properties
    assert "nextPaymentAttempt" not in found
    assert "nextPaymentAttemptDisplay" not in found
    assert "invoiceUrl" not in found


def test_an_upcoming_invoice_has_no_id_and_its_event_is_the_happening() -> None:
    made = event("invoice.upcoming")
    assert "id" not in made["data"]["object"]
    reading = read(made)
    assert reading.happening.key == made["id"]
    assert "invoiceId" not in reading.happening.properties


def test_an_upcoming_invoice_that_is_dated_ahead_does_not_outrank_later_news() -> None:
    assert told("invoice.upcoming", created=NOW + 7 * DAY, status_transitions=None).change.at == NOW


CUSTOMERS = [
    ({"customer": "cus_1"}, "cus_1"),
    ({"customer": {"id": "cus_1", "object": "customer", "email": "other@example.com"}}, "cus_1"),
    ({"customer": None, "customer_account": "acct_1"}, "acct_1"),
    ({"customer": None, "customer_account": {"id": "acct_1", "object": "v2.core.account"}}, "acct_1"),
    ({"customer": "cus_1", "customer_account": "acct_1"}, "cus_1"),
]


@pytest.mark.parametrize(("changes", "id"), CUSTOMERS)
def test_the_customer_is_known_by_id_expanded_or_as_an_account(changes: dict[str, Any], id: str) -> None:
    customer = told("invoice.paid", **changes).change.customer
    assert customer is not None
    assert customer.id == id


@pytest.mark.parametrize("changes", [{"customer": None}, {"customer": ...}])
def test_an_invoice_without_a_customer_is_read_by_its_email(changes: dict[str, Any]) -> None:
    reading = told("invoice.paid", **changes)
    assert reading.change.customer is None
    assert reading.change.email == ADA


@pytest.mark.parametrize("email", [None, "", "[redacted]", ...])
def test_an_invoice_without_an_email_is_read_by_its_customer(email: Any) -> None:
    reading = told("invoice.paid", customer_email=email, customer="cus_1")
    assert reading.change.email == ""
    assert "email" not in reading.change.claims
    assert reading.change.customer == Customer("cus_1", "", False)


def test_amounts_and_days_are_written_in_the_customers_language_where_the_invoice_tells_it() -> None:
    customer = {"id": "cus_1", "object": "customer", "preferred_locales": ["de-DE", "en"]}
    found = told("invoice.paid", customer=customer).happening.properties
    assert found["amountPaidDisplay"] == "19,99\u00a0€"
    assert found["periodStartDisplay"] == "21. September 2026"


def test_lines_are_listed_up_to_fifty() -> None:
    lines = [{"description": f"Line {n}", "amount": 100 + n, "quantity": n} for n in range(80)]
    found = told("invoice.paid", lines={"data": lines}).happening.properties["lineItems"]
    assert isinstance(found, list)
    assert len(found) == 50
    assert found[1] == {
        "description": "Line 1",
        "amount": 101,
        "amountDecimal": "1.01",
        "amountDisplay": "€1.01",
        "quantity": 1,
    }


def test_the_line_that_settles_a_change_of_plans_does_not_name_the_invoice() -> None:
    settled = {"parent": {"subscription_item_details": {"proration": True}}, "description": "Unused time on Basic"}
    lines = [settled, {"description": "1 × Pro plan (at €19.99 / month)"}]
    assert told("invoice.paid", lines={"data": lines}).happening.properties["productName"] == "Pro plan"


@pytest.mark.parametrize("lines", [..., None, [], {}, {"data": None}, {"data": []}, {"data": [None, 5, []]}, "x"])
def test_an_invoice_without_lines_is_read(lines: Any) -> None:
    assert "productName" not in told("invoice.paid", lines=lines).happening.properties


@pytest.mark.parametrize("url", ["http://x.test/", "javascript:alert(1)", "https://x.test/" + "a" * 3000, 5, ""])
def test_a_link_is_carried_only_when_it_is_a_secure_address(url: Any) -> None:
    assert "invoiceUrl" not in told("invoice.paid", hosted_invoice_url=url).happening.properties


def test_unknown_fields_and_versions_of_the_future_change_nothing() -> None:
    made = event("invoice.paid", hologram={"x": [1, {"y": None}]}) | {"api_version": "2029-01-01.gooseberry", "new": 1}
    assert read(made) == read(event("invoice.paid"))


@pytest.mark.parametrize("type", ["invoice.paid", "invoice.payment_failed", "invoice.upcoming"])
@pytest.mark.parametrize("found", [None, [], {"object": "charge", "id": "ch_1"}, "in_1", {}])
def test_an_object_that_is_no_invoice_is_unreadable(type: str, found: Any) -> None:
    made = event(type)
    made["data"]["object"] = found
    with pytest.raises(Unreadable, match="invoice"):
        read(made)


def test_an_invoice_is_never_noise() -> None:
    assert told("invoice.paid", previous={"currency": None}).happening.noise is False


WRONG = [
    ("customer_email", 5),
    ("customer_email", ["ada@example.com"]),
    ("customer", 5),
    ("customer", ["cus_1"]),
    ("amount_paid", "1999"),
    ("amount_paid", 19.99),
    ("amount_paid", True),
    ("total", {}),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_what_a_reading_rests_on_is_unreadable_when_it_has_another_type(key: str, value: Any) -> None:
    with pytest.raises(Unreadable, match=rf"^The object's {key} should be .* and is .*\.$"):
        told("invoice.paid", **{key: value})


HARMLESS = ["number", "customer_name", "hosted_invoice_url", "metadata", "billing_reason", "parent", "due_date"]


@pytest.mark.parametrize("key", HARMLESS)
@pytest.mark.parametrize("value", [..., None, 5, "", [], {}, "x", True, [None]])
def test_what_is_odd_and_harmless_is_read(key: str, value: Any) -> None:
    assert told("invoice.paid", **{key: value}).happening.properties["amountPaid"] == 1999
