"""The sending's graceful end: quick whatever the servers do, and nothing left open (promise W11)."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from cocoonmail import dispatch
from cocoonmail.dispatch import CLAIM_AT_LEAST, IN_FLIGHT, Dispatch, claim_messages
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from tests.backlog import backlog
from tests.deeds import loop_of
from tests.dispatching import dispatching, until
from tests.people import workspace
from tests.transports.scripted import Fault, ScriptedServer, Talk, say, scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

GRACE = 0.5  # Seconds that what is on its way gets at the end
AT_MOST = 15.0  # Seconds for all the rest of a stop, on a busy machine


async def _say_nothing(talk: Talk) -> None:
    await talk.reader.read()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with in_a_thread(scripted()) as server:
        yield server
    connection.close()


def wait_for(server: ScriptedServer, messages: int) -> Loop:
    """So many messages for this server; returns whose they are."""
    acme = workspace("Acme")
    set_transport(acme, f"smtp://127.0.0.1:{server.port}")
    acme.save()
    loop = loop_of(acme)
    backlog(loop, [f"ada{number}@example.com" for number in range(messages)])
    return loop


@pytest.mark.parametrize("messages", [IN_FLIGHT - CLAIM_AT_LEAST - 1, IN_FLIGHT + 100])
def test_a_server_that_says_nothing_does_not_hold_up_the_stop_and_what_waits_goes_back(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, messages: int
) -> None:
    monkeypatch.setattr(dispatch, "STOP_WITHIN", GRACE)
    server.script.faults = {"banner": Fault("says nothing", _say_nothing)}
    wait_for(server, messages)
    with dispatching():
        until(lambda: server.connections >= 8, "connected")
        begin = time.monotonic()
    assert time.monotonic() - begin < GRACE + AT_MOST
    assert set(Message.objects.values_list("status", flat=True)) == {Status.QUEUED}
    assert Message.objects.filter(attempts=0).count() == messages - 8
    assert server.dots == 0


def test_a_stop_amid_the_sending_leaves_each_message_sent_or_queued_and_none_twice(server: ScriptedServer) -> None:
    loop = wait_for(server, 0)
    for _ in range(3):
        # Where the machine is busy, all that waited may be sent before we look.
        backlog(loop, [f"ada{number}@example.com" for number in range(300)])
        before = server.dots
        with dispatching():
            until(lambda before=before: server.dots > before + 20, "sent anything")  # type: ignore[misc]
        assert set(Message.objects.values_list("status", flat=True)) <= {Status.SENT, Status.QUEUED}
        assert Message.objects.filter(status=Status.SENT).count() == server.dots


def test_what_was_put_off_the_moment_before_the_stop_stays_put_off(server: ScriptedServer) -> None:
    server.script.faults = {"RCPT": say("450 4.2.1 Try later")}
    wait_for(server, 1)
    claimed = claim_messages(1)

    async def stopped_as_it_ended() -> None:
        sending = Dispatch(threading.Event())
        sending._fly(claimed)
        (task,) = sending._flying
        while not task.done():
            await asyncio.sleep(0)
        assert task in sending._flying  # Nobody has been told yet that it ended.
        await sending._land_all()
        await sending._sender.aclose()

    asyncio.run(stopped_as_it_ended())
    message = Message.objects.get()
    assert (message.status, message.attempts) == (Status.QUEUED, 1)
    assert message.due_at is not None
    assert message.due_at > database_now()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only a server counts who is connected")
def test_nobody_is_connected_to_the_database_any_more_after_the_stop(server: ScriptedServer) -> None:
    wait_for(server, 20)
    with dispatching():
        until(lambda: server.dots == 20, "sent them")

    def nobody_is_left() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return not cursor.fetchall()

    until(nobody_is_left, "left the database")  # Its processes take a moment to end after their clients are gone.
