"""Promises of a contact's story: every email that was or was not sent is explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.contacts.suppression import suppress
from cocoonmail.emails.again import RESENT
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Frequency, Loop, LoopVersion, Run
from cocoonmail.loops.publish import pause, start
from cocoonmail.trace.story import Moment, story
from cocoonmail.trace.why import why
from tests.deeds import contact, goes_on, happens, loop_of


def titles(moments: Sequence[Moment]) -> list[str]:
    return [moment.title for moment in moments]


def about(moments: Sequence[Moment], kind: str) -> str:
    return " ".join(moment.detail for moment in moments if moment.kind == kind)


def delivery(workspace: Workspace, contact: Contact | None = None, **fields: Any) -> Delivery:
    """A webhook that came in."""
    endpoint, _ = Endpoint.objects.get_or_create(workspace=workspace, platform="stripe", name="Stripe")
    number = Delivery.objects.count()
    known = {"type": "customer.created", "body": b"{}", "state": "done", "livemode": False, **fields}
    now = database_now()
    return Delivery.objects.create(
        workspace=workspace, endpoint=endpoint, external_id=f"evt_{number}", headers={}, contact=contact,
        occurred_at=now, received_at=now, **known,
    )  # fmt: skip


def test_the_way_of_one_webhook_is_told_in_its_order(acme: Workspace) -> None:
    loop_of(acme)
    now = database_now()
    ada = contact(acme, at=now)
    told = delivery(acme, ada, understood="new customer Ada", result="contact created; event recorded")
    Delivery.objects.update(received_at=now)
    happens("newStripeCustomer", ada, now + timedelta(milliseconds=1))
    goes_on(now + timedelta(seconds=2))
    Message.objects.update(status=Status.SENT, subject="Welcome", receipt="250 Ok", sent_at=now + timedelta(seconds=3))
    moments = story(ada)
    assert titles(moments) == [
        "Stripe sent customer.created",
        "Added to the audience",
        "newStripeCustomer happened",
        "Entered “Stripe - New Customer”",
        "Came to the end of “Stripe - New Customer”",
        "“Welcome” was sent",
    ]
    assert moments[0].detail == "New customer Ada. Contact created; event recorded."
    assert (moments[0].link_kind, moments[0].link_id, moments[0].platform) == ("delivery", told.pk, "stripe")
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)


def test_an_event_that_no_loop_waits_for_says_so(acme: Workspace) -> None:
    ada = contact(acme)
    happens("signedUp", ada)
    assert "No live loop waits for this event." in about(story(ada), "event")


def test_an_event_says_why_each_loop_that_names_it_did_not_take_it(acme: Workspace) -> None:
    ada, now = contact(acme), database_now()
    draft = loop_of(acme, live=False)
    happens("newStripeCustomer", ada, now)
    assert f"“{draft}” is a draft and takes nobody in" in about(story(ada), "event")

    start(draft, now + timedelta(hours=1))
    assert f"“{draft}” was started later" in about(story(ada), "event")


def test_an_event_during_a_long_pause_says_so(acme: Workspace) -> None:
    ada, now, loop = contact(acme), database_now(), loop_of(acme)
    LoopVersion.objects.update(published_at=now - timedelta(days=9))
    pause(loop, now - timedelta(days=3))
    happens("newStripeCustomer", ada, now)
    assert "had been paused for more than 24 hours" in about(story(ada), "event")


def test_a_loop_that_takes_each_in_once_says_so_the_second_time(acme: Workspace) -> None:
    ada, loop = contact(acme), loop_of(acme, live=False)
    loop.frequency = Frequency.ONE_TIME
    start(loop, database_now())
    happens("newStripeCustomer", ada)
    happens("newStripeCustomer", ada)
    assert Run.objects.count() == 1
    assert "had been in “Stripe - New Customer” before" in about(story(ada), "event")


def test_who_waits_is_told_until_when_and_for_what(acme: Workspace) -> None:
    ada, loop = contact(acme), loop_of(acme, live=False)
    loop.steps[0]["seconds"] = 3600
    start(loop, database_now())
    happens("newStripeCustomer", ada)
    goes_on()
    last = story(ada)[-1]
    assert (last.kind, last.at) == ("waiting", Run.objects.get().due_at)
    assert "Send email" in last.detail
    pause(loop, database_now())
    assert "The loop is paused" in story(ada)[-1].detail


@pytest.mark.parametrize(
    ("status", "reason", "title", "tone"),
    [
        (Status.CAPTURED, "", "was captured", "good"),
        (Status.HELD, "event.invoiceUrl has no value", "was held", "warn"),
        (Status.SKIPPED, "the contact has unsubscribed", "was not sent", "warn"),
        (Status.FAILED, "550 5.1.1 No such user", "failed", "bad"),
        (Status.UNKNOWN, "600 seconds passed", "may or may not have been sent", "bad"),
    ],
)
def test_every_message_says_what_became_of_it(
    acme: Workspace, status: Status, reason: str, title: str, tone: str
) -> None:
    loop_of(acme)
    ada = contact(acme)
    happens("newStripeCustomer", ada)
    goes_on()
    Message.objects.update(status=status, reason=reason, sent_at=database_now())
    told = next(moment for moment in story(ada) if moment.kind == "message")
    assert title in told.title
    assert told.tone == tone
    assert reason[1:] in told.detail
    assert told.detail


def test_a_message_of_a_paused_loop_says_that_it_waits(acme: Workspace) -> None:
    loop, ada = loop_of(acme), contact(acme)
    happens("newStripeCustomer", ada)
    pause(loop, database_now())
    assert about(story(ada), "message") == "By the loop “Stripe - New Customer”. The loop is paused, so it waits."


def test_an_address_to_which_mail_was_stopped_is_told_as_one(acme: Workspace) -> None:
    ada = contact(acme)
    suppress(acme.pk, ada.email_key, Suppression.Reason.HARD_BOUNCE, database_now(), "550 no such user")
    assert "All mail to ada@example.com was stopped" in titles(story(ada))
    assert "It bounced. 550 no such user. No email of any kind goes there." in about(story(ada), "stopped")
    assert "all mail to them is stopped: it bounced" in why(acme, "ada@example.com")[0]
    ada.delete()
    told = "All mail to Ada@example.com is stopped, whoever has the address: it bounced."
    assert told in why(acme, "Ada@example.com")


def test_what_was_decided_about_an_unknown_message_stays_told(acme: Workspace) -> None:
    loop_of(acme)
    ada, now = contact(acme), database_now()
    happens("newStripeCustomer", ada)
    goes_on()

    def said(**values: Any) -> str:
        Message.objects.update(**values)
        lines = why(acme, "ada@example.com")
        return next(line for line in lines if "“" in line and "by the loop" in line.casefold())

    assert "by itself" not in said(status=Status.UNKNOWN, reason="may or may not have been sent: no answer")
    queued = said(status=Status.QUEUED, reason=RESENT, resent_at=now, released_at=now)
    assert queued.casefold().count("sent again by itself, as its loop says") == 1
    sent = said(status=Status.SENT, reason="")
    assert "Sent again by itself, as its loop says" in sent
    assert "a person" not in sent
    assert "a person said to send it after all" in said(released_at=now + timedelta(hours=1))
    assert "A person said to send it after all" in said(resent_at=None)


def test_an_unsubscribed_contact_is_told_as_one(acme: Workspace) -> None:
    ada = contact(acme, subscribed=False, unsubscribed_at=database_now())
    assert "Unsubscribed" in titles(story(ada))


def test_the_story_asks_as_many_queries_for_much_as_for_little(acme: Workspace) -> None:
    loop_of(acme)
    ada = contact(acme)
    for _ in range(30):
        happens("newStripeCustomer", ada)
    goes_on()
    with CaptureQueriesContext(connection) as captured:
        assert len(story(ada)) > 100
    assert len(captured) <= 10


def test_why_tells_the_story_a_line_a_decision(acme: Workspace) -> None:
    loop_of(acme)
    other = loop_of(acme, "stripe-payment-failed")
    happens("newStripeCustomer", contact(acme))
    goes_on()
    lines = why(acme, "ADA@example.com")
    assert lines[0].startswith("ada@example.com is a contact since ")
    assert any("newStripeCustomer happened: Began “Stripe - New Customer”." in line for line in lines)
    assert lines[-1] == f"“{other}” waits for failedPayment, which never happened to ada@example.com."


def test_why_about_one_loop_tells_its_state_and_each_of_its_events(acme: Workspace) -> None:
    loop, ada = loop_of(acme, live=False), contact(acme)
    happens("newStripeCustomer", ada)
    lines = why(acme, "ada@example.com", "stripe - new customer")
    assert f"“{loop}” is a draft; it starts with newStripeCustomer, every time." in lines
    assert any("newStripeCustomer happened, but “Stripe - New Customer” is a draft" in line for line in lines)


def test_why_about_a_loop_whose_event_never_happened_says_so(acme: Workspace) -> None:
    loop_of(acme, "stripe-payment-failed")
    contact(acme)
    lines = why(acme, "ada@example.com", "Stripe - Payment Failed")
    assert lines[-1] == "“Stripe - Payment Failed” waits for failedPayment, which never happened to ada@example.com."


def test_why_about_a_loop_that_is_not_there_names_those_that_are(acme: Workspace) -> None:
    loop_of(acme)
    contact(acme)
    assert why(acme, "ada@example.com", "Welcome") == [
        "There is no loop named “Welcome”. There are: “Stripe - New Customer”."
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "ignored", "result": "this event is switched off here"}, "ignored, this event is switched off here"),
        ({"state": "parked", "result": "parked until cus_1 is known"}, "parked, parked until cus_1 is known"),
        ({"state": "no_address", "result": "received, no email address"}, "no email address, received"),
        ({"state": "waiting"}, "waiting, not processed yet"),
    ],
)
def test_why_finds_the_deliveries_that_named_somebody_who_is_not_here(
    acme: Workspace, fields: dict[str, Any], words: str
) -> None:
    delivery(acme, None, body=b'{"data": {"object": {"email": "Grace@Example.com"}}}', **fields)
    delivery(acme, None, body=b'{"data": {"object": {"email": "else@example.com"}}}', **fields)
    lines = why(acme, "grace@example.com")
    assert lines[0] == "No contact has the address grace@example.com; 1 delivery named it:"
    assert words in lines[1]
    assert "evt_0" in lines[1]


def test_why_about_somebody_whom_nothing_named_says_where_to_look(acme: Workspace) -> None:
    assert "no delivery named it" in why(acme, "grace@example.com")[0]
    assert why(acme, "grace") == ["“grace” is not an email address."]


def test_why_knows_nothing_of_another_workspace(acme: Workspace) -> None:
    evil = Workspace.objects.create(name="Other")
    contact(evil)
    delivery(evil, body=b"ada@example.com")
    assert "no delivery named it" in why(acme, "ada@example.com")[0]
    assert not Loop.objects.filter(workspace=acme).exists()
