"""Whoever changes what a message stands on and the stage that sends it may wait for each other, but never in a ring."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from cocoonmail.contacts.models import Contact
from cocoonmail.contacts.removal import remove
from cocoonmail.dispatch import RULES, _renew
from cocoonmail.emails import ledger
from cocoonmail.emails.consent import Standing, standings
from cocoonmail.emails.ledger import Done, Mark, Postpone, Verdict, write_ledger
from cocoonmail.emails.models import Message, Status
from cocoonmail.loops.delete import delete
from cocoonmail.loops.models import Loop
from cocoonmail.transports.base import Accepted, Deferred
from tests.backlog import backlog
from tests.deeds import loop_of
from tests.dispatching import until
from tests.people import workspace

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60.0  # Seconds until a test gives up; PostgreSQL looks for rings after one
RACE = 1.5  # Seconds
A_WHILE = 0.3  # Seconds in which somebody who does not have to wait has long finished
MANY = 200


@pytest.fixture
def loop() -> Iterator[Loop]:
    yield loop_of(workspace("Acme"))
    connection.close()


def claimed(loop: Loop, count: int) -> list[Message]:
    backlog(loop, [f"ada{number}@example.com" for number in range(count)])
    Message.objects.update(epoch=1, attempts=5)
    return list(Message.objects.order_by("pk"))


class Beside:
    """A deed on a connection of its own, and what it raised."""

    def __init__(self, deed: Callable[[], object]) -> None:
        self.raised: OperationalError | None = None
        self._thread = threading.Thread(target=self._do, args=(deed,))
        self._thread.start()

    def _do(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except OperationalError as error:
            self.raised = error
        finally:
            connection.close()

    def ended(self) -> OperationalError | None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.raised


def contacts_go(loop: Loop) -> None:
    remove(Contact.objects.filter(workspace_id=loop.workspace_id))


@pytest.mark.parametrize("deed", [contacts_go, delete])
def test_a_deed_that_comes_between_the_question_and_the_mark_waits_and_stops_nobody(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, deed: Callable[[Loop], None]
) -> None:
    messages, doing = claimed(loop, 3), list[Beside]()

    def asked(*of: Any) -> dict[int, Standing]:
        standing = standings(*of)
        doing.append(Beside(lambda: deed(loop)))
        time.sleep(A_WHILE)
        return standing

    monkeypatch.setattr(ledger, "standings", asked)
    assert write_ledger([Mark(message) for message in messages], RULES) == [Verdict.GO] * 3
    assert [one.ended() for one in doing] == [None]
    assert "writing them again" not in caplog.text


def test_leases_are_renewed_beside_a_ledger_that_writes_in_another_order(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    messages, dice = claimed(loop, MANY), random.Random(5)
    end = time.monotonic() + RACE

    def renew() -> None:
        while time.monotonic() < end:
            _renew(messages)

    renewing = Beside(renew)
    while time.monotonic() < end:
        dice.shuffle(messages)
        write_ledger([Postpone(message, 5.0) for message in messages])
    assert renewing.ended() is None
    assert "writing them again" not in caplog.text


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_what_a_ring_undid_is_written_again_as_if_for_the_first_time(loop: Loop) -> None:
    # Whose wait began first is undone; on a busy machine the other's may begin after a look that found no ring.
    assert any(the_ledger_is_undone(loop) for _ in range(5))


def the_ledger_is_undone(loop: Loop) -> bool:
    """Whether it was the ledger's part that ended the ring; whosever it was, all is written once."""
    sent, marked, put_off = claimed(loop, 3)[-3:]
    first = threading.Event()

    def in_the_wrong_order() -> None:
        with transaction.atomic():
            Message.objects.filter(pk=marked.pk).update(key=f"{marked.key}, somebody's")
            first.set()
            until(somebody_waits, "waited")
            Message.objects.filter(pk=put_off.pk).update(key=f"{put_off.key}, else's")

    other = Beside(in_the_wrong_order)
    assert first.wait(PATIENCE)
    entries = [Done(put_off, Deferred("421 Shutting down", slow_down=True)), Done(sent, Accepted("250 Ok"))]
    assert write_ledger([*entries, Mark(marked)]) == [Verdict.NOTED, Verdict.NOTED, Verdict.GO]
    undone = other.ended()
    rows = Message.objects.filter(pk__in=[sent.pk, marked.pk, put_off.pk])
    assert {row.pk: (row.status, row.attempts) for row in rows} == {
        sent.pk: (Status.SENT, 5),
        marked.pk: (Status.SENDING, 5),
        put_off.pk: (Status.QUEUED, 4),
    }
    return undone is None
