"""What a worker takes in hand: nothing that may not go out, nothing whose turn is far, and not one shop alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from statistics import median

import pytest
from django.db import connection
from django.db.models import F

from cocoonmail import pipeline
from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.contacts.suppression import suppress
from cocoonmail.dispatch import IN_FLIGHT, _renew, claim_messages
from cocoonmail.emails.limits import interval
from cocoonmail.emails.models import Message, Pace, Status
from cocoonmail.emails.pace import CLOCK_FAULT, PATIENCE
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.loops.publish import pause
from tests.backlog import backlog, token_of
from tests.deeds import loop_of
from tests.dispatching import dispatching, until
from tests.people import workspace
from tests.transports.scripted import ScriptedServer, scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

FLOOD = 10_000
RATE = 10  # Messages per second
FAR = CLOCK_FAULT / 2  # Ahead: what has its turn then is passed over, however slowly the test comes to it
AT_MOST = 2.0  # Seconds that a flood may delay somebody else's message (promise W8)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with in_a_thread(scripted()) as server:
        yield server
    connection.close()


def shop_of(name: str, server: ScriptedServer, options: str = "", **rates: float) -> Loop:
    """A workspace's live loop, whose mail goes to this server."""
    made = workspace(name)
    set_transport(made, f"smtp://127.0.0.1:{server.port}{options}")
    made.domain_rates = {domain.replace("_", "."): rate for domain, rate in rates.items()}
    made.save()
    return loop_of(made)


def people(count: int, domain: str = "example.com") -> list[str]:
    return [f"ada{number}@{domain}" for number in range(count)]


def claimed(limit: int = IN_FLIGHT) -> list[str]:
    return [message.to_email for message in claim_messages(limit)]


def unsubscribed(loop: Loop) -> None:
    Contact.objects.update(subscribed=False)


def deleted(loop: Loop) -> None:
    Contact.objects.all().delete()


def stopped(loop: Loop) -> None:
    for email in people(3):
        suppress(loop.workspace_id, email, Suppression.Reason.MANUAL, database_now())


def expired(loop: Loop) -> None:
    Message.objects.update(created_at=database_now() - timedelta(hours=72))


REFUSED: dict[Callable[[Loop], None], tuple[Status, str]] = {
    unsubscribed: (Status.SKIPPED, "the contact has unsubscribed, and this is a marketing email"),
    deleted: (Status.SKIPPED, "the contact was deleted"),
    stopped: (Status.SKIPPED, "mail to this address was stopped: by hand"),
    expired: (Status.HELD, "it waited longer than 72 hours before it could be sent: send it now, or leave it"),
}


@pytest.mark.parametrize("deed", REFUSED, ids=lambda deed: deed.__name__)
def test_what_may_not_go_out_is_settled_when_it_is_claimed_and_costs_no_connection(
    server: ScriptedServer, deed: Callable[[Loop], None]
) -> None:
    loop = shop_of("Acme", server)
    backlog(loop, people(3))
    deed(loop)
    with dispatching():
        until(lambda: not Message.objects.filter(due_at__isnull=False).exists(), "settled them")
    assert set(Message.objects.values_list("status", "reason", "due_at")) == {(*REFUSED[deed], None)}
    assert server.connections == 0


def test_a_loop_that_was_paused_amid_the_claim_keeps_its_messages_with_no_attempt_counted(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = shop_of("Acme", server)
    backlog(loop, people(3))
    looked = Message.objects.filter(status=Status.QUEUED)  # What was due to be claimed before the pause
    monkeypatch.setattr(pipeline, "due_messages", lambda: looked)
    pause(loop, database_now())
    assert claimed() == []
    assert set(Message.objects.values_list("status", "attempts", "reason")) == {(Status.QUEUED, 0, "")}
    assert all(at and at <= database_now() for at in Message.objects.values_list("due_at", flat=True))


def test_one_that_is_refused_keeps_nobody_back_who_was_claimed_with_it(server: ScriptedServer) -> None:
    backlog(shop_of("Acme", server), people(4))
    Contact.objects.filter(email="ada1@example.com").update(subscribed=False)
    assert sorted(claimed()) == ["ada0@example.com", "ada2@example.com", "ada3@example.com"]
    assert Message.objects.get(status=Status.SKIPPED).to_email == "ada1@example.com"


def test_those_whose_turn_is_far_away_go_back_until_then_with_no_attempt_counted(server: ScriptedServer) -> None:
    backlog(shop_of("Acme", server, f"?rate={RATE}"), people(100))
    now = database_now()
    mine = claimed()
    # As many as have a slot while one waits, and those whose slot comes a hair later.
    assert 18 <= len(mine) <= 21
    back = Message.objects.exclude(to_email__in=mine)
    assert set(back.values_list("status", "attempts", "reason")) == {(Status.QUEUED, 0, "")}
    due = sorted(at for at in back.values_list("due_at", flat=True) if at)
    assert due[0] > now + PATIENCE - interval(RATE)
    assert {later - sooner for sooner, later in pairwise(due)} == {interval(RATE)}
    assert claimed() == []


def test_a_slow_domain_goes_back_and_the_others_of_its_workspace_do_not(server: ScriptedServer) -> None:
    loop = shop_of("Acme", server, gmail_com=0.5)
    backlog(loop, people(5, "gmail.com") + people(5))
    assert sorted(claimed()) == sorted(["ada0@gmail.com", *people(5)])


def test_a_flood_in_one_workspace_is_passed_over_once_its_slots_are_given_away(server: ScriptedServer) -> None:
    flooded, other = shop_of("Acme", server, f"?rate={RATE}"), shop_of("Other", server)
    backlog(flooded, ["ada@example.com"] * IN_FLIGHT * 2)
    backlog(other, ["grace@other.example"])
    Pace.objects.create(workspace=flooded.workspace, name="", last_at=database_now() + FAR)
    assert claimed() == ["grace@other.example"]
    assert claimed() == []


def test_what_is_in_hand_has_the_next_slots_and_the_queue_those_after_them(server: ScriptedServer) -> None:
    flooded, other = shop_of("Acme", server, f"?rate={RATE}"), shop_of("Other", server)
    backlog(flooded, ["ada@example.com"] * 100)
    mine = claim_messages(50)
    assert 18 <= len(mine) <= 21
    backlog(other, ["grace@other.example"])
    assert [message.to_email for message in claim_messages(50, mine)] == ["grace@other.example"]
    assert 18 <= len(mine[:5]) + len(claim_messages(50, mine[:5])) <= 21


def test_who_writes_one_email_waits_for_no_flood_of_another_workspace(server: ScriptedServer) -> None:
    flooded, other = shop_of("Acme", server, f"?rate={RATE}"), shop_of("Other", server)
    backlog(flooded, ["ada@example.com"] * FLOOD)
    with dispatching():
        until(lambda: server.dots, "sent anything of the flood")
        waits = []
        for _ in range(4):
            begin = time.time()
            (token,) = backlog(other, ["grace@other.example"])
            until(lambda token=token: token in arrivals(server), "arrived")  # type: ignore[misc]
            waits.append(arrivals(server)[token] - begin)
    # One of them may have met a moment in which the machine did something else.
    assert median(waits) < AT_MOST, waits
    assert server.dots < FLOOD / 10


def arrivals(server: ScriptedServer) -> dict[str, float]:
    """When each message came, by its token."""
    return {token_of(message): at for at, message in list(server.dotted)}


def test_a_flood_to_one_domain_keeps_nobody_else_in_its_workspace_waiting(server: ScriptedServer) -> None:
    loop = shop_of("Acme", server, gmail_com=RATE)
    backlog(loop, people(1000, "gmail.com"))
    backlog(loop, people(3))
    Pace.objects.create(workspace=loop.workspace, name="gmail.com", last_at=database_now() + FAR)
    assert sorted(claimed(100)) == people(3)
    assert not Message.objects.filter(to_email__endswith="@gmail.com", epoch__gt=0).exists()


def test_a_lease_is_not_renewed_for_who_lost_it(server: ScriptedServer) -> None:
    backlog(shop_of("Acme", server), people(2))
    mine, lost = claim_messages(2)
    ours = Message.objects.filter(pk=lost.pk)
    ours.update(epoch=F("epoch") + 1)
    before = set(Message.objects.values_list("pk", "due_at"))
    time.sleep(0.01)
    _renew([mine, lost])
    after = set(Message.objects.values_list("pk", "due_at"))
    assert {pk for pk, _ in after - before} == {mine.pk}
