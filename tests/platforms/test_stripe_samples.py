"""Sample events: as Stripe would write them, about one person, and never twice the same."""

from __future__ import annotations

import json

import pytest
import stripe

from cocoonmail.platforms.base import Announcement, Verified
from cocoonmail.platforms.stripe import STRIPE
from cocoonmail.platforms.stripe.rehearsal import rehearse
from cocoonmail.platforms.stripe.samples import body, sample
from tests.platforms.stripe_events import ADA, NAME, NOW, event, read

SECRET = "whsec_0123456789abcdefghijABCDEFGHIJ12"


def test_a_body_is_written_as_stripe_writes_it() -> None:
    made = {"id": "evt_1", "list": [], "text": "Zoë []", "in": {"a": [], "b": [1], "c": {}}}
    assert body(made).decode() == (
        '{\n  "id": "evt_1",\n  "list": [\n\n  ],\n  "text": "Zoë []",\n'
        '  "in": {\n    "a": [\n\n    ],\n    "b": [\n      1\n    ],\n    "c": {}\n  }\n}'
    )


@pytest.mark.parametrize("type", STRIPE.events)
def test_every_sample_is_a_valid_event_of_its_type_in_either_mode(type: str) -> None:
    for livemode in (True, False):
        made = sample(type, email=ADA, name=NAME, now=NOW, livemode=livemode, token="t")
        said = STRIPE.announce(body(made))
        assert isinstance(said, Announcement)
        assert (said.type, said.created, said.livemode) == (type, NOW, livemode)
        assert said.api_version == "2026-10-28.endive"
        assert json.loads(body(made)) == made


@pytest.mark.parametrize("type", STRIPE.events)
def test_stripes_own_library_takes_every_sample_for_an_event(type: str) -> None:
    content, headers = rehearse(type, email=ADA, name=NAME, now=NOW, livemode=False, token="t", secret=SECRET)
    # stripe-python compares with the clock of today, so the age is not looked at here.
    assert stripe.WebhookSignature.verify_header(content.decode(), headers["Stripe-Signature"], SECRET, tolerance=None)
    found = stripe.Event.construct_from(json.loads(content), "sk_test_x")
    assert found.type == type


@pytest.mark.parametrize("type", STRIPE.events)
def test_every_rehearsal_is_signed_as_the_door_asks(type: str) -> None:
    content, headers = rehearse(type, email=ADA, name=NAME, now=NOW, livemode=False, token="t", secret=SECRET)
    lower = {name.lower(): value.encode() for name, value in headers.items()}
    assert STRIPE.verify(lower, content, [SECRET.encode()], NOW) == Verified(0)


@pytest.mark.parametrize("type", STRIPE.events)
def test_samples_for_one_address_are_about_one_customer(type: str) -> None:
    first, second = read(event(type, token="a")).change.customer, read(event(type, token="b")).change.customer
    assert first == second
    other = sample(type, email="bob@example.com", name="Bob", now=NOW, token="a")
    if first is not None:
        assert read(other).change.customer != first


@pytest.mark.parametrize("type", STRIPE.events)
def test_no_two_samples_are_the_same_event(type: str) -> None:
    assert event(type, token="a")["id"] != event(type, token="b")["id"]


def test_two_rehearsed_payments_are_two_happenings() -> None:
    first, second = event("invoice.paid", token="a"), event("invoice.paid", token="b")
    assert read(first).happening.key != read(second).happening.key


@pytest.mark.parametrize("type", ["customer.created", "customer.deleted", "invoice.paid"])
def test_what_happens_once_to_each_object_can_be_rehearsed_again_with_a_new_one(type: str) -> None:
    keys = set()
    for token, again in (("a", False), ("b", True), ("c", True)):
        content, _ = rehearse(
            type, email=ADA, name=NAME, now=NOW, livemode=False, token=token, secret=SECRET, again=again
        )
        keys.add(read(json.loads(content)).happening.key)
    assert len(keys) == 3


@pytest.mark.parametrize("type", STRIPE.events)
def test_a_sample_without_an_address_holds_none(type: str) -> None:
    made = sample(type, email=None, name="", now=NOW, token="t")
    assert "@" not in body(made).decode()
    assert read(made).change.email == ""


def test_a_sample_of_an_unknown_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        sample("customer.teleported", email=ADA, name=NAME, now=NOW, token="t")
