"""What Stripe's news about checkouts, refunds, disputes and quotes mean."""

from __future__ import annotations

from typing import Any

import pytest

from cocoonmail.contacts.changes import Claim, Rank
from tests.platforms.stripe_events import ADA, NOW, event, read, told

COMPLETED = "checkout.session.completed"
REFUNDED = "charge.refunded"
DISPUTED = "charge.dispute.created"


def test_a_checkout_brings_a_copy_of_the_person_from_when_it_began() -> None:
    reading = told(COMPLETED, created=NOW - 600)
    assert (reading.change.at, reading.change.rank) == (NOW - 600, Rank.COPY)
    assert reading.change.claims == {
        "email": Claim(ADA),
        "first_name": Claim("Ada"),
        "last_name": Claim("Lovelace"),
    }


def test_a_guests_checkout_names_no_customer_and_is_read_by_its_email() -> None:
    reading = told(COMPLETED, customer=None)
    assert reading.change.customer is None
    assert reading.change.email == ADA


ADDRESSES = [
    ({"customer_details": {"email": "new@example.com"}, "customer_email": "old@example.com"}, "new@example.com"),
    ({"customer_details": {"email": None}, "customer_email": "old@example.com"}, "old@example.com"),
    ({"customer_details": None, "customer_email": "old@example.com"}, "old@example.com"),
    ({"customer_details": None, "customer_email": None}, ""),
    ({"customer_details": ..., "customer_email": ...}, ""),
]


@pytest.mark.parametrize(("changes", "email"), ADDRESSES)
def test_a_checkouts_address_is_what_was_entered_else_what_was_filled_in_before(
    changes: dict[str, Any], email: str
) -> None:
    assert told(COMPLETED, **changes).change.email == email


def test_the_person_of_a_checkout_is_told_from_the_company() -> None:
    details = {"email": ADA, "name": "Engines Ltd", "business_name": "Engines Ltd", "individual_name": "Ada King"}
    claims = told(COMPLETED, customer_details=details).change.claims
    assert (claims["first_name"].value, claims["last_name"].value) == ("Ada", "King")


def test_two_events_about_one_checkout_are_one_happening_per_type() -> None:
    keys = {told(COMPLETED, id="cs_1").happening.key for _ in range(2)}
    assert keys == {"checkout.session.completed:cs_1"}
    late = told("checkout.session.async_payment_succeeded", id="cs_1").happening.key
    assert late == "checkout.session.async_payment_succeeded:cs_1"


def test_a_checkout_whose_money_is_still_on_its_way_says_so() -> None:
    reading = told(COMPLETED, payment_status="unpaid")
    assert "not paid yet" in reading.understood
    assert reading.happening.properties["paymentStatus"] == "unpaid"
    assert "not paid yet" not in told(COMPLETED, payment_status="paid").understood


def test_a_checkout_is_written_in_the_language_it_was_shown_in() -> None:
    found = told(COMPLETED, locale="de", amount_total=123456, currency="eur").happening.properties
    assert found["amountTotalDisplay"] == "1.234,56\u00a0€"
    assert told(COMPLETED, locale="auto", amount_total=123456, currency="eur").happening.properties[
        "amountTotalDisplay"
    ] == "€1,234.56"  # fmt: skip


def test_a_refund_names_the_person_to_find_and_claims_nothing() -> None:
    reading = told(REFUNDED, billing_details={"email": ADA, "name": "Ada"}, receipt_email="b@example.com")
    assert (reading.change.email, reading.change.claims) == (ADA, {})
    assert reading.happening.properties["customerName"] == "Ada"


def test_a_refund_is_found_by_the_receipts_address_where_there_is_no_other() -> None:
    reading = told(REFUNDED, billing_details={"email": None}, receipt_email="b@example.com")
    assert reading.change.email == "b@example.com"


def test_a_second_refund_tells_what_it_gives_back_and_what_all_did() -> None:
    reading = told(
        REFUNDED,
        amount=5000,
        amount_refunded=3000,
        refunded=False,
        currency="usd",
        previous={"amount_refunded": 1000},
    )
    found = reading.happening.properties
    assert found["refundAmountDisplay"] == "$20.00"
    assert found["amountRefundedDisplay"] == "$30.00"
    assert found["amountTotalDisplay"] == "$50.00"
    assert found["fullyRefunded"] is False
    assert reading.facts.amount == 3000
    assert reading.understood.startswith("A part of a payment over $50.00 was refunded to")


def test_each_refund_of_a_payment_is_a_happening_of_its_own() -> None:
    first, second = event(REFUNDED, token="a"), event(REFUNDED, token="b")
    assert read(first).happening.key != read(second).happening.key


def test_a_dispute_names_no_customer_and_is_read_by_the_evidence() -> None:
    reading = told(DISPUTED, evidence={"customer_email_address": ADA, "customer_name": "Ada"}, charge="ch_1")
    assert reading.change.customer is None
    assert (reading.change.email, reading.change.claims) == (ADA, {})
    assert reading.happening.properties["customerName"] == "Ada"
    assert reading.happening.properties["chargeId"] == "ch_1"


@pytest.mark.parametrize("evidence", [..., None, "the evidence as a text", [], {}, {"customer_email_address": None}])
def test_a_dispute_without_an_address_is_read(evidence: Any) -> None:
    reading = told(DISPUTED, evidence=evidence, charge="ch_1")
    assert (reading.change.customer, reading.change.email) == (None, "")


def test_a_dispute_with_its_charge_expanded_finds_the_customer_there() -> None:
    charge = {"id": "ch_1", "object": "charge", "customer": "cus_1", "billing_details": {"email": ADA, "name": "Ada"}}
    reading = told(DISPUTED, evidence={}, charge=charge)
    assert reading.change.customer is not None
    assert reading.change.customer.id == "cus_1"
    assert reading.change.email == ADA


def test_a_dispute_tells_what_is_disputed_why_and_until_when_to_answer() -> None:
    found = told(DISPUTED, amount=1999, reason="fraudulent", evidence_details={"due_by": NOW}).happening.properties
    assert found["amountDisputedDecimal"] == "19.99"
    assert found["disputeReason"] == "fraudulent"
    assert found["evidenceDueBy"] == "2026-09-21T14:13:20Z"


def test_a_closed_dispute_says_how_it_ended() -> None:
    reading = told("charge.dispute.closed", status="warning_closed")
    assert "warning closed" in reading.understood
    assert reading.happening.properties["disputeStatus"] == "warning_closed"


QUOTES = {"quote.finalized": "is final", "quote.accepted": "was accepted", "quote.canceled": "was canceled"}


@pytest.mark.parametrize(("type", "words"), QUOTES.items())
def test_a_quote_names_its_customer_number_and_total(type: str, words: str) -> None:
    reading = told(type, customer="cus_1", number="QT-7", amount_total=250_000, currency="jpy", expires_at=NOW)
    assert reading.change.customer is not None
    assert (reading.change.customer.id, reading.change.email) == ("cus_1", "")
    found = reading.happening.properties
    assert (found["quoteNumber"], found["amountTotalDisplay"]) == ("QT-7", "¥250,000")
    assert found["expiresAtDisplay"] == "21 September 2026"
    assert "Quote QT-7 over ¥250,000" in reading.understood
    assert words in reading.understood


@pytest.mark.parametrize("type", [COMPLETED, REFUNDED, DISPUTED, *QUOTES])
def test_what_cannot_be_noise_never_is(type: str) -> None:
    assert told(type, previous={"currency": None}).happening.noise is False
