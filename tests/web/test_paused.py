"""After a restore Home and Messages say what would be sent, and an admin starts it or discards it (promise S11)."""

from __future__ import annotations

import pytest

from cocoonmail.accounts import epoch
from cocoonmail.accounts.models import Installation
from cocoonmail.emails.models import Message, Status
from cocoonmail.trace.why import why
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(alice: Person) -> Shop:
    """Acme, restored, with three messages that wait; another workspace has one."""
    shop = Shop.opened()
    shop.hear(event("customer.created"), event("invoice.paid", "a@example.com"), event("invoice.paid", "b@example.com"))
    shop.work()
    row, _ = epoch.installation()
    epoch.pause(row, "the database was restored from a backup of 2026-11-24 20:00:00 UTC")
    return shop


def page(person: Person, path: str = "/messages") -> str:
    return person.get(path).content.decode()


def test_home_and_messages_say_why_nothing_is_sent_and_what_would_be(alice: Person) -> None:
    assert "restored from a backup" in page(alice, "/")
    assert "3 messages wait, the oldest since" in page(alice, "/")
    assert "Paid: 2; Welcome: 1" in page(alice, "/")
    html = page(alice)
    assert "The database was restored from a backup" in html
    assert "3 messages would be sent" in html
    assert "<dt>Paid</dt><dd>2</dd>" in html
    assert "/messages/start-sending" in html


def test_a_message_that_waits_says_why(alice: Person) -> None:
    html = page(alice, f"/messages/{Message.objects.latest('pk').pk}")
    assert "Sending is paused" in html
    assert "until somebody starts it again" in html
    assert "hx-get" not in html, "nothing moves that could be waited for"


def test_starting_it_lets_mail_leave_and_the_words_go(alice: Person) -> None:
    answer = alice.post("/messages/start-sending", follow=True)
    assert "Sending starts" in answer.content.decode()
    assert "is paused" not in page(alice)
    assert epoch.next_mark() is not None


def test_discarding_sends_none_of_them_and_leaves_it_paused(alice: Person, mallory: Person) -> None:
    mallory.post("/messages/discard-waiting")
    assert Message.objects.filter(status=Status.QUEUED).count() == 3
    answer = alice.post("/messages/discard-waiting", follow=True)
    assert "3 messages are not sent, for good" in answer.content.decode()
    assert not Message.objects.exclude(status=Status.SKIPPED)
    assert not Message.objects.exclude(due_at=None)
    assert "No message waits" in page(alice)
    assert epoch.next_mark() is None


def test_nothing_is_discarded_once_it_was_started(alice: Person) -> None:
    epoch.resume()
    assert "not paused any more" in alice.post("/messages/discard-waiting", follow=True).content.decode()
    assert Message.objects.filter(status=Status.QUEUED).count() == 3


def test_an_editor_sees_it_and_may_not_start_it(bob: Person) -> None:
    assert "An owner or admin can start it" in page(bob)
    assert bob.post("/messages/start-sending").status_code == 403
    assert epoch.paused() is not None


def test_what_was_moved_away_says_where_to_and_cannot_be_started(alice: Person) -> None:
    Installation.objects.update(moved_to="postgres://db.acme.test/cocoonmail")
    assert (
        "was moved to postgres://db.acme.test/cocoonmail"
        in alice.post("/messages/start-sending", follow=True).content.decode()
    )
    assert epoch.next_mark() is None


def test_why_says_last_that_no_email_leaves_and_for_what_reason(shop: Shop) -> None:
    said = "No email leaves now, for sending is paused: {}."
    for email in ("a@example.com", "nobody@example.com"):
        assert why(shop.workspace, email)[-1] == said.format(
            "the database was restored from a backup of 2026-11-24 20:00:00 UTC"
        )
    Installation.objects.update(moved_to="postgres://db/acme")
    assert why(shop.workspace, "a@example.com")[-1] == said.format("this installation was moved to postgres://db/acme")
    Installation.objects.update(moved_to="", paused_at=None)
    assert not any("paused" in line for line in why(shop.workspace, "a@example.com"))
