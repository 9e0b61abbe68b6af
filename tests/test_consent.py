"""Promises S5, S6 and S12: what may not go out is told last of all, in the transaction before the final dot."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from cocoonmail import pipeline
from cocoonmail.contacts.consent import unsubscribe
from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.contacts.suppression import suppress
from cocoonmail.emails.consent import (
    EXPIRES,
    REFUSAL_FIELDS,
    TRIED,
    Refusal,
    Standing,
    refusal,
    refuse,
    standings,
)
from cocoonmail.emails.ledger import Done, Mark, Verdict, write_ledger
from cocoonmail.emails.models import Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows
from cocoonmail.loops.models import Loop
from cocoonmail.loops.publish import pause, start
from cocoonmail.transports.base import Deferred
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60.0  # Seconds until a test gives up
A_WHILE = 0.2  # Seconds in which somebody who need not wait has long finished
ROUNDS = 60
ADA = "ada@example.com"


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield Shop.opened()
    connection.close()


def queued(shop: Shop, type: str = "customer.created") -> Message:
    """A message to Ada that a worker has just claimed."""
    shop.hear(event(type))
    shop.work()
    Message.objects.update(epoch=1, attempts=1)
    return Message.objects.get()


def asked(message: Message, *, lock: bool = False) -> Refusal | None:
    """What is said of it now."""
    standing = standings([message], pipeline.paused_loops, lock=lock)[message.pk]
    return refusal(standing, message, database_now())


def mark(message: Message, meanwhile: Callable[[], None] = lambda: None) -> Refusal | None:
    """The mark as a ledger writes it: its transaction, in which `meanwhile` happens before it ends."""
    with transaction.atomic():
        list(Message.objects.select_for_update().filter(pk=message.pk))
        refused = asked(message, lock=True)
        if refused is None:
            message.status = Status.SENDING
        else:
            refuse(message, refused, database_now())
        update_rows([message], REFUSAL_FIELDS, guard="epoch")
        meanwhile()
    return refused


def ada_unsubscribes() -> None:
    unsubscribe(Contact.objects.get(), database_now())


def ada_is_stopped() -> None:
    suppress(Message.objects.get().workspace_id, ADA, Suppression.Reason.COMPLAINT, database_now())


def ada_is_deleted() -> None:
    Contact.objects.get().delete()


def loop() -> Loop:
    return Loop.objects.get(name="Welcome")


def the_loop_is_paused() -> None:
    pause(loop(), database_now())


DEEDS = {
    ada_unsubscribes: (Status.SKIPPED, "the contact has unsubscribed, and this is a marketing email"),
    ada_is_stopped: (Status.SKIPPED, "mail to this address was stopped: its reader complained"),
    ada_is_deleted: (Status.SKIPPED, "the contact was deleted"),
    the_loop_is_paused: (Status.QUEUED, "its loop is paused"),
}
deeds = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)


def beside(deed: Callable[[], object]) -> threading.Thread:
    """The deed, begun in a transaction of its own."""

    def do() -> None:
        try:
            deed()
        finally:
            connection.close()

    thread = threading.Thread(target=do)
    thread.start()
    return thread


@deeds
def test_what_was_committed_before_the_mark_refuses_it_with_its_words(shop: Shop, deed: Callable[[], None]) -> None:
    message = queued(shop)
    assert asked(message) is None
    deed()
    refused = mark(message)
    assert refused is not None
    assert (refused.status, refused.reason) == DEEDS[deed]
    assert Message.objects.get().status == refused.status


@deeds
def test_a_mark_waits_for_what_is_under_way_and_heeds_it(shop: Shop, deed: Callable[[], None]) -> None:
    message, answers = queued(shop), list[Refusal | None]()
    with transaction.atomic():
        deed()
        marking = beside(lambda: answers.append(mark(message)))
        marking.join(A_WHILE)
        assert marking.is_alive()
    marking.join(PATIENCE)
    assert len(answers) == 1
    assert [answer and (answer.status, answer.reason) for answer in answers] == [DEEDS[deed]]


@deeds
def test_nothing_is_committed_between_the_question_and_the_mark(shop: Shop, deed: Callable[[], None]) -> None:
    message, doing = queued(shop), list[threading.Thread]()

    def meanwhile() -> None:
        doing.append(beside(deed))
        doing[0].join(A_WHILE)
        assert doing[0].is_alive()

    assert mark(message, meanwhile) is None
    doing[0].join(PATIENCE)
    assert Message.objects.get().status == Status.SENDING


@deeds
def test_however_they_interleave_nothing_is_marked_once_it_was_forbidden(shop: Shop, deed: Callable[[], None]) -> None:
    dice = random.Random(5)
    message = queued(shop)
    contact = Contact.objects.get()
    for _ in range(ROUNDS):
        pauses = [dice.random() * 0.004 for _ in range(2)]
        seen: list[str] = []

        def forbid(pause: float = pauses[0], seen: list[str] = seen) -> None:
            time.sleep(pause)
            deed()
            seen.append(Message.objects.get().status)

        forbidding = beside(forbid)
        time.sleep(pauses[1])
        mark(Message.objects.get())
        forbidding.join(PATIENCE)
        after = Message.objects.get()
        assert len(seen) == 1
        assert (seen, after.status) != ([Status.QUEUED], Status.SENDING)
        _as_it_was(message, contact)


def _as_it_was(message: Message, contact: Contact) -> None:
    Suppression.objects.all().delete()
    contact.save()
    message.save()
    Loop.objects.update(state="live", paused_at=None)


def test_an_unsubscription_is_heeded_by_the_ledger_however_they_interleave(shop: Shop) -> None:
    dice = random.Random(5)
    message = queued(shop)
    contact = Contact.objects.get()
    for _ in range(ROUNDS):
        seen: list[str] = []

        def forbid(pause: float = dice.random() * 0.004, seen: list[str] = seen) -> None:
            time.sleep(pause)
            ada_unsubscribes()
            seen.append(Message.objects.get().status)

        forbidding = beside(forbid)
        time.sleep(dice.random() * 0.004)
        (verdict,) = write_ledger([Mark(Message.objects.get())])
        forbidding.join(PATIENCE)
        assert len(seen) == 1
        assert (seen, verdict) != ([Status.QUEUED], Verdict.GO)
        _as_it_was(message, contact)


def test_transactional_mail_goes_to_who_unsubscribed_and_to_nobody_who_was_stopped(shop: Shop) -> None:
    message = queued(shop, "invoice.paid")
    ada_unsubscribes()
    assert asked(message) is None
    ada_is_stopped()
    assert asked(message) == Refusal(Status.SKIPPED, "mail to this address was stopped: its reader complained")


@pytest.mark.parametrize(
    ("reason", "words"),
    [("hard_bounce", "it bounced"), ("complaint", "its reader complained"), ("manual", "by hand")],
)
def test_the_refusal_says_why_mail_was_stopped(shop: Shop, reason: str, words: str) -> None:
    message = queued(shop)
    suppress(message.workspace_id, ADA, Suppression.Reason(reason), database_now())
    assert asked(message) == Refusal(Status.SKIPPED, f"mail to this address was stopped: {words}")


def test_what_counts_is_the_address_that_the_bytes_go_to(shop: Shop) -> None:
    message = queued(shop)
    Contact.objects.update(email="new@example.com", email_key="new@example.com")
    suppress(message.workspace_id, "new@example.com", Suppression.Reason.MANUAL, database_now())
    assert asked(message) is None
    message.to_email = "no address at all"
    assert asked(message) is None
    message.to_email = "ADA@Example.com"
    ada_is_stopped()
    assert asked(message) is not None


def test_a_thousand_messages_are_asked_about_in_three_queries(shop: Shop) -> None:
    message = queued(shop)
    assert message.contact is not None
    copies = [Message(**{**_values(message), "pk": None, "key": f"copy:{number}"}) for number in range(1000)]
    messages = Message.objects.bulk_create(copies)
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        found = standings(messages, pipeline.paused_loops)
    assert len(captured) == 3
    assert set(found.values()) == {Standing()}
    assert standings([], pipeline.paused_loops) == {}


def _values(message: Message) -> dict[str, object]:
    return {field.attname: getattr(message, field.attname) for field in Message._meta.concrete_fields}


def test_what_waits_for_its_loop_counts_no_attempt_and_is_due_when_the_loop_is_live_again(shop: Shop) -> None:
    message = queued(shop)
    the_loop_is_paused()
    mark(message)
    stored = Message.objects.get()
    assert (stored.status, stored.attempts, stored.reason) == (Status.QUEUED, 0, "")
    due = pipeline.due_messages().filter(due_at__lte=database_now())
    assert not due.exists()
    assert start(loop(), database_now()) == []
    assert due.get() == message


def test_a_pause_keeps_the_words_of_the_server_that_put_it_off(shop: Shop) -> None:
    message = queued(shop)
    write_ledger([Done(message, Deferred("451 come again"))])
    the_loop_is_paused()
    mark(message)
    assert Message.objects.get().reason == f"{TRIED}451 come again"


@pytest.mark.parametrize(
    ("hours", "reason", "held"),
    [
        (71.9, "", False),
        (72, "", True),
        (72, "sent again by itself, as its loop says", True),
        # Who puts a message off gets 72 hours of tries, the last of them up to 2 hours behind: it fails by itself.
        (74.5, f"{TRIED}451 come again", False),
        # A pause of a week is no try.
        (168, f"{TRIED}451 come again", True),
    ],
)
def test_what_waited_too_long_is_held_for_a_person(shop: Shop, hours: float, reason: str, held: bool) -> None:
    message, now = queued(shop), database_now()
    message.created_at, message.reason = now - timedelta(hours=hours), reason
    refused = refusal(Standing(), message, now)
    assert (refused is not None) == held
    if refused is not None:
        refuse(message, refused, now)
        assert (message.status, message.due_at) == (Status.HELD, None)
        assert "waited longer than 72 hours" in message.reason


def test_a_person_who_sends_it_after_all_gives_it_its_time_anew(shop: Shop) -> None:
    message, now = queued(shop), database_now()
    message.created_at, message.released_at = now - timedelta(days=30), now - EXPIRES / 2
    assert refusal(Standing(), message, now) is None
    message.released_at = now - EXPIRES
    assert refusal(Standing(), message, now) is not None


def test_what_is_true_of_the_person_is_told_before_what_is_true_of_the_time(shop: Shop) -> None:
    message, now = queued(shop), database_now()
    message.created_at = now - timedelta(days=30)
    everything = Standing(known=False, subscribed=False, stopped=Suppression.Reason.MANUAL, paused=True)
    told = []
    for standing in (
        everything,
        Standing(subscribed=False, stopped=Suppression.Reason.MANUAL, paused=True),
        Standing(subscribed=False, paused=True),
        Standing(paused=True),
        Standing(),
    ):
        refused = refusal(standing, message, now)
        assert refused is not None
        told.append(refused.reason.split(":")[0])
    assert told == [
        "the contact was deleted",
        "mail to this address was stopped",
        "the contact has unsubscribed, and this is a marketing email",
        "its loop is paused",
        "it waited longer than 72 hours before it could be sent",
    ]
