"""The journey: a signed webhook in by HTTP, an email out by SMTP; real processes, nothing mocked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.house import Installation, installation, link_in
from tests.mailbox import Letter, Mailbox, mailbox
from tests.shop import FILE, event
from tests.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.one_database]

AT_ONCE = 16
ONE_CLICK = {"List-Unsubscribe": "One-Click"}  # RFC 8058 section 3.2


@dataclass
class Place:
    """A shop that is up, and the mail server that its emails go to."""

    house: Installation
    mail: Mailbox

    def letter(self, email: str) -> Letter:
        """The one letter that somebody got so far, once everything has come to its end."""
        self.house.settled()
        (letter,) = self.mail.to(email)
        return letter


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The shop of the three gallery templates under `cocoonmail up`: one for all, with other people in each test."""
    with mailbox() as mail, installation(tmp_path_factory.mktemp("journey"), FILE % mail.url) as house:
        house.up()
        yield Place(house, mail)


def test_a_new_customer_gets_a_marketing_email_that_they_can_unsubscribe_from(place: Place) -> None:
    assert place.house.post(event("customer.created", "Ada@Example.com")) == (200, {"received": True})
    letter = place.letter("Ada@Example.com")
    mail = letter.read()
    assert mail["Subject"] == "Welcome to Acme, Ada"
    assert (mail["From"], mail["To"]) == ("Acme <hello@acme.test>", "Ada@example.com")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].strip(" <>").startswith(f"{place.house.url}/unsubscribe/")
    assert "Thank you for becoming a customer of Acme." in letter.text
    assert "Welcome, Ada" in letter.html
    for part in (letter.text, letter.html):
        assert "1 Main St, Oslo" in part, "the postal address stands in marketing"
        assert f"{place.house.url}/unsubscribe/" in part


def test_a_payment_is_confirmed_with_its_amount_and_its_invoice(place: Place) -> None:
    paid = event("invoice.paid", "bea@example.com")
    place.house.post(paid)
    letter = place.letter("bea@example.com")
    mail, invoice = letter.read(), paid["data"]["object"]
    assert mail["Subject"] == "We received your payment of €19.99"
    assert (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"]) == (None, None), "transactional"
    assert mail["Auto-Submitted"] == "auto-generated"
    for part in (letter.text, letter.html):
        assert "€19.99" in part
        assert invoice["number"] in part
        assert "/unsubscribe/" not in part
    assert invoice["hosted_invoice_url"] in letter.html
    assert invoice["hosted_invoice_url"] in letter.text


def test_a_failed_payment_tells_what_is_due_where_to_pay_and_when_it_is_tried_again(place: Place) -> None:
    failed = event("invoice.payment_failed", "cleo@example.com")
    place.house.post(failed)
    letter = place.letter("cleo@example.com")
    assert letter.read()["Subject"] == "Your payment of €19.99 to Acme did not go through"
    assert letter.read()["List-Unsubscribe"] is None, "transactional"
    assert "We will try again on 23 November 2026" in " ".join(letter.text.split())
    assert failed["data"]["object"]["hosted_invoice_url"] in letter.html


def test_whoever_unsubscribes_gets_no_marketing_any_more_and_their_receipts_still(place: Place) -> None:
    place.house.post(event("customer.created", "dora@example.com"))
    reader = Visitor(place.house.url)
    link = link_in(place.letter("dora@example.com").text, "/unsubscribe/")
    assert "Unsubscribe from Acme?" in reader.get(link).words
    assert "You are unsubscribed" in reader.post(link, ONE_CLICK).words

    place.house.post(event("customer.created", "dora@example.com", id="cus_DorasSecond"))
    place.house.post(event("invoice.paid", "dora@example.com"))
    place.house.settled()

    subjects = [letter.read()["Subject"] for letter in place.mail.to("dora@example.com")]
    assert subjects == ["Welcome to Acme, Ada", "We received your payment of €19.99"]
    told = place.house.why("dora@example.com")
    assert "unsubscribed: marketing emails skip them" in told
    assert re.search("“Stripe - New Customer” was not sent: .*contact has unsubscribed", told, re.IGNORECASE), told


def test_the_same_webhook_sixteen_times_at_once_sends_one_email(place: Place) -> None:
    one = event("invoice.paid", "emmy@example.com")
    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(place.house.post, [one] * AT_ONCE))
    assert {answer.status for answer in answers} == {200}
    assert sum("duplicate" not in answer.content for answer in answers) == 1
    assert place.letter("emmy@example.com").read()["Subject"] == "We received your payment of €19.99"


def test_status_counts_everything_by_its_documented_keys(place: Place) -> None:
    place.house.post(event("customer.created", "fay@example.com"))
    place.house.settled()
    status = place.house.status()
    assert list(status) == ["deliveries", "contacts", "events", "runs", "messages", "backlog", "sending"]
    assert status["backlog"] == 0
    assert status["deliveries"].keys() == {"done"}
    assert status["deliveries"]["done"] == status["events"] == status["runs"]["finished"]
    assert sum(status["messages"].values()) == status["runs"]["finished"]
    assert json.loads(json.dumps(status)) == status


def test_why_tells_the_way_from_the_webhook_to_the_email_in_words(place: Place) -> None:
    place.house.post(event("invoice.paid", "gil@example.com"))
    place.house.settled()
    told = place.house.why("gil@example.com")
    way = [
        "gil@example.com is a contact since",
        "Stripe sent invoice.paid",
        "Added to the audience: By Stripe webhook",
        "successfulPayment happened",
        "Entered “Paid”",
        "“We received your payment of €19.99” was sent",
        "250 2.0.0 Ok: queued",
    ]
    places = [told.find(step) for step in way]
    assert -1 not in places, told
    assert places == sorted(places), told
    assert "newStripeCustomer, which never happened to gil@example.com" in place.house.why("gil@example.com", "Welcome")


def test_why_says_that_nobody_has_the_address(place: Place) -> None:
    assert "No contact has the address nobody@example.com" in place.house.why("nobody@example.com")
