"""Promises of `bin/bench swell`: where something is missing or left over, no figure is printed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from bench import swell, swelling
from bench.result import CheckFailed
from bench.swelling import House
from cocoonmail import retention
from cocoonmail.emails.models import Message
from cocoonmail.intake.models import Delivery
from cocoonmail.kit.clock import database_now
from tests.dispatching import working
from tests.shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)

WEBHOOKS = 12  # A day; more than are left unfinished
KEPT = 3  # Days, in the place of 35


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """An installation that keeps everything for three days."""
    shop = Shop.opened(file=swell.WORKSPACE)
    shop.workspace.history_days = shop.workspace.message_days = KEPT
    shop.workspace.save()
    for module in (swelling, retention):
        monkeypatch.setattr(module, "REMEMBERED", timedelta(days=KEPT))
    monkeypatch.setattr(swelling, "KEPT_DAYS", KEPT)
    with working():
        yield House(shop.endpoint, os.getpid(), WEBHOOKS, database_now())
    connection.close()


def test_after_many_days_what_is_kept_is_there_and_late_duplicates_are_known(house: House) -> None:
    days = house.live(KEPT + 3)
    house.check_memory()
    assert [day.number for day in days] == list(range(KEPT + 3))
    assert all(day.size >= day.used > 0 for day in days)
    assert Delivery.objects.count() == Message.objects.count() == KEPT * WEBHOOKS + swelling.UNFINISHED


def test_a_message_that_is_gone_too_soon_fails_the_measurement(house: House) -> None:
    house.live(KEPT + 1)
    Message.objects.latest("pk").delete()
    with pytest.raises(CheckFailed, match="'Message': 45"):
        house.check()


def test_a_body_that_stayed_fails_the_measurement(house: House) -> None:
    house.live(1)
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(body=b"{}")
    with pytest.raises(CheckFailed, match="11 have their bodies"):
        house.check()


@pytest.mark.one_database
def test_a_database_that_has_grown_and_one_that_never_recovered_miss_their_goals() -> None:
    told: dict[str, float | None] = {"rate": 90.0, "limit": 100.0, "cpu": 1.0, "full": 100.0, "size": 131.0}
    kept = {"database": "sqlite", "processes": 1, "rows_checked": 1}
    assert [result.holds for result in swell.results_of(told, kept, None)] == [True, False]
    told |= {"size": 130.0, "during": 49.0, "before": 100.0, "recovered": None}
    assert [result.holds for result in swell.results_of(told, kept, None)] == [True, True, False, False]
