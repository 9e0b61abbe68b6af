"""One workspace's flood, or its mail server that says nothing, keeps no other waiting (promise W8)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from random import Random

import pytest
from django.db import connection

from cocoonmail import dispatch, pipeline
from cocoonmail.accounts.models import Workspace
from cocoonmail.dispatch import IN_FLIGHT, PLACES, rooms
from cocoonmail.emails.models import Message
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit import claims
from cocoonmail.kit.claims import LEASE, LEGS_MAX, SHARE_MIN, claim, due_workspaces
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from tests.backlog import backlog
from tests.deeds import loop_of
from tests.dispatching import dispatching, until
from tests.people import workspace
from tests.transports.scripted import Fault, ScriptedServer, Talk, scripted
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db(transaction=True)

AT_MOST = 2.0  # Seconds that a flood may delay somebody else's message (promise W8)
names = count()


async def _say_nothing(talk: Talk) -> None:
    await talk.reader.read()


@pytest.fixture(autouse=True)
def quick_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a server that says nothing is left at once in the end."""
    monkeypatch.setattr(dispatch, "STOP_WITHIN", 0.1)


@pytest.fixture
def silent() -> Iterator[ScriptedServer]:
    with in_a_thread(scripted()) as server:
        server.script.faults = {"banner": Fault("says nothing", _say_nothing)}
        yield server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with in_a_thread(scripted()) as server:
        yield server
    connection.close()


def shop(server: ScriptedServer | None = None) -> Loop:
    """One more workspace with a live loop."""
    made = workspace(f"Shop{next(names)}")
    if server:
        set_transport(made, f"smtp://127.0.0.1:{server.port}")
        made.save()
    return loop_of(made)


def queue(loop: Loop, number: int, minutes_ago: int = 0) -> None:
    """So many messages that are due since then."""
    before = Message.objects.latest("pk").pk if Message.objects.exists() else 0
    backlog(loop, [f"ada@{loop.workspace_id}.example"] * number)
    if minutes_ago:
        Message.objects.filter(pk__gt=before).update(due_at=database_now() - timedelta(minutes=minutes_ago))


def taken(limit: int, room: int = 10_000) -> Counter[int]:
    """How many messages of which workspace a claim takes."""
    now = database_now()
    due = due_workspaces(Message, now)
    rows = claim(pipeline.due_messages(), now, dict.fromkeys(due, room), limit)
    assert len({row.pk for row in rows}) == len(rows) <= limit
    assert not set(rows) & set(Message.objects.filter(due_at__lte=now))
    return Counter(row.workspace_id for row in rows)


def test_the_only_workspace_gets_a_whole_claim_and_the_oldest_come_first() -> None:
    loop = shop()
    queue(loop, 30)
    queue(loop, 10, minutes_ago=5)
    assert taken(20) == {loop.workspace_id: 20}
    assert Message.objects.filter(due_at__lte=database_now()).count() == 20
    assert taken(100) == {loop.workspace_id: 20}


def test_a_newcomer_is_in_the_next_claim_whatever_others_have_waited_for() -> None:
    flood, other = shop(), shop()
    queue(flood, 300, minutes_ago=60)
    queue(other, 3)
    assert taken(100) == {flood.workspace_id: 97, other.workspace_id: 3}


def test_floods_share_a_claim_and_what_one_leaves_is_the_others() -> None:
    loops = [shop() for _ in range(3)]
    for loop, number in zip(loops, (100, 100, 10), strict=True):
        queue(loop, number)
    found = taken(90)
    assert found[loops[2].workspace_id] == 10
    assert found[loops[0].workspace_id] == found[loops[1].workspace_id] == 40


def test_more_workspaces_than_one_statement_looks_at_fill_a_claim_and_all_come_to_their_turn() -> None:
    loops = [shop() for _ in range(LEGS_MAX + 3)]
    for loop in loops:
        queue(loop, 2)
    assert taken(LEGS_MAX * 2 + 2).total() == LEGS_MAX * 2 + 2
    assert taken(LEGS_MAX * 2 + 2).total() == 4
    assert not due_workspaces(Message, database_now())


def test_chance_decides_who_is_first_where_many_have_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "random", Random(5))
    loops = [shop() for _ in range(8)]
    for loop in loops:
        queue(loop, 12 * SHARE_MIN, minutes_ago=20 - loops.index(loop))
    seen: Counter[int] = Counter()
    for _ in range(12):
        seen += taken(2 * SHARE_MIN)
    assert len(seen) >= 6


def test_a_claim_takes_no_more_of_a_workspace_than_there_is_room_for() -> None:
    first, second = shop(), shop()
    queue(first, 50)
    queue(second, 50)
    assert taken(100, room=7) == {first.workspace_id: 7, second.workspace_id: 7}


def test_what_is_leased_or_lies_ahead_makes_no_workspace_due() -> None:
    leased, ahead, due = shop(), shop(), shop()
    for loop in (leased, ahead, due):
        queue(loop, 5)
    now = database_now()
    Message.objects.filter(workspace=leased.workspace).update(due_at=now + LEASE)
    Message.objects.filter(workspace=ahead.workspace).update(due_at=now + timedelta(days=3))
    assert due_workspaces(Message, now) == [due.workspace_id]
    assert due_workspaces(Message, now + timedelta(days=4)) == sorted(Workspace.objects.values_list("pk", flat=True))
    Message.objects.update(due_at=None)
    assert due_workspaces(Message, now) == []


def test_the_places_of_a_worker_are_shared_by_those_who_send() -> None:
    assert rooms([1], {}) == {1: IN_FLIGHT}
    assert rooms([1], {1: IN_FLIGHT}) == {}
    assert rooms([1], {1: IN_FLIGHT // 2}) == {1: IN_FLIGHT // 2}
    assert rooms([2], {1: IN_FLIGHT}) == {2: IN_FLIGHT}
    assert rooms(range(10), {}) == dict.fromkeys(range(10), PLACES // 10)
    assert set(rooms(range(PLACES * 2), {}).values()) == {1}


def test_a_server_that_says_nothing_holds_up_nobody_elses_mail(silent: ScriptedServer, server: ScriptedServer) -> None:
    stalled, other = shop(silent), shop(server)
    queue(stalled, IN_FLIGHT * 2)
    with dispatching():
        until(lambda: Message.objects.filter(epoch=1).count() == IN_FLIGHT, "took up its share")
        waits = []
        for number in range(1, 4):
            begin = time.monotonic()
            queue(other, 1)
            until(lambda number=number: server.dots == number, "sent it")  # type: ignore[misc]
            waits.append(time.monotonic() - begin)
        # One of them may have met a moment in which the machine did something else.
        assert min(waits) < AT_MOST, waits


def test_stalled_servers_of_many_workspaces_give_back_what_another_needs(
    silent: ScriptedServer, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in (("IN_FLIGHT", 40), ("CLAIM_AT_LEAST", 20), ("PLACES", 160)):
        monkeypatch.setattr(dispatch, name, number)
    stalled, other = [shop(silent) for _ in range(4)], shop(server)
    for loop in stalled:
        queue(loop, 80)
    with dispatching():
        until(lambda: Message.objects.filter(epoch=1).count() == 160, "gave all its places away")
        queue(other, 1)
        until(lambda: server.dots, "sent it")
        assert not Message.objects.filter(workspace=other.workspace, attempts__gt=1).exists()
