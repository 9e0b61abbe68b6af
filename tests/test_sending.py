"""What becomes of a message: sent once, held, skipped, tried again, or shown as unknown. Never silent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.again import release
from cocoonmail.emails.domains import add_pair, switch_on
from cocoonmail.emails.ledger import Done, Mark, Verdict, orphans_to_unknown, write_ledger
from cocoonmail.emails.models import Message, SendingDomain, Status
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.transports.base import Accepted, Deferred, Refused, Unknown
from tests.mailbox import mailbox
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield Shop.opened()
    connection.close()


def queued(shop: Shop, type: str = "invoice.paid") -> Message:
    """A message that a worker has just claimed."""
    shop.hear(event(type))
    shop.work()
    Message.objects.update(epoch=1, attempts=1)
    return Message.objects.get()


def test_captured_mail_is_kept_and_no_byte_leaves(shop: Shop) -> None:
    shop.hear(event("invoice.paid"))
    shop.work()
    shop.send()
    message = Message.objects.get()
    assert (message.status, message.due_at) == (Status.CAPTURED, None)
    assert message.message_id == f"<{message.token}@acme.test>"


def test_a_message_is_handed_to_the_mail_server_once_with_its_words_kept(shop: Shop) -> None:
    with mailbox() as inbox:
        set_transport(shop.workspace, inbox.url)
        shop.workspace.save()
        shop.hear(event("invoice.paid"))
        shop.work()
        shop.send()
        shop.send()
    message = Message.objects.get()
    assert message.status == Status.SENT
    assert message.receipt.startswith("250 ")
    assert "MAIL FROM" in message.conversation
    assert len(inbox.to("ada@example.com")) == 1


def test_marketing_does_not_go_to_unsubscribed_contacts_and_receipts_do(shop: Shop) -> None:
    shop.hear(event("customer.created"), event("invoice.paid"))
    shop.work()
    Contact.objects.update(subscribed=False)
    shop.send()
    assert dict(Message.objects.values_list("kind", "status")) == {
        "marketing": Status.SKIPPED,
        "transactional": Status.CAPTURED,
    }


def test_an_unsubscription_that_comes_after_the_body_stops_the_dot(shop: Shop) -> None:
    message = queued(shop, "customer.created")
    Contact.objects.update(subscribed=False)
    assert write_ledger([Mark(message)]) == [Verdict.REFUSED]
    assert Message.objects.get().status == Status.SKIPPED


def test_a_stale_worker_may_not_send_the_dot(shop: Shop) -> None:
    message = queued(shop)
    Message.objects.update(epoch=2)
    assert write_ledger([Mark(message)]) == [Verdict.LOST]
    assert Message.objects.get().status == Status.QUEUED


def test_a_marked_message_is_never_claimed_again(shop: Shop) -> None:
    message = queued(shop)
    assert write_ledger([Mark(message)]) == [Verdict.GO]
    assert write_ledger([Mark(Message.objects.get())]) == [Verdict.LOST]
    Message.objects.update(due_at=database_now() - timedelta(days=1))
    shop.send()
    assert Message.objects.get().status == Status.SENDING


def test_a_transport_that_cannot_be_opened_holds_the_message_and_says_so(shop: Shop) -> None:
    Workspace.objects.update(transport_sealed="sealed with a key that is gone")
    shop.hear(event("invoice.paid"))
    shop.work()
    shop.send()
    message = Message.objects.get()
    assert (message.status, message.due_at) == (Status.HELD, None)
    assert message.reason.startswith("the transport's settings cannot be read (Settings, Transport)")


def test_keys_that_cannot_be_opened_hold_the_message_and_say_so(shop: Shop) -> None:
    switch_on(add_pair(shop.workspace, "acme.test", database_now()))
    SendingDomain.objects.update(rsa_sealed="sealed with a key that is gone")
    shop.hear(event("invoice.paid"))
    shop.work()
    shop.send()
    message = Message.objects.get()
    assert (message.status, message.due_at) == (Status.HELD, None)
    assert message.reason.startswith("it cannot be signed (Settings, Domains)")


def test_what_the_server_lacks_an_extension_for_is_held_and_can_be_sent_once_it_has_it(shop: Shop) -> None:
    message = queued(shop)
    write_ledger([Mark(message)])
    write_ledger([Done(message, Refused("the server does not offer SMTPUTF8", lacking=True))])
    message.refresh_from_db()
    assert (message.status, message.due_at) == (Status.HELD, None)
    assert release(message, database_now())


def test_a_message_whose_worker_vanished_becomes_unknown_and_says_so(shop: Shop) -> None:
    write_ledger([Mark(queued(shop))])
    assert orphans_to_unknown(database_now()) == 0
    assert orphans_to_unknown(database_now() + timedelta(minutes=1)) == 1
    message = Message.objects.get()
    assert message.status == Status.UNKNOWN
    assert "may or may not have been sent" in message.reason


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Accepted("250 queued as 42"), Status.SENT),
        (Deferred("451 come again"), Status.QUEUED),
        (Refused("550 no such user"), Status.FAILED),
        (Unknown("the connection ended after the dot"), Status.UNKNOWN),
    ],
)
def test_each_outcome_is_written_with_the_servers_words(
    shop: Shop, outcome: Accepted | Deferred | Refused | Unknown, status: Status
) -> None:
    message = queued(shop)
    write_ledger([Mark(message)])
    write_ledger([Done(message, outcome)])
    stored = Message.objects.get()
    words = outcome.receipt if isinstance(outcome, Accepted) else outcome.reason
    assert stored.status == status
    assert words in stored.receipt + stored.reason


def test_a_deferred_message_is_tried_again_ever_later_and_given_up_after_72_hours(shop: Shop) -> None:
    message = queued(shop)
    delays = []
    for attempt in (1, 2, 3, 4, 12):
        message.attempts = attempt
        write_ledger([Done(message, Deferred("451 come again"))])
        due_at = Message.objects.get().due_at
        assert due_at is not None
        delays.append(round((due_at - database_now()).total_seconds() / 10) * 10)
    assert delays == [30, 60, 120, 240, 7200]
    message.created_at -= timedelta(hours=72)
    write_ledger([Done(message, Deferred("451 come again"))])
    stored = Message.objects.get()
    assert (stored.status, stored.due_at) == (Status.FAILED, None)
    assert stored.reason == "given up after 72 hours: 451 come again"


def test_a_value_that_is_missing_holds_the_message_with_the_reason(shop: Shop) -> None:
    shop.workspace.sender_email = ""
    shop.workspace.save()
    shop.hear(event("invoice.paid"))
    shop.work()
    shop.send()
    message = Message.objects.get()
    assert message.status == Status.HELD
    assert "sender" in message.reason.lower()


def test_every_attempt_of_a_message_has_the_same_bytes(shop: Shop) -> None:
    from cocoonmail.emails.letters import Letter, write

    queued(shop)
    first, second = write(Message.objects.get()), write(Message.objects.get())
    assert isinstance(first, Letter)
    assert first == second
