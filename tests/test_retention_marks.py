"""A walk of retention begins where the last met what was too young, and still finds all that is old enough (W10)."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection

from cocoonmail import retention
from cocoonmail.accounts.keeping import REMEMBERED
from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Event
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Frequency, LoopVersion, Run
from cocoonmail.retention import SHELVES, Marks, Shelf, Window, keep_tidy, walk
from tests.people import workspace
from tests.shop import Shop, event
from tests.test_retention import DAY, OTHER, journey, keep, tidy, windows_of

pytestmark = pytest.mark.django_db(transaction=True)

ROUND = timedelta(minutes=10)
# Windows of a walk of one workspace that finds nothing: one a shelf, and that of the sessions.
NOTHING = len(SHELVES) + 1


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    windows_of(2, monkeypatch)
    yield Shop.opened()
    connection.close()


def another() -> Shop:
    workspace("Other")
    return Shop.opened(file=OTHER)


def heard(shop: Shop, at: datetime, webhooks: int = 1, state: DeliveryState = DeliveryState.DONE) -> list[int]:
    """Webhooks that came in then and are in this state; returns their ids."""
    last = max(Delivery.objects.values_list("pk", flat=True), default=0)
    shop.hear(*(event("invoice.paid") for _ in range(webhooks)))
    new = Delivery.objects.filter(pk__gt=last)
    new.update(received_at=at, state=state, due_at=None)
    return list(new.values_list("pk", flat=True))


def whole() -> set[int]:
    """The ids of the webhooks that have their bodies."""
    return set(Delivery.objects.exclude(body=b"").values_list("pk", flat=True))


def test_what_was_let_go_of_is_not_gone_through_again_until_a_day_is_over(shop: Shop) -> None:
    keep(shop, webhooks=1)
    start, marks = database_now(), Marks()
    heard(shop, start, 10)
    later = heard(shop, start + 2 * ROUND, 2)
    assert tidy(start + DAY, marks) == NOTHING + 5
    assert whole() == set(later)
    assert tidy(start + DAY + ROUND, marks) == NOTHING
    assert tidy(start + DAY + 2 * ROUND, marks) == NOTHING + 1
    assert not whole()
    assert tidy(start + 2 * DAY - ROUND, marks) == NOTHING
    assert tidy(start + 2 * DAY, marks) == NOTHING + 6


def test_the_runs_that_are_a_loops_memory_are_not_gone_through_again(shop: Shop) -> None:
    for _ in range(8):
        journey(shop)
    LoopVersion.objects.update(frequency=Frequency.ONE_TIME)
    later, marks = database_now() + 4000 * DAY, Marks()
    assert tidy(later, marks) > NOTHING
    assert tidy(later + ROUND, marks) == NOTHING
    assert Run.objects.count() == 8


def test_what_finished_late_goes_within_a_day(shop: Shop) -> None:
    keep(shop, webhooks=1)
    start, marks = database_now(), Marks()
    (parked,) = heard(shop, start, state=DeliveryState.PARKED)
    heard(shop, start, 3)
    tidy(start + DAY, marks)
    assert whole() == {parked}
    Delivery.objects.filter(pk=parked).update(state=DeliveryState.DONE)
    tidy(start + 2 * DAY, marks)
    assert not whole()


def test_what_waits_for_a_person_has_nothing_behind_it_gone_through_again(shop: Shop) -> None:
    keep(shop, webhooks=1)
    start, marks = database_now(), Marks()
    (parked,) = heard(shop, start, state=DeliveryState.PARKED)
    heard(shop, start, 9)
    tidy(start + DAY, marks)
    assert tidy(start + DAY + ROUND, marks) == NOTHING
    assert whole() == {parked}


def test_fewer_days_count_at_the_next_walk_though_another_workspace_had_as_few(shop: Shop) -> None:
    other = another()
    keep(shop, webhooks=30)
    keep(other, webhooks=10)
    start, marks = database_now(), Marks()
    mine = heard(shop, start, 5)
    heard(other, start, 5)
    tidy(start + 20 * DAY, marks)
    assert whole() == set(mine)
    keep(shop, webhooks=10)
    tidy(start + 20 * DAY + ROUND, marks)
    assert not whole()


def test_workspaces_with_more_days_do_not_have_the_rows_of_others_gone_through_again(shop: Shop) -> None:
    other = another()
    keep(other, webhooks=1)
    start, marks = database_now(), Marks()
    mine = heard(shop, start, 3)
    for _ in range(3):
        heard(other, start, 3)
    assert tidy(start + DAY, marks) > NOTHING + 5
    assert tidy(start + DAY + ROUND, marks) == NOTHING + 2  # Webhooks and bodies, at the end of either's days
    assert whole() == set(mine)


def test_a_clock_that_went_wrong_and_was_set_right_hides_nothing(shop: Shop) -> None:
    keep(shop, webhooks=1)
    start, marks = database_now(), Marks()
    (parked,) = heard(shop, start, state=DeliveryState.PARKED)
    tidy(start + 300 * DAY, marks)
    Delivery.objects.filter(pk=parked).update(state=DeliveryState.DONE)
    tidy(start + DAY, marks)
    assert not whole()


def test_an_event_whose_run_goes_with_the_next_walk_goes_with_it_however_long_the_walk_takes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey(shop)
    run, marks = Run.objects.get(), Marks()
    moments = iter(run.started_at + timedelta(days=730, seconds=seconds) for seconds in range(-1, 100))
    monkeypatch.setattr(retention, "database_now", lambda: next(moments))
    for _ in range(2):
        list(walk(marks=marks))
    assert not Run.objects.exists()
    assert not Event.objects.exists()


def test_whatever_happens_all_that_is_old_enough_is_gone_after_each_walk(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "WHOLE_EVERY", 1000 * DAY)  # Nothing finishes late here
    shops, dice, now, marks = [shop, another()], random.Random(11), database_now(), Marks()
    for _ in range(60):
        now += dice.choice([ROUND, timedelta(hours=5), 2 * DAY])
        heard(dice.choice(shops), now, dice.randint(1, 4))
        if dice.random() < 0.2:
            Workspace.objects.filter(pk=dice.choice(shops).workspace.pk).update(webhook_days=dice.choice([1, 3, 9, 50]))
        if dice.random() < 0.3:
            for _ in zip(range(dice.randint(1, 9)), walk(now, marks), strict=False):
                pass
        else:
            tidy(now, marks)
            assert not too_old(now)
    assert whole()


def too_old(now: datetime) -> list[int]:
    """The ids of the webhooks that should not be here any more, or not with their bodies."""
    days = dict(Workspace.objects.values_list("pk", "webhook_days"))
    old = []
    for pk, owner, body, since in Delivery.objects.values_list("pk", "workspace_id", "body", "received_at"):
        kept = timedelta(days=days[owner])
        if now - since >= (kept if body else max(kept, REMEMBERED)):
            old.append(pk)
    return old


def test_a_worker_goes_on_from_its_last_walk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(shop, webhooks=1)
    newest = heard(shop, database_now() - 2 * DAY, 3)[-1]
    begun: list[int] = []
    stop, step = threading.Event(), retention.step

    def seen(shelf: Shelf, after: int, age: timedelta, now: datetime, rows: int) -> Window:
        if shelf is SHELVES[-1]:
            begun.append(after)
            if len(begun) == 4:
                stop.set()
        return step(shelf, after, age, now, rows)

    monkeypatch.setattr(retention, "step", seen)
    monkeypatch.setattr(retention, "FIRST_WALK", 0.01)
    monkeypatch.setattr(retention, "WALK_EVERY", 0.01)
    thread = threading.Thread(target=keep_tidy, args=(stop,))
    thread.start()
    thread.join(60)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert begun == [0, newest - 1, newest, newest]
