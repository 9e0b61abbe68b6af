"""Trouble with the server is no fault of the message that met it: it goes back as it came, with the server's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.db import connection

from cocoonmail.emails import ledger
from cocoonmail.emails.consent import TRIED
from cocoonmail.emails.ledger import GIVE_UP, SLOWED, Done, Postpone, write_ledger
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.transports import backoff
from cocoonmail.transports.base import Deferred
from tests.house import free_port
from tests.shop import Shop, event
from tests.transports.scripted import CLOSE, Fault, ScriptedServer, say, say_and_hang_up, scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

GONE = "421 4.3.2 Shutting down"
AT_ONCE = timedelta(seconds=30)  # That a test may take
PAUSE, LONGER = timedelta(minutes=1), timedelta(minutes=5)


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield Shop.opened()
    connection.close()


@contextmanager
def served(shop: Shop, messages: int, **faults: Fault) -> Iterator[ScriptedServer]:
    """So many messages wait for a server with these faults."""
    with in_a_thread(scripted()) as server:
        server.script.faults = faults
        through(shop, f"smtp://127.0.0.1:{server.port}", messages)
        yield server


def through(shop: Shop, url: str, messages: int) -> None:
    set_transport(shop.workspace, url)
    shop.workspace.save()
    shop.hear(*(event("invoice.paid", f"ada{number}@example.com") for number in range(messages)))
    shop.work()


def claimed(shop: Shop) -> Message:
    """A message whose second try is under way."""
    shop.hear(event("invoice.paid"))
    shop.work()
    Message.objects.update(epoch=2, attempts=2)
    return Message.objects.get()


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"banner": say_and_hang_up(GONE)}, f"The server does not take mail now: {GONE}"),
        ({"RCPT": say_and_hang_up(GONE)}, f"The server ended the session: {GONE}"),
        ({"DATA": CLOSE}, "The connection was lost before the server answered DATA."),
        ({"dot": say_and_hang_up(GONE)}, f"The server ended the session: {GONE}"),
    ],
)
def test_a_breakdown_puts_all_messages_back_into_the_queue_with_no_attempt_counted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, faults: dict[str, Fault], words: str
) -> None:
    # However busy the machine is, nothing comes round again while the test looks.
    monkeypatch.setattr(backoff, "PAUSE_FIRST", PAUSE.total_seconds())
    monkeypatch.setattr(ledger, "SLOWED", LONGER)
    with served(shop, 60, **faults) as server:
        shop.send()
        tried, now = server.connections, database_now()
    assert set(Message.objects.values_list("status", "attempts")) == {(Status.QUEUED, 0)}
    # What was on its way at the first moment has met it; the others wait for the pause, and know nothing.
    reasons = list(Message.objects.values_list("reason", flat=True))
    assert set(reasons) == {f"{TRIED}{words}", ""}
    assert 2 <= 60 - reasons.count("") <= tried < 20
    # Who has met nothing waits for the pause, who has met the trouble for longer.
    assert all(at and now + PAUSE - AT_ONCE < at < now + PAUSE for at in due("")), due("")
    assert all(at and now + LONGER - AT_ONCE < at <= now + LONGER for at in due(f"{TRIED}{words}"))


def due(reason: str) -> list[datetime | None]:
    return list(Message.objects.filter(reason=reason).values_list("due_at", flat=True))


def test_once_the_server_is_back_everything_arrives_once(shop: Shop) -> None:
    with served(shop, 40, MAIL=say_and_hang_up(GONE)) as server:
        shop.send()
        server.script.faults = {}
        Message.objects.update(due_at=database_now())
        shop.send()
        assert len(server.taken) == 40
    assert set(Message.objects.values_list("status", "attempts", "reason")) == {(Status.SENT, 1, "")}


def test_where_no_server_listens_the_messages_wait_with_the_words(shop: Shop) -> None:
    through(shop, f"smtp://127.0.0.1:{free_port()}", 3)
    shop.send()
    assert set(Message.objects.values_list("status", "attempts")) == {(Status.QUEUED, 0)}
    reasons = set(Message.objects.values_list("reason", flat=True))
    assert any(reason.endswith("refused the connection: no mail server listens there.") for reason in reasons)


def test_what_a_server_says_of_one_message_slows_no_other(shop: Shop) -> None:
    with served(shop, 30, RCPT=say("451 4.3.0 Greylisted")) as server:
        shop.send()
        assert server.commands.count("RCPT TO:<ada0@example.com>") == 1
        assert len([command for command in server.commands if command.startswith("RCPT")]) == 30
    words = f"{TRIED}The server put off the recipient: 451 4.3.0 Greylisted"
    assert set(Message.objects.values_list("status", "attempts", "reason")) == {(Status.QUEUED, 1, words)}


def test_trouble_after_trouble_never_uses_up_a_messages_attempts_nor_stretches_its_delay(shop: Shop) -> None:
    message = claimed(shop)
    for _ in range(20):
        before = database_now()
        write_ledger([Done(message, Deferred(GONE, slow_down=True))])
        message = Message.objects.get()
        assert (message.status, message.attempts, message.reason) == (Status.QUEUED, 1, f"{TRIED}{GONE}")
        assert message.due_at is not None
        assert before + SLOWED <= message.due_at <= database_now() + SLOWED
        message.attempts += 1  # It is claimed again.


def test_a_pause_leaves_the_words_of_the_trouble_before_it(shop: Shop) -> None:
    message = claimed(shop)
    write_ledger([Done(message, Deferred(GONE, slow_down=True))])
    message.attempts += 1
    before = database_now()
    write_ledger([Postpone(message, 7.5)])
    stored = Message.objects.get()
    assert (stored.status, stored.attempts, stored.reason) == (Status.QUEUED, 1, f"{TRIED}{GONE}")
    assert stored.due_at is not None
    assert before <= stored.due_at - timedelta(seconds=7.5) <= database_now()


@pytest.mark.parametrize("outcome", [Deferred(GONE, slow_down=True), Deferred("451 come again")])
@pytest.mark.parametrize("since", ["created_at", "released_at"])
def test_after_72_hours_either_fails_with_the_last_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, outcome: Deferred, since: str
) -> None:
    message, now = claimed(shop), database_now()
    monkeypatch.setattr(ledger, "database_now", lambda: now)
    message.created_at = now - GIVE_UP * 2
    for age, status in ((GIVE_UP - timedelta(microseconds=1), Status.QUEUED), (GIVE_UP, Status.FAILED)):
        setattr(message, since, now - age)
        write_ledger([Done(message, outcome)])
        assert Message.objects.get().status == status
    stored = Message.objects.get()
    assert (stored.due_at, stored.reason) == (None, f"given up after 72 hours: {outcome.reason}")
