"""A server that falls silent after the final dot, from the wire to the pages: held for a person, or sent again once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from cocoonmail.emails.again import RESEND_AFTER, RESENT
from cocoonmail.emails.models import Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, UnknownPolicy
from tests.dispatching import dispatching, until
from tests.people import Person, people
from tests.shop import Shop, event
from tests.transports.scripted import CLOSE, TAKE_AND_CLOSE, Fault, ScriptedServer, scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

TOLERANCE = timedelta(seconds=20)  # That a test may take


@pytest.fixture
def alice() -> Person:
    return people().alice


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with in_a_thread(scripted()) as server:
        server.script.faults = {"dot": CLOSE}
        yield server
    connection.close()


def queued(alice: Person, server: ScriptedServer, policy: UnknownPolicy) -> None:
    """A payment's email waits for the server, in a loop with this policy."""
    shop = Shop.opened(f"smtp://127.0.0.1:{server.port}")
    Loop.objects.update(unknown_policy=policy)
    shop.hear(event("invoice.paid"))
    shop.work()


def sent_on() -> Message:
    """What has become of the message once nothing is due any more."""

    def still() -> bool:
        return not Message.objects.filter(due_at__lte=database_now() + RESEND_AFTER / 2).exists()

    with dispatching():
        until(still, "came to rest")
    return Message.objects.get()


def page(alice: Person, path: str) -> str:
    answer = alice.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("fault", [CLOSE, TAKE_AND_CLOSE], ids=str)
def test_without_a_rule_it_stands_still_and_home_and_messages_show_it(
    alice: Person, server: ScriptedServer, fault: Fault
) -> None:
    server.script.faults = {"dot": fault}
    queued(alice, server, UnknownPolicy.HOLD)
    message = sent_on()
    assert (message.status, message.due_at, server.dots) == (Status.UNKNOWN, None, 1)
    assert message.reason.startswith(
        "may or may not have been sent: The connection was lost before the server answered"
    )
    assert "/messages?status=unknown" in page(alice, "/")
    for path in ("/messages?status=unknown", f"/messages/{message.pk}"):
        assert "mx.test" in page(alice, path)
        assert "lost before the server answered the final dot" in page(alice, path)


def test_a_loop_that_says_so_sends_it_again_once_the_same_to_the_byte(alice: Person, server: ScriptedServer) -> None:
    queued(alice, server, UnknownPolicy.RESEND_ONCE)
    message = sent_on()
    assert (message.status, message.reason, message.attempts) == (Status.QUEUED, RESENT, 0)
    assert message.due_at is not None
    assert message.due_at - database_now() == pytest.approx(RESEND_AFTER, abs=TOLERANCE)
    assert "Will be sent again" in page(alice, f"/messages/{message.pk}")
    assert "/messages?status=unknown" not in page(alice, "/")

    server.script.faults = {}
    Message.objects.update(due_at=database_now())
    again = sent_on()
    assert (again.status, again.reason, again.message_id) == (Status.SENT, "", message.message_id)
    (_, first), (_, second) = server.dotted
    assert first == second
    assert message.message_id.encode() in first
    assert "Queued again by its loop’s rule" in page(alice, f"/messages/{message.pk}")


def test_when_nobody_knows_the_second_time_either_a_person_decides(alice: Person, server: ScriptedServer) -> None:
    queued(alice, server, UnknownPolicy.RESEND_ONCE)
    sent_on()
    Message.objects.update(due_at=database_now())
    message = sent_on()
    assert (message.status, message.due_at, server.dots) == (Status.UNKNOWN, None, 2)
    assert "/messages?status=unknown" in page(alice, "/")
    assert "ada@example.com" in page(alice, "/messages?status=unknown")

    server.script.faults = {}
    alice.post("/messages/send-again", {"pk": message.pk})
    assert sent_on().status == Status.SENT
    assert len({data for _, data in server.dotted}) == 1
    assert server.dots == 3
