"""Stripe's real CLI drives the journey: its triggers at the fake Stripe become emails at a real mail server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fake_stripe.cli import StripeCLI
from tests.fake_stripe.conftest import found_cli
from tests.fake_stripe.server import FakeStripe
from tests.house import Installation, installation
from tests.mailbox import Mailbox, mailbox
from tests.shop import FILE, SECRET
from tests.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.one_database]

CHANGED = """
  - {name: Changed, trigger: {event: stripeCustomerUpdated}, frequency: every_time, state: live,
     steps: [{email: {name: Changed, subject: Your details have changed, format: markdown, kind: transactional,
                      body: "Hello {{ contact.firstName | default: 'there' }}, is that right?"}}]}
"""
WELCOME = "Welcome to Acme"
# Each trigger is about a customer of its own, so customer.created comes along with every other event.
EMAILS = {
    "customer.created": [WELCOME],
    "customer.updated": [WELCOME, "Your details have changed"],
    "invoice.paid": [WELCOME, "We received your payment of $20.00"],
    "invoice.payment_failed": [WELCOME, "Your payment of $20.00 to Acme did not go through"],
}
# What the CLI changes by itself is metadata, which sets nothing off.
ALSO = {"customer.updated": ("--add", "customer_updated:name=Ada King")}


@dataclass
class Account:
    """A shop that is up, with Stripe's CLI and a Stripe that knows its webhook."""

    house: Installation
    mail: Mailbox
    stripe: FakeStripe
    cli: StripeCLI

    def trigger(self, event_type: str, *flags: str) -> None:
        """`stripe trigger`, which must succeed."""
        done = self.cli.trigger(self.stripe.base_url, event_type, *flags)
        assert done.code == 0, done.output


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """One for all tests of this file."""
    cli = found_cli(tmp_path_factory.mktemp("home"))
    folder = tmp_path_factory.mktemp("stripe")
    with (
        mailbox() as mail,
        FakeStripe() as stripe,
        installation(folder, FILE % mail.url + CHANGED.strip("\n")) as house,
    ):
        house.up()
        stripe.add_endpoint(house.url + house.hook, SECRET)
        yield Account(house, mail, stripe, cli)


def test_all_four_events_become_emails_once_each_although_stripe_sends_them_thrice_and_shuffled(
    account: Account,
) -> None:
    for event_type in EMAILS:
        email = f"customer:email={person(event_type)}"
        account.trigger(event_type, "--override", email, *ALSO.get(event_type, ()))
    attempts = account.stripe.deliver(copies=3, shuffle=4, at_once=8)
    account.house.settled()

    assert {attempt.status for attempt in attempts} == {200}
    for event_type, subjects in EMAILS.items():
        letters = account.mail.to(person(event_type))
        got = Counter(re.sub(", Ada$", "", str(letter.read()["Subject"])) for letter in letters)
        assert got == Counter(subjects), event_type
    sent = Counter(str(letter.read()["Message-ID"]) for letter in account.mail.letters)
    assert set(sent.values()) == {1}


def test_without_an_override_it_says_received_no_email_address_nothing_synced_and_what_to_do(account: Account) -> None:
    contacts, letters = account.house.status()["contacts"], len(account.mail.letters)
    for event_type in EMAILS:
        account.trigger(event_type)
    account.stripe.deliver()
    account.house.settled()

    assert account.house.status()["contacts"] == contacts
    assert len(account.mail.letters) == letters
    member = owner(account.house)
    for event_type in EMAILS:
        event = account.stripe.of_type(event_type)[-1]
        [(pk, result)] = account.house.rows(
            f"SELECT id, result FROM intake_delivery WHERE external_id = '{event['id']}'"
        )
        assert "received, no email address, nothing synced" in result
        words = member.get(f"/integrations/stripe/deliveries/{pk}").words
        assert "received, no email address, nothing synced" in words.lower(), words
        assert "this customer has none, so there was nobody to sync" in words
        assert f"stripe trigger {event_type} --override customer:email=you@example.com" in words


def person(event_type: str) -> str:
    """Whom the trigger of this type is about."""
    return f"{event_type.replace('.', '-')}@example.com"


def owner(house: Installation) -> Visitor:
    """Somebody who came in by the one-time link."""
    visitor = Visitor(house.url)
    link = house.command("owner-link").strip().removeprefix(house.url)
    answer = visitor.fill_in(link, {"name": "Alice", "email": "alice@acme.test", "password": "correct horse battery"})
    assert answer.status == 200, answer.words
    return visitor
