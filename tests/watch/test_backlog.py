"""The backlog's figures: what a worker should be taking, for how long already, and found without reading a table."""

from __future__ import annotations

import re
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cocoonmail.accounts.epoch import installation, pause
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, LoopState, Run
from cocoonmail.watch.backlog import Queue, backlog
from cocoonmail.watch.heart import FORGET, beat, forget
from cocoonmail.watch.models import ALIVE, Worker
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

MANY = 3000


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


def queues(now: datetime) -> dict[str, Queue]:
    return dict(backlog(now).queues)


def test_an_idle_installation_has_none(shop: Shop) -> None:
    now = database_now()
    assert queues(now) == dict.fromkeys(("process", "advance", "send"), Queue(0, 0.0))


def test_each_stages_backlog_is_counted_and_as_old_as_its_oldest_row(shop: Shop) -> None:
    shop.hear(event("customer.created"), event("customer.created"))
    now = database_now()
    Delivery.objects.update(due_at=now - timedelta(minutes=5))
    assert queues(now)["process"] == Queue(2, 300.0)
    shop.work()
    Message.objects.update(due_at=now - timedelta(minutes=1))
    assert queues(now) == {"process": Queue(0, 0.0), "advance": Queue(0, 0.0), "send": Queue(1, 60.0)}


def test_what_waits_for_a_time_or_is_in_somebodys_hands_is_no_backlog(shop: Shop) -> None:
    shop.hear(event("customer.created"))
    now = database_now()
    Delivery.objects.update(due_at=now + timedelta(seconds=30))
    assert queues(now)["process"].rows == 0


def test_what_stands_in_a_paused_loop_is_no_backlog(shop: Shop) -> None:
    shop.hear(event("customer.created"), event("invoice.paid", "bea@example.com"))
    shop.work()
    now = database_now()
    assert queues(now)["send"].rows == 2
    Loop.objects.filter(name="Paid").update(state=LoopState.PAUSED)
    Run.objects.update(due_at=now)
    assert (queues(now)["send"].rows, queues(now)["advance"].rows) == (1, 1)


def test_what_stands_still_is_counted_by_its_state(shop: Shop) -> None:
    shop.hear(*(event("customer.created", f"{n}@example.com") for n in range(3)))
    shop.work()
    for message, status in zip(Message.objects.all(), (Status.UNKNOWN, Status.HELD, Status.SENT), strict=True):
        Message.objects.filter(pk=message.pk).update(status=status, due_at=None)
    for delivery, state in zip(Delivery.objects.all(), (DeliveryState.PARKED, "failed", "failed"), strict=True):
        Delivery.objects.filter(pk=delivery.pk).update(state=state)
    found = backlog(database_now())
    assert found.standing == {"unknown": 1, "held": 1, "failed": 0}
    assert (found.parked, found.failed) == (1, 2)


def test_a_pause_of_sending_is_told_with_its_reason(shop: Shop) -> None:
    assert backlog(database_now()).paused == ""
    pause(installation()[0], "the data folder was copied")
    assert backlog(database_now()).paused == "the data folder was copied"


def test_workers_are_alive_as_long_as_they_are_seen(shop: Shop) -> None:
    beat("one:1:a")
    beat("one:2:b")
    beat("one:1:a")
    assert backlog(database_now()).workers == 2
    Worker.objects.filter(name="one:2:b").update(seen_at=database_now() - ALIVE - timedelta(seconds=1))
    assert backlog(database_now()).workers == 1
    assert abs(Worker.objects.get(name="one:1:a").offset) < 1
    forget(database_now() + FORGET - timedelta(seconds=30))
    assert list(Worker.objects.values_list("name", flat=True)) == ["one:1:a"]


LARGE = ("intake_delivery", "loops_run", "emails_message")


@pytest.fixture
def full(shop: Shop) -> Shop:
    """Some thousand rows that are done, and a few that wait."""
    shop.hear(event("customer.created"))
    shop.work()
    for model, name in ((Delivery, "external_id"), (Run, "key"), (Message, "key")):
        [row] = model._default_manager.all()
        made: list[Any] = []
        for number in range(MANY):
            row.pk = None
            row.due_at = database_now() if number % 1000 == 0 else None
            setattr(row, name, f"many:{number}")
            made.append(copy(row))
        model._default_manager.bulk_create(made, batch_size=500)
    Message.objects.filter(due_at=None).update(status=Status.SENT)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return shop


@pytest.mark.parametrize("paused", [False, True])
def test_no_table_is_read_from_end_to_end(full: Shop, paused: bool) -> None:
    Loop.objects.filter(name="Paid", pk__gt=0).update(state=LoopState.PAUSED if paused else LoopState.LIVE)
    with CaptureQueriesContext(connection) as asked:
        backlog(database_now())
    large = [
        query["sql"] for query in asked.captured_queries if any(f'FROM "{table}"' in query["sql"] for table in LARGE)
    ]
    assert len(large) == 9
    for sql in large:
        plan = explained(sql)
        whole = [line for line in plan if re.search(rf"\b(Seq Scan on|SCAN) ({'|'.join(LARGE)})\b", line)]
        assert not whole, (sql, plan)


def explained(sql: str) -> list[str]:
    """How the database finds the rows, a line a step."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        return [str(row[-1]) for row in cursor.fetchall()]
