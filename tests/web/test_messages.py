"""Promises of the Messages pages: every email is found, explained, followed back, and decided about once."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.db import transaction

from cocoonmail import pipeline
from cocoonmail.emails.again import arrived, became_unknown, release
from cocoonmail.emails.ledger import Done, write_ledger
from cocoonmail.emails.letters import Letter, write
from cocoonmail.emails.models import Email, Message, Status
from cocoonmail.emails.publish import publish
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.transports.base import Deferred
from cocoonmail.web.messages.decisions import MOVED_ON
from cocoonmail.web.messages.known import known
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def shop(alice: Person) -> Shop:
    """Acme with its loops live."""
    return Shop.opened()


@pytest.fixture
def message(shop: Shop) -> Message:
    """One that Stripe's invoice.paid led to, not sent yet."""
    shop.hear(event("invoice.paid"))
    shop.work()
    return Message.objects.get()


def stands(message: Message, status: Status, reason: str = "", **values: Any) -> Message:
    """The message, standing still."""
    Message.objects.filter(pk=message.pk).update(status=status, reason=reason, due_at=None, **values)
    message.refresh_from_db()
    return message


def page(person: Person, message: Message, tab: str = "") -> str:
    answer = person.get(f"/messages/{message.pk}{tab}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_list_teaches_the_next_step(alice: Person) -> None:
    html = alice.get("/messages").content.decode()
    assert "No message yet" in html
    assert 'href="/templates"' in html


def test_the_list_is_found_by_status_address_subject_loop_and_mode(alice: Person, message: Message) -> None:
    stands(message, Status.HELD, "contact.firstName has no value", subject="Your invoice", test=True)
    fits = ["status=held", "q=ADA@exam", "q=invoice", f"loop={message.loop_id}", "mode=test", "status=held&q=ada"]
    misses = ["status=sent", "q=nobody", "q=%25", "q=_", "loop=999999", "mode=live", "q=%00%5C"]
    for query in fits:
        assert f"/messages/{message.pk}" in alice.get(f"/messages?{query}").content.decode(), query
    for query in misses[:-1]:
        assert f"/messages/{message.pk}" not in alice.get(f"/messages?{query}").content.decode(), query


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "status=nonsense",
        "loop=x",
        "loop=" + "9" * 400,
        "loop=%D9%A1",
        "older=x",
        "newer=AAAA",
        "mode=1",
        "q=%5C",
    ],
)
def test_a_damaged_address_shows_a_list_and_never_an_error(alice: Person, message: Message, query: str) -> None:
    assert alice.get(f"/messages?{query}").status_code == 200


def test_a_message_shows_its_letter_its_text_its_source_and_where_it_came_from(alice: Person, message: Message) -> None:
    html = page(alice, message)
    assert "/integrations/stripe/deliveries/" in html
    assert f"/loops/{message.loop_id}" in html
    assert "successfulPayment" in html
    assert f'src="/messages/{message.pk}/rendered"' in html
    letter = write(message)
    assert isinstance(letter, Letter)
    assert letter.subject in html
    assert "Content-Type: multipart/alternative" in page(alice, message, "/source")
    assert "Plain text" in page(alice, message, "/text")
    assert "No server was spoken to yet" in page(alice, message, "/conversation")


def test_the_download_is_the_very_bytes_that_leave(alice: Person, message: Message) -> None:
    answer = alice.get(f"/messages/{message.pk}/raw")
    letter = write(message)
    assert isinstance(letter, Letter)
    assert answer.content == letter.data
    assert answer["Content-Disposition"].endswith('.eml"')
    parsed = message_from_bytes(answer.content, policy=policy.default)
    assert parsed["To"] == "ada@example.com"


def test_the_rendered_view_is_fenced_in(alice: Person, message: Message) -> None:
    answer = alice.get(f"/messages/{message.pk}/rendered")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"].replace("default-src 'none'", "")


def test_what_a_stranger_wrote_is_text_on_every_tab(alice: Person, message: Message) -> None:
    message.facts["contact"]["firstName"] = HOSTILE
    message.subject = HOSTILE
    message.save()
    stands(message, Status.UNKNOWN, HOSTILE, conversation=f"S: 250 {HOSTILE}", receipt=HOSTILE)
    for tab in ("", "/text", "/source", "/conversation"):
        assert HOSTILE not in page(alice, message, tab), tab
    assert HOSTILE not in alice.get("/messages").content.decode()
    assert HOSTILE not in alice.get(f"/messages/{message.pk}/rendered").content.decode()


@pytest.mark.parametrize("status", Status)
def test_every_status_is_explained_and_offers_only_what_makes_sense(
    alice: Person, message: Message, status: Status
) -> None:
    stands(message, status, "550 5.1.1 User unknown" if status == Status.FAILED else "")
    html = page(alice, message)
    assert ("Send again" in html) == (status in (Status.HELD, Status.FAILED, Status.UNKNOWN))
    assert ("It arrived" in html) == (status == Status.UNKNOWN)


def test_a_retry_says_when_and_why(alice: Person, message: Message) -> None:
    stands(message, Status.QUEUED, "will be tried again: 451 4.7.1 Greylisted", attempts=3)
    Message.objects.filter(pk=message.pk).update(due_at=database_now() + timedelta(hours=2))
    html = page(alice, message)
    assert "Will be tried again" in html
    assert "451 4.7.1 Greylisted" in html
    assert "in 2 hours" in html


def test_a_held_message_goes_out_with_todays_facts_when_a_person_says_so(
    alice: Person, message: Message, shop: Shop
) -> None:
    contact = message.contact
    assert contact is not None
    contact.first_name, contact.email = "Augusta", "augusta@example.com"
    contact.save()
    shop.workspace.address = "2 New St, Bergen"
    shop.workspace.save()
    stands(message, Status.HELD, "contact.firstName has no value")
    before, told = (message.token, message.created_at), message.facts["event"]
    answer = alice.post(f"/messages/{message.pk}/send-again", follow=True)
    assert "It is on its way again" in answer.content.decode()
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    assert message.due_at is not None
    assert message.due_at <= database_now()
    assert message.to_email == "augusta@example.com"
    assert message.facts["contact"]["firstName"] == "Augusta"
    assert message.facts["workspace"]["address"] == "2 New St, Bergen"
    assert message.facts["event"] == told
    assert (message.token, message.created_at) == before


def test_a_held_message_takes_the_text_that_was_published_since(alice: Person, message: Message) -> None:
    stands(message, Status.HELD, "contact.petName has no value and no fallback (in the subject)")
    assert message.loop_id is not None
    loop = Loop.objects.get(pk=message.loop_id)
    assert loop.published is not None
    email = Email.objects.get(versions=message.version_id)
    email.subject = "A better subject"
    email.save()
    version = publish(email, database_now())
    assert not isinstance(version, list)
    steps = loop.published.steps
    steps[-1]["version"] = version.pk
    loop.published.save()
    assert "published anew" in page(alice, message)
    alice.post(f"/messages/{message.pk}/send-again")
    message.refresh_from_db()
    letter = write(message)
    assert isinstance(letter, Letter)
    assert letter.subject == "A better subject"


def test_an_unknown_message_goes_out_again_only_by_a_person_and_stays_the_same_to_the_byte(
    alice: Person, message: Message
) -> None:
    first = write(message)
    stands(message, Status.UNKNOWN, "may or may not have been sent: the connection was lost")
    html = page(alice, message)
    assert "Send it a second time?" in html
    assert "<dialog" in html
    assert message.contact is not None
    message.contact.first_name = "Somebody Else"
    message.contact.save()
    alice.post(f"/messages/{message.pk}/send-again")
    message = Message.objects.get()
    assert message.status == Status.QUEUED
    assert write(message) == first


def test_it_arrived_settles_an_unknown_message_and_sends_nothing(alice: Person, message: Message) -> None:
    stands(message, Status.UNKNOWN, "may or may not have been sent")
    alice.post(f"/messages/{message.pk}/arrived")
    message.refresh_from_db()
    assert (message.status, message.due_at) == (Status.SENT, None)
    assert message.sent_at is not None


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING, Status.SENT, Status.CAPTURED, Status.SKIPPED])
def test_nothing_else_is_ever_sent_again(alice: Person, message: Message, status: Status) -> None:
    stands(message, status)
    for verb in ("send-again", "arrived"):
        alice.post(f"/messages/{message.pk}/{verb}")
    message.refresh_from_db()
    assert (message.status, message.due_at) == (status, None)


def test_of_two_decisions_at_the_same_moment_the_first_counts(message: Message) -> None:
    stands(message, Status.UNKNOWN)
    here, there = Message.objects.get(), Message.objects.get()
    assert arrived(here, database_now())
    assert not release(there, database_now())
    message.refresh_from_db()
    assert message.status == Status.SENT


CONVERSATION = "S: 220 mx.acme.test ESMTP\nC: EHLO us\nS: 354 Go ahead\n-- the final dot was sent"


def several(message: Message, statuses: list[Status]) -> list[Message]:
    """As many more messages as statuses, each standing still in one."""
    values = {field.attname: getattr(message, field.attname) for field in Message._meta.concrete_fields}
    values |= {"pk": None, "id": None, "due_at": None, "reason": "may or may not have been sent: no answer"}
    rows = [Message(**{**values, "key": f"copy:{n}", "status": status}) for n, status in enumerate(statuses)]
    return Message.objects.bulk_create(rows)


def test_the_list_of_unknown_messages_shows_what_is_known_of_each(
    alice: Person, vera: Person, message: Message
) -> None:
    since = database_now() - timedelta(hours=5)
    stands(message, Status.UNKNOWN, "may or may not have been sent", conversation=CONVERSATION, unknown_at=since)
    for html in (alice.get("/messages?status=unknown").content.decode(), page(alice, message)):
        assert "mx.acme.test" in html
        assert "-- the final dot was sent" in html
        assert "5 hours ago" in html
    assert "They arrived" not in vera.get("/messages?status=unknown").content.decode()
    assert "They arrived" not in alice.get("/messages").content.decode()


def test_where_the_conversation_names_no_server_the_transport_does(message: Message, shop: Shop) -> None:
    set_transport(shop.workspace, "smtp://mail.acme.test:25")
    stands(message, Status.UNKNOWN)
    (found,) = known(shop.workspace, [message]).values()
    assert (found.server, found.last, found.since) == ("mail.acme.test", "", message.created_at)
    assert known(shop.workspace, [stands(message, Status.SENT)]) == {}


def test_one_decision_settles_the_unknown_messages_that_were_ticked_and_no_other(
    alice: Person, message: Message
) -> None:
    one, two, other, held = several(message, [Status.UNKNOWN] * 3 + [Status.HELD])
    ticked = {"pk": [one.pk, two.pk, held.pk, "x", "9" * 40]}
    html = alice.post("/messages/arrived", ticked, follow=True).content.decode()
    assert "Noted: 2 messages are counted as sent." in html
    states = dict(Message.objects.values_list("pk", "status"))
    assert [states[row.pk] for row in (one, two, other, held)] == ["sent", "sent", "unknown", "held"]
    assert MOVED_ON in alice.post("/messages/arrived", ticked, follow=True).content.decode()


def test_one_decision_sends_all_unknown_messages_that_fit_again_and_warns_of_copies(
    alice: Person, message: Message
) -> None:
    rows = several(message, [Status.UNKNOWN] * 70 + [Status.FAILED])
    Message.objects.filter(pk=rows[0].pk).update(to_email="grace@example.com")
    html = alice.get("/messages?status=unknown&q=ada").content.decode()
    assert "All 69 that fit these filters" in html
    assert "its reader gets the email twice" in html
    assert '<input type="hidden" name="q" value="ada">' in html
    answer = alice.post("/messages/send-again", {"all": "yes", "status": "unknown", "q": "ada"}, follow=True)
    assert "69 messages are on the way again." in answer.content.decode()
    rows[0].refresh_from_db()
    rows[-1].refresh_from_db()
    assert (rows[0].status, rows[-1].status) == (Status.UNKNOWN, Status.FAILED)


def test_without_a_choice_nothing_is_decided(alice: Person, message: Message) -> None:
    stands(message, Status.UNKNOWN)
    for verb in ("send-again", "arrived"):
        for form in ({}, {"pk": "x"}, {"all": "no"}):
            assert "tick some messages" in alice.post(f"/messages/{verb}", form, follow=True).content.decode()
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


def test_nobody_decides_about_another_workspaces_messages(mallory: Person, vera: Person, message: Message) -> None:
    stands(message, Status.UNKNOWN)
    for verb in ("send-again", "arrived"):
        for form in ({"all": "yes"}, {"pk": message.pk}):
            assert mallory.post(f"/messages/{verb}", form).status_code == 302
            assert vera.post(f"/messages/{verb}", form).status_code == 403
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


def test_a_loops_rule_is_told_on_the_message_before_and_after(alice: Person, message: Message) -> None:
    Loop.objects.update(unknown_policy="resend_once")
    stands(message, Status.UNKNOWN)
    assert became_unknown([message.pk], pipeline.resending_loops, database_now()) == 1
    html = page(alice, message)
    assert "Will be sent again" in html
    assert "Its reader may get it twice" in html
    assert "in 10 min" in html
    assert "Queued again by its loop’s rule" in html
    assert "Sent again by a person" not in html
    stands(message, Status.SENT)
    assert "Queued again by its loop’s rule" in page(alice, message)


def test_a_worker_that_is_late_cannot_write_over_a_persons_decision(message: Message) -> None:
    stands(message, Status.UNKNOWN)
    late = Message.objects.get()
    assert release(Message.objects.get(), database_now())
    with transaction.atomic():
        write_ledger([Done(late, Deferred("too late"))])
    message.refresh_from_db()
    assert (message.status, message.reason) == (Status.QUEUED, "")


def test_a_released_message_is_tried_for_72_hours_from_then_on(message: Message) -> None:
    now = database_now()
    stands(message, Status.HELD, created_at=now - timedelta(days=9))
    assert release(Message.objects.get(), now)
    claimed = Message.objects.get()
    write_ledger([Done(claimed, Deferred("451 come back later"))])
    message.refresh_from_db()
    assert message.status == Status.QUEUED
    assert message.due_at is not None


def test_who_was_deleted_gets_nothing_again(alice: Person, message: Message) -> None:
    stands(message, Status.FAILED, "550 no")
    assert message.contact is not None
    message.contact.delete()
    html = page(alice, message)
    assert "Send again" not in html
    alice.post(f"/messages/{message.pk}/send-again")
    assert Message.objects.get().status == Status.FAILED


def test_vera_may_look_and_mallory_may_not(vera: Person, mallory: Person, message: Message) -> None:
    stands(message, Status.UNKNOWN)
    html = page(vera, message)
    assert "Send again" not in html
    assert vera.post(f"/messages/{message.pk}/send-again").status_code == 403
    assert vera.post(f"/messages/{message.pk}/arrived").status_code == 403
    for tab in ("", "/text", "/source", "/conversation", "/rendered", "/raw"):
        assert mallory.get(f"/messages/{message.pk}{tab}").status_code == 404
    assert mallory.post(f"/messages/{message.pk}/send-again").status_code == 404
    assert f"/messages/{message.pk}" not in mallory.get("/messages").content.decode()
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN
