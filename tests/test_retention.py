"""What is finished is let go of in time, a little at a time; work, memory and what waits for a person stay (W10)."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model

from cocoonmail import retention, worker
from cocoonmail.accounts.keeping import REMEMBERED
from cocoonmail.contacts.models import Event
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.again import process_again
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Frequency, Loop, LoopVersion, Run, RunState
from cocoonmail.retention import STEP, WINDOW_MAX, WINDOW_MIN, Marks, keep_tidy, walk, wanted
from tests.people import workspace
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield Shop.opened()
    connection.close()


def keep(shop: Shop, webhooks: int = 90, history: int = 730, messages: int = 365) -> None:
    one = shop.workspace
    one.webhook_days, one.history_days, one.message_days = webhooks, history, messages
    one.save()


def journey(shop: Shop) -> None:
    """A webhook that became an event, a finished run and a captured message."""
    shop.hear(event("invoice.paid"))
    shop.work()
    shop.send()


def tidy(now: datetime, marks: Marks | None = None) -> int:
    """A walk to its end, a whole one without marks; returns how many windows it had."""
    return len(list(walk(now, marks)))


def windows_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WINDOW_FIRST", "WINDOW_MIN", "WINDOW_MAX"):
        monkeypatch.setattr(retention, name, rows)


def left() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in (Delivery, Event, Run, Message)}


def test_each_thing_goes_when_its_days_are_over_and_not_before(shop: Shop) -> None:
    journey(shop)
    keep(shop, webhooks=50, history=70, messages=60)
    now = Message.objects.get().created_at
    for days, gone in ((49, ""), (51, "Delivery"), (59, ""), (61, "Message"), (69, ""), (71, "Run Event")):
        before = left()
        tidy(now + days * DAY)
        assert {name for name in before if left()[name] != before[name]} == set(gone.split()), days
    assert left() == dict.fromkeys(("Delivery", "Event", "Run", "Message"), 0)


def test_a_webhook_that_comes_again_on_day_34_is_a_duplicate_however_short_bodies_are_kept(shop: Shop) -> None:
    one = event("invoice.paid")
    shop.hear(one)
    shop.work()
    keep(shop, webhooks=1, history=35, messages=35)
    received = shop.last().received_at
    tidy(received + 34 * DAY)
    delivery = shop.last()
    assert (bytes(delivery.body), delivery.headers, delivery.state) == (b"", {}, DeliveryState.DONE)
    assert [stored.duplicate for stored in shop.hear(one)] == [True]
    shop.work()
    assert (shop.last().duplicates, shop.last().differing) == (1, 0)
    assert (Event.objects.count(), Message.objects.count()) == (1, 1)
    assert not process_again(delivery, database_now())
    assert shop.last().state == DeliveryState.DONE
    tidy(received + REMEMBERED)
    assert not Delivery.objects.exists()


@pytest.mark.one_database
def test_bodies_that_are_let_go_of_give_their_room_in_the_file_to_others(shop: Shop) -> None:
    nothing = room()
    shop.hear(*(event("invoice.paid") for _ in range(100)))
    Delivery.objects.update(state=DeliveryState.DONE, due_at=None)
    before, whole = rows(), room()
    keep(shop, webhooks=1)
    tidy(database_now() + 2 * DAY)
    assert rows() == [{**row, "body": b"", "headers": {}} for row in before]
    assert room() - nothing < (whole - nothing) / 4


def rows() -> list[dict[str, object]]:
    return [dict(row) for row in Delivery.objects.order_by("pk").values()]


def room() -> int:
    """Pages of SQLite's file that are in use; on PostgreSQL room within a page is the next row's."""
    told = []
    with connection.cursor() as cursor:
        for name in ("page_count", "freelist_count"):
            cursor.execute(f"PRAGMA {name}")
            told.append(int(cursor.fetchone()[0]))
    return told[0] - told[1]


def test_what_is_not_finished_stays_however_old_it_is(shop: Shop) -> None:
    for _ in range(9):
        journey(shop)
    keep(shop, webhooks=1, history=35, messages=35)
    open_ = {"queued": Status.QUEUED, "sending": Status.SENDING, "held": Status.HELD, "unknown": Status.UNKNOWN}
    messages = list(Message.objects.order_by("pk"))
    for message, status in zip(messages, open_.values(), strict=False):
        message.status = status
        message.save()
    waiting, parked, replayed = Delivery.objects.order_by("pk")[:3]
    Delivery.objects.filter(pk=waiting.pk).update(state=DeliveryState.WAITING, due_at=database_now())
    Delivery.objects.filter(pk=parked.pk).update(state=DeliveryState.PARKED)
    Delivery.objects.filter(pk=replayed.pk).update(due_at=database_now())
    run = Run.objects.order_by("pk")[0]
    Run.objects.filter(pk=run.pk).update(state=RunState.WAITING)
    tidy(database_now() + 4000 * DAY)
    assert set(Message.objects.values_list("status", flat=True)) == set(open_.values())
    assert set(Delivery.objects.values_list("pk", flat=True)) == {waiting.pk, parked.pk, replayed.pk}
    assert all(Delivery.objects.values_list("body", flat=True))
    assert Run.objects.get().pk == run.pk
    assert Event.objects.get().pk == run.event_id


def test_sessions_that_have_lapsed_go_and_others_stay(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "WINDOW_FIRST", 3)
    now = database_now()
    for number in range(10):
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=now + (number - 8) * DAY)
    tidy(now + DAY / 2)
    assert set(Session.objects.values_list("session_key", flat=True)) == {"s9"}


@pytest.mark.parametrize("where", [LoopVersion, Loop])
def test_a_loop_that_takes_each_contact_in_once_remembers_whom_it_had(shop: Shop, where: type[Model]) -> None:
    journey(shop)
    where._default_manager.update(frequency=Frequency.ONE_TIME)
    tidy(database_now() + 4000 * DAY)
    assert left() == {"Delivery": 0, "Message": 0, "Run": 1, "Event": 1}


def test_each_workspace_has_its_own_days(shop: Shop) -> None:
    journey(shop)
    workspace("Other")
    other = Shop.opened(file=OTHER)
    journey(other)
    keep(other, webhooks=35, history=35, messages=35)
    tidy(database_now() + 40 * DAY)
    assert set(Message.objects.values_list("workspace_id", flat=True)) == {shop.workspace.pk}
    assert set(Event.objects.values_list("workspace_id", flat=True)) == {shop.workspace.pk}


OTHER = """
workspace: Other
sender: {name: Other, email: hello@other.test}
endpoints: [{name: Stripe, platform: stripe, secrets: [whsec_other], events: {invoice.paid: successfulPayment}}]
loops:
  - {name: Paid, trigger: {event: successfulPayment}, state: live,
     steps: [{wait: 0m}, {email: {template: stripe-payment-successful}}]}
"""


def test_a_walk_goes_by_windows_that_follow_the_time_they_take(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wanted(200, STEP / 4) == 400
    assert wanted(400, STEP * 4) == 100
    assert wanted(WINDOW_MAX, 0) == WINDOW_MAX
    assert wanted(WINDOW_MIN, 5.0) == WINDOW_MIN
    windows_of(3, monkeypatch)
    for _ in range(10):
        journey(shop)
    assert tidy(database_now()) == len(retention.SHELVES) + 1  # And that of the sessions
    assert tidy(database_now() + 4000 * DAY) >= 4 * 4
    assert sum(left().values()) == 0


@pytest.mark.parametrize("marks", [None, {}], ids=["from the beginning", "from its marks"])
def test_a_walk_that_is_broken_off_anywhere_goes_on_with_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, marks: Marks | None
) -> None:
    windows_of(2, monkeypatch)
    for _ in range(8):
        journey(shop)
    dice, later = random.Random(7), database_now() + 4000 * DAY
    for _ in range(8):
        for _ in zip(range(dice.randint(1, 6)), walk(later, marks), strict=False):
            pass
        assert not Run.objects.exclude(event__in=Event.objects.all()).exists()
    tidy(later, marks)
    assert sum(left().values()) == 0


def test_beside_work_nothing_that_is_to_be_done_is_let_go_of(shop: Shop) -> None:
    keep(shop, webhooks=1, history=35, messages=35)
    done = threading.Event()

    def tidying() -> None:
        while not done.is_set():
            tidy(database_now() + 4000 * DAY)
        connection.close()

    beside = threading.Thread(target=tidying)
    beside.start()
    try:
        for _ in range(20):
            shop.hear(event("invoice.paid"), event("invoice.paid"))
            while worker.step(worker.PROCESS) + worker.step(worker.ADVANCE):
                pass
    finally:
        done.set()
        beside.join()
    assert Message.objects.count() == 40, "a message that was to be sent is gone"


def test_a_worker_tidies_up_until_it_is_told_to_stop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    journey(shop)
    Delivery.objects.update(received_at=database_now() - 91 * DAY)
    monkeypatch.setattr(retention, "FIRST_WALK", 0.01)
    stop = threading.Event()
    thread = threading.Thread(target=keep_tidy, args=(stop,))
    thread.start()
    try:
        for _ in range(6000):
            if not Delivery.objects.exists():
                break
            stop.wait(0.01)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert left() == {"Delivery": 0, "Event": 1, "Run": 1, "Message": 1}
