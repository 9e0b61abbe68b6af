"""The fake's API answers as Stripe's documentation says, as far as the CLI and our tests go."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from tests.fake_stripe.cli import API_KEY, CHECKOUT
from tests.fake_stripe.form import ParameterError, decode
from tests.fake_stripe.receiver import Receiver
from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.shapes import SHAPES, Object, difference
from tests.fake_stripe.subscriptions import after

pytestmark = pytest.mark.one_database

ADA = {"email": "ada@example.com"}
STUCK = 60.0  # seconds until a process that hangs is killed

FORMS: dict[str, Object] = {
    "": {},
    "description=(created+by+Stripe+CLI)": {"description": "(created by Stripe CLI)"},
    "amount=2000&currency=usd": {"amount": 2000, "currency": "usd"},
    "recurring[interval]=month": {"recurring": {"interval": "month"}},
    "items[0][price]=price_1&items[1][price]=price_2": {"items": [{"price": "price_1"}, {"price": "price_2"}]},
    "payment_method_types[]=card&payment_method_types[]=link": {"payment_method_types": ["card", "link"]},
    "metadata[amount]=5&metadata[active]=true": {"metadata": {"amount": "5", "active": "true"}},
    "auto_advance=true&name=true": {"auto_advance": True, "name": "true"},
    "email=": {"email": None},
    "name=Zo%C3%AB": {"name": "Zoë"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_becomes_nested_parameters(form: str) -> None:
    assert decode(form) == FORMS[form]


@pytest.mark.parametrize("form", ["amount=many", "a[b=1", "a" + "[b]" * 11 + "=1", "a=1&a[b]=2"])
def test_an_unreadable_form_is_refused(form: str) -> None:
    with pytest.raises(ParameterError):
        decode(form)


def test_previous_attributes_hold_only_the_old_values_of_what_changed() -> None:
    before = {"name": "A", "email": None, "metadata": {"plan": "x"}, "tags": [1]}
    after_it = {"name": "A", "email": "a@b.c", "metadata": {"plan": "x", "foo": "bar"}, "tags": [1, 2]}
    assert difference(before, after_it) == {"email": None, "metadata": {"foo": None}, "tags": [1]}


@pytest.mark.parametrize(
    ("start", "interval", "count", "end"),
    [
        ("2026-01-31", "month", 1, "2026-02-28"),
        ("2026-12-15", "month", 1, "2027-01-15"),
        ("2028-02-29", "year", 1, "2029-02-28"),
        ("2026-03-01", "month", 6, "2026-09-01"),
        ("2026-03-01", "week", 2, "2026-03-15"),
        ("2026-03-01", "day", 30, "2026-03-31"),
    ],
)
def test_a_period_ends_on_the_same_day_or_the_months_last(start: str, interval: str, count: int, end: str) -> None:
    began, ended = (int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) for day in (start, end))
    assert after(began, {"interval": interval, "interval_count": count}) == ended


def test_a_refused_card_answers_402_and_tells_the_failed_payment(stripe_fake: FakeStripe) -> None:
    invoice = open_invoice(stripe_fake, card="pm_card_chargeCustomerFail")
    status, body = stripe_fake.call("POST", f"/v1/invoices/{invoice['id']}/pay", {"payment_method": invoice["method"]})

    assert status == 402
    error = body["error"]
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", "generic_decline")
    [event] = stripe_fake.of_type("invoice.payment_failed")
    assert event["data"]["object"]["attempt_count"] == 1

    stripe_fake.call("POST", f"/v1/invoices/{invoice['id']}/pay", {"payment_method": "pm_card_visa"})
    [paid] = stripe_fake.of_type("invoice.paid")
    assert (paid["data"]["object"]["attempt_count"], paid["data"]["object"]["status"]) == (2, "paid")


def test_an_invoice_paid_outside_of_stripe_is_paid_but_not_a_succeeded_payment(stripe_fake: FakeStripe) -> None:
    invoice = open_invoice(stripe_fake)
    stripe_fake.call("POST", f"/v1/invoices/{invoice['id']}/pay", {"paid_out_of_band": True})

    assert len(stripe_fake.of_type("invoice.paid")) == 1
    assert stripe_fake.of_type("invoice.payment_succeeded") == []


def test_an_invoice_keeps_the_email_it_was_finalised_with(stripe_fake: FakeStripe) -> None:
    invoice = open_invoice(stripe_fake)
    stripe_fake.call("POST", f"/v1/invoices/{invoice['id']}/finalize")
    stripe_fake.call("POST", f"/v1/customers/{invoice['customer']}", {"email": "ada@king.example"})
    stripe_fake.call("POST", f"/v1/invoices/{invoice['id']}/pay", {"payment_method": invoice["method"]})

    [paid] = stripe_fake.of_type("invoice.paid")
    assert paid["data"]["object"]["customer_email"] == "ada@example.com"
    assert paid["data"]["object"]["number"].endswith("-0001")
    assert paid["data"]["object"]["hosted_invoice_url"].startswith("https://invoice.stripe.com/i/acct_")


def test_an_event_keeps_the_object_as_it_was(stripe_fake: FakeStripe) -> None:
    _, customer = stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.call("POST", f"/v1/customers/{customer['id']}", {"email": "ada@king.example"})

    [created] = stripe_fake.of_type("customer.created")
    assert created["data"]["object"]["email"] == "ada@example.com"


@pytest.mark.parametrize("gone", ["payment_intent", "charge", "paid", "subscription", "discount", "tax", "payments"])
def test_an_invoice_has_none_of_the_keys_that_newer_versions_took_away(gone: str) -> None:
    assert gone not in SHAPES["invoice"]


def test_lists_go_newest_first_page_by_page(stripe_fake: FakeStripe) -> None:
    for number in range(5):
        stripe_fake.call("POST", "/v1/customers", {"email": f"p{number}@example.com"})

    first = listed(stripe_fake, limit=2)
    second = listed(stripe_fake, limit=2, starting_after=first[-1]["id"])
    third = listed(stripe_fake, limit=2, starting_after=second[-1]["id"])
    back = listed(stripe_fake, limit=2, ending_before=third[0]["id"])

    numbers = [event["data"]["object"]["email"][1] for event in first + second + third]
    assert numbers == ["4", "3", "2", "1", "0"]
    assert back == second
    assert stripe_fake.call("GET", "/v1/events", {"limit": 101})[0] == 400


def test_events_are_listed_by_type(stripe_fake: FakeStripe) -> None:
    invoice = open_invoice(stripe_fake)
    stripe_fake.call("POST", f"/v1/invoices/{invoice['id']}/pay", {"payment_method": invoice["method"]})

    assert {event["type"] for event in listed(stripe_fake, type="customer.created")} == {"customer.created"}
    assert {event["type"] for event in listed(stripe_fake, types=["customer.created", "invoice.paid"])} == {
        "customer.created",
        "invoice.paid",
    }
    assert {event["type"].split(".")[0] for event in listed(stripe_fake, type="invoice.*")} == {"invoice"}
    late = int(stripe_fake.events[0]["created"]) + 1_000
    assert listed(stripe_fake, created={"gte": str(late)}) == []


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("GET", "/v1/customers/cus_nobody", API_KEY, 404),
        ("POST", "/v1/unheard_of", API_KEY, 404),
        ("GET", "/v1/customers", "", 401),
        ("GET", "/v1/customers", API_KEY.replace("test", "live"), 401),
        ("POST", "/v1/invoiceitems?amount=many", API_KEY, 400),
        ("GET", "/v1/customers", API_KEY, 200),
    ],
)
def test_failures_are_answers_in_stripes_form(
    stripe_fake: FakeStripe, method: str, path: str, key: str, status: int
) -> None:
    got, body = request(stripe_fake.base_url + path, method, key)
    assert got == status
    assert ("error" in body) == (status != 200)


def test_an_idempotency_key_is_named_by_the_events(stripe_fake: FakeStripe) -> None:
    request(stripe_fake.base_url + "/v1/customers", "POST", API_KEY, {"Idempotency-Key": "once-only"})

    assert stripe_fake.events[0]["request"]["idempotency_key"] == "once-only"


def test_run_by_hand_it_says_where_it_listens_and_sends_what_it_is_told_to(receiver: Receiver) -> None:
    command = [sys.executable, "-m", "tests.fake_stripe", "--port", "0", "--forward-to", receiver.url]
    command += ["--secret", "whsec_abc", "--events", "customer.created,invoice.paid", "--duplicate", "2"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(STUCK, process.kill)
        watchdog.start()
        base_url = process.stdout.readline().split(" listens on ")[1].split()[0]
        request(base_url + "/v1/customers", "POST", API_KEY)
        sent = (line for line in process.stdout if line.startswith("customer.created"))
        copies = [next(sent), next(sent)]
        process.send_signal(signal.SIGTERM)
        watchdog.cancel()

    assert process.returncode == 0
    assert [re.sub(r"\s+", " ", line).split(" ", 2)[2].strip() for line in copies] == [
        'attempt 1.0 200 {"received": true}',
        'attempt 1.1 200 {"received": true}',
    ]
    assert len(receiver.requests) == 2


def open_invoice(fake: FakeStripe, card: str = "pm_card_visa") -> Object:
    """A draft over 20 dollars for Ada; beside the invoice's keys, `method` is what she pays with."""
    _, customer = fake.call("POST", "/v1/customers", ADA)
    _, method = fake.call("POST", f"/v1/payment_methods/{card}/attach", {"customer": customer["id"]})
    fake.call("POST", "/v1/invoiceitems", {"customer": customer["id"], "amount": 2000, "currency": "usd"})
    how = {"customer": customer["id"], "pending_invoice_items_behavior": "include"}
    status, invoice = fake.call("POST", "/v1/invoices", how)
    assert status == 200, invoice
    return invoice | {"method": method["id"]}


def listed(fake: FakeStripe, **params: object) -> list[Object]:
    """One page of events."""
    status, body = fake.call("GET", "/v1/events", dict(params))
    assert status == 200, body
    events: list[Object] = body["data"]
    return events


def request(url: str, method: str, key: str, headers: dict[str, str] | None = None) -> tuple[int, Object]:
    """Status and JSON of one request over HTTP."""
    asked = urllib.request.Request(url, method=method, headers={"Authorization": f"Bearer {key}"} | (headers or {}))
    try:
        with urllib.request.urlopen(asked, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
