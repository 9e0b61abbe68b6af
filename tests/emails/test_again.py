"""Promises about what nobody knows of: held for a person, or sent again by its loop's rule, once and visibly."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from cocoonmail import pipeline
from cocoonmail.emails.again import RESEND_AFTER, RESENT, all_arrived, became_unknown, release, release_all
from cocoonmail.emails.ledger import Done, Mark, Verdict, write_ledger
from cocoonmail.emails.letters import write
from cocoonmail.emails.models import Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, UnknownPolicy
from cocoonmail.transports.base import Accepted, Unknown
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db


@pytest.fixture
def message() -> Message:
    """A message whose server never answered."""
    shop = Shop.opened()
    shop.hear(event("invoice.paid"))
    shop.work()
    Message.objects.update(epoch=1, attempts=1)
    return unanswered(Message.objects.get())


def unanswered(message: Message) -> Message:
    """It is marked, its final dot leaves, and no answer comes."""
    assert write_ledger([Mark(message)]) == [Verdict.GO]
    write_ledger([Done(message, Unknown("the connection was lost"))])
    return Message.objects.get(pk=message.pk)


def told(messages: Collection[Message], now: datetime) -> int:
    with transaction.atomic():
        return became_unknown([message.pk for message in messages], pipeline.resending_loops, now)


def resends() -> None:
    Loop.objects.update(unknown_policy=UnknownPolicy.RESEND_ONCE)


def test_unless_its_loop_says_otherwise_an_unknown_message_waits_for_a_person(message: Message) -> None:
    now = database_now()
    assert told([message], now) == 0
    message.refresh_from_db()
    assert (message.status, message.due_at, message.resent_at) == (Status.UNKNOWN, None, None)
    assert message.unknown_at == now


def test_a_loop_that_says_so_sends_it_again_the_same_to_the_byte(message: Message) -> None:
    before, now = write(message), database_now()
    resends()
    assert told([message], now) == 1
    message = Message.objects.get()
    assert (message.status, message.reason, message.attempts) == (Status.QUEUED, RESENT, 0)
    assert (message.due_at, message.resent_at, message.unknown_at) == (now + RESEND_AFTER, now, now)
    assert write(message) == before


def test_it_is_sent_again_by_itself_exactly_once(message: Message) -> None:
    resends()
    now = database_now()
    assert told([message], now) == 1
    assert told([message], now) == 0
    message = unanswered(Message.objects.get())
    later = now + timedelta(hours=1)
    assert told([message], later) == 0
    message.refresh_from_db()
    assert (message.status, message.resent_at, message.unknown_at) == (Status.UNKNOWN, now, later)
    assert release(message, later)
    assert told([unanswered(Message.objects.get())], later) == 0


def test_an_answer_that_is_found_after_all_ends_the_wait_and_nothing_is_sent_again(message: Message) -> None:
    late = Message.objects.get()
    resends()
    told([message], database_now())
    write_ledger([Done(late, Accepted("250 queued as 42"))])
    message.refresh_from_db()
    assert (message.status, message.due_at) == (Status.SENT, None)


def test_who_is_gone_gets_no_second_one(message: Message) -> None:
    resends()
    assert message.contact is not None
    message.contact.delete()
    assert told([message], database_now()) == 0
    assert release_all(Message.objects.all(), database_now()) == 0
    assert Message.objects.get().status == Status.UNKNOWN


def test_what_did_not_become_unknown_is_left_alone(message: Message) -> None:
    resends()
    now = database_now()
    Message.objects.update(status=Status.SENT, unknown_at=None)
    assert told([message], now) == 0
    message.refresh_from_db()
    assert (message.status, message.unknown_at) == (Status.SENT, None)
    with CaptureQueriesContext(connection) as captured:
        assert became_unknown([], pipeline.resending_loops, now) == 0
    assert len(captured) == 0


def test_only_the_loops_that_say_so_send_again(message: Message) -> None:
    assert message.loop_id is not None
    others = Loop.objects.exclude(pk=message.loop_id)
    others.update(unknown_policy=UnknownPolicy.RESEND_ONCE)
    ids = set(Loop.objects.values_list("pk", flat=True))
    assert pipeline.resending_loops(ids) == set(others.values_list("pk", flat=True))
    assert told([message], database_now()) == 0


def test_one_decision_about_many_touches_only_what_is_unknown(message: Message) -> None:
    now = database_now()
    assert release_all(Message.objects.all(), now) == 1
    assert (release_all(Message.objects.all(), now), all_arrived(Message.objects.all(), now)) == (0, 0)
    message.refresh_from_db()
    assert (message.status, message.due_at, message.released_at) == (Status.QUEUED, now, now)
    Message.objects.update(status=Status.UNKNOWN)
    assert all_arrived(Message.objects.all(), now) == 1
    assert Message.objects.get().status == Status.SENT
