"""Promise R14: what a platform told us in vain is fetched from its list of past events, each event once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from cocoonmail import worker
from cocoonmail.contacts.models import Contact, Event
from cocoonmail.emails.models import Message
from cocoonmail.intake import backfill
from cocoonmail.intake.backfill import CannotBackfill, begin, stop
from cocoonmail.intake.models import Backfill, BackfillState, Delivery, DeliveryState, EventChoice
from cocoonmail.kit.claims import claim
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Run
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import HistoryPage, NotNow
from cocoonmail.platforms.stripe import history
from cocoonmail.trace.why import why
from tests.fake_stripe.server import BLIND, FakeStripe
from tests.fake_stripe.shapes import Object
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

KEY = "rk_test_0123456789abcdef"
DAY = 86_400


@pytest.fixture
def shop() -> Shop:
    """A shop that was away."""
    return Shop.opened()


@pytest.fixture
def stripe(settings: object) -> Iterator[FakeStripe]:
    """Where its platform's past is."""
    with FakeStripe() as fake:
        settings.PLATFORM_APIS = {"stripe": fake.base_url}  # type: ignore[attr-defined]
        yield fake


def happened(stripe: FakeStripe, number: int, days: float = 20, type: str = "invoice.paid") -> list[Object]:
    """So many events within the last so many days, oldest first; each about a person of its own."""
    begin = database_now().timestamp() - days * DAY
    made = [
        event(type, f"person{len(stripe.events) + at}@example.com", at=int(begin + at * days * DAY / number))
        for at in range(number)
    ]
    stripe.account.events += made
    return made


def fetched(shop: Shop, *, days: int = 30, key: str = KEY, starts_loops: bool = True) -> Backfill:
    """A backfill that was begun and worked on until it stands still."""
    made = begin(shop.endpoint, key, days, starts_loops=starts_loops)
    while worker.step(worker.BACKFILL, limit=1):
        pass
    made.refresh_from_db()
    return made


def ids() -> Counter[str]:
    return Counter(Delivery.objects.values_list("external_id", flat=True))


def test_every_event_of_the_past_is_here_once_whatever_came_in_by_the_door(shop: Shop, stripe: FakeStripe) -> None:
    past = happened(stripe, 250)
    shop.hear(*past[100:140])
    made = fetched(shop)

    assert (made.state, made.fetched, made.added, made.known, made.passed_over) == ("finished", 250, 210, 40, 0)
    assert ids() == Counter(one["id"] for one in past)
    assert made.reached == datetime.fromtimestamp(past[0]["created"], UTC)
    bodies = {one.external_id: json.loads(bytes(one.body)) for one in Delivery.objects.all()}
    assert bodies == {one["id"]: one for one in past}
    assert Delivery.objects.filter(backfill_id=made.pk).count() == 210
    assert not Delivery.objects.exclude(duplicates=0).exists()

    shop.work()
    assert Counter(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DONE: 250}
    assert Event.objects.count() == Run.objects.count() == Message.objects.count() == 250
    again = fetched(shop)
    assert (again.state, again.added, again.known) == ("finished", 0, 250)


def test_a_webhook_that_comes_after_all_is_a_duplicate_and_no_other_body(shop: Shop, stripe: FakeStripe) -> None:
    [past] = happened(stripe, 1)
    fetched(shop)
    assert [stored.duplicate for stored in shop.hear(past | {"pending_webhooks": 0})] == [True]
    assert (shop.last().duplicates, shop.last().differing) == (1, 0)


def test_nothing_older_than_asked_for_is_fetched_and_nothing_that_is_switched_off(
    shop: Shop, stripe: FakeStripe
) -> None:
    happened(stripe, 5, days=20)
    recent = happened(stripe, 5, days=2)
    happened(stripe, 5, days=2, type="charge.refunded")
    assert fetched(shop, days=3).fetched == 5
    assert ids() == Counter(one["id"] for one in recent)


def test_of_more_types_than_one_request_may_name_the_rest_is_passed_over(shop: Shop, stripe: FakeStripe) -> None:
    for name in PLATFORMS["stripe"].events:
        choice = {"workspace": shop.workspace, "trigger": ""}
        EventChoice.objects.get_or_create(endpoint=shop.endpoint, type=name, defaults=choice)
    assert shop.endpoint.choices.count() > history.TYPES_MAX
    wanted = happened(stripe, 3)
    stripe.account.events += [event("invoice.paid") | {"type": "invoice.updated"} for _ in range(4)]
    made = fetched(shop)
    assert (made.fetched, made.added, made.passed_over) == (7, 3, 4)
    assert ids() == Counter(one["id"] for one in wanted)


def test_who_asks_too_much_waits_as_long_as_it_is_told_and_goes_on(shop: Shop, stripe: FakeStripe) -> None:
    happened(stripe, 150)
    stripe.turned_away = [(429, {"Retry-After": "90"}), (503, {})]
    made = begin(shop.endpoint, KEY, 30, starts_loops=True)
    now = made.started_at
    assert worker.step(worker.BACKFILL, 1, now) == 1
    made.refresh_from_db()
    assert made.trouble == "Stripe answered 429: Request rate limit exceeded."
    assert made.due_at == now + timedelta(seconds=90)
    assert worker.step(worker.BACKFILL, 1, now + timedelta(seconds=89)) == 0
    now += timedelta(seconds=90)
    while worker.step(worker.BACKFILL, 1, now):
        now += timedelta(seconds=5)
    made.refresh_from_db()
    assert (made.state, made.added, made.trouble) == ("finished", 150, "")


def test_a_platform_that_never_answers_is_given_up_in_words_and_what_is_here_stays(
    shop: Shop, stripe: FakeStripe
) -> None:
    happened(stripe, 150)
    now = begin(shop.endpoint, KEY, 30, starts_loops=True).started_at
    asked = [now]
    assert worker.step(worker.BACKFILL, 1, now) == 1
    stripe.turned_away = [(500, {})] * 100
    while (made := Backfill.objects.get()).due_at:
        now = max(now, made.due_at)
        asked.append(now)
        assert worker.step(worker.BACKFILL, 1, now) == 1
    assert (made.state, made.added, made.sealed) == ("failed", 100, "")
    assert "asked 12 times. Start it again later: what is here stays" in made.trouble
    pauses = [after - before for before, after in pairwise(asked[2:])]
    assert pauses == sorted(pauses)
    assert timedelta(minutes=30) < now - asked[0] < timedelta(hours=2)


@pytest.mark.parametrize(
    ("key", "words"),
    [("rk_live_wrong_mode_123", "Stripe does not know this API key"), (f"rk_test{BLIND}", "may not read events")],
)
def test_a_key_that_does_not_open_is_said_at_once_and_forgotten(
    shop: Shop, stripe: FakeStripe, key: str, words: str
) -> None:
    made = fetched(shop, key=key)
    assert (made.state, made.sealed, made.due_at) == ("failed", "", None)
    assert words in made.trouble
    assert "restricted key that may read Events" in made.trouble


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("whsec_0123456789", "a webhook's signing secret"),
        ("pk_live_0123456789", "a publishable key"),
        ("hello", "begins with rk_ or sk_"),
        ("rk_live_0123 456", "a blank or a foreign letter"),
        ("rk_live_0123é456", "a blank or a foreign letter"),
    ],
)
def test_what_cannot_be_a_key_begins_nothing(shop: Shop, key: str, words: str) -> None:
    with pytest.raises(CannotBackfill, match=words):
        begin(shop.endpoint, key, 30, starts_loops=True)
    assert not Backfill.objects.exists()


@pytest.mark.parametrize("days", [0, 31])
def test_no_platform_is_asked_for_more_days_than_it_keeps(shop: Shop, days: int) -> None:
    with pytest.raises(CannotBackfill, match="from 1 to 30"):
        begin(shop.endpoint, KEY, days, starts_loops=True)


def test_an_endpoint_has_one_backfill_at_a_time(shop: Shop) -> None:
    begin(shop.endpoint, KEY, 30, starts_loops=True)
    with pytest.raises(CannotBackfill, match="is under way"):
        begin(shop.endpoint, KEY, 30, starts_loops=True)


def test_the_key_is_sealed_while_it_is_wanted_and_gone_afterwards(shop: Shop, stripe: FakeStripe) -> None:
    made = begin(shop.endpoint, KEY, 30, starts_loops=True)
    assert KEY not in made.sealed
    assert made.sealed
    while worker.step(worker.BACKFILL, limit=1):
        pass
    made.refresh_from_db()
    assert (made.state, made.sealed, made.hint) == ("finished", "", KEY[-4:])


def test_a_key_that_the_installation_cannot_open_any_more_is_said(shop: Shop, stripe: FakeStripe) -> None:
    made = begin(shop.endpoint, KEY, 30, starts_loops=True)
    Backfill.objects.update(sealed="sealed by another key")
    assert worker.step(worker.BACKFILL, limit=1)
    made.refresh_from_db()
    assert made.state == BackfillState.FAILED
    assert "secret.key" in made.trouble


def test_stopped_in_the_middle_of_a_page_it_stores_nothing_more(shop: Shop, stripe: FakeStripe) -> None:
    happened(stripe, 150)
    made = begin(shop.endpoint, KEY, 30, starts_loops=True)
    assert worker.step(worker.BACKFILL, limit=1)
    [held] = claim(backfill.due_backfills(), database_now(), {shop.workspace.pk: 1}, 1, beginning=["attempts"])
    assert stop(made, database_now())
    worker.work_off(worker.BACKFILL, [held], database_now())
    made.refresh_from_db()
    assert (made.state, made.added, made.sealed, made.due_at) == ("stopped", 100, "", None)
    assert Delivery.objects.count() == 100
    assert not worker.step(worker.BACKFILL, limit=1)
    assert not stop(made, database_now())


def test_a_worker_that_was_overtaken_stores_its_page_no_second_time(shop: Shop, stripe: FakeStripe) -> None:
    past = happened(stripe, 150)
    begin(shop.endpoint, KEY, 30, starts_loops=True)
    now = database_now()
    [held] = claim(backfill.due_backfills(), now, {shop.workspace.pk: 1}, 1, beginning=["attempts"])
    assert worker.step(worker.BACKFILL, 1, now + timedelta(minutes=1)) == 1
    worker.work_off(worker.BACKFILL, [held], now)
    assert Backfill.objects.get().fetched == 100
    while worker.step(worker.BACKFILL, 1, now + timedelta(minutes=1)):
        pass
    assert ids() == Counter(one["id"] for one in past)
    assert Backfill.objects.get().added == 150


def test_one_that_is_to_start_no_loops_changes_contacts_and_records_events_and_says_so(
    shop: Shop, stripe: FakeStripe
) -> None:
    [past] = happened(stripe, 1)
    email = past["data"]["object"]["customer_email"]
    fetched(shop, starts_loops=False)
    shop.hear(event("invoice.paid", "bob@example.com"))
    shop.work()
    assert Contact.objects.count() == Event.objects.count() == 2
    assert [run.contact.email for run in Run.objects.all()] == ["bob@example.com"]
    result = Delivery.objects.get(external_id=past["id"]).result
    assert result.endswith("event successfulPayment recorded; its backfill starts no loops")
    assert "was fetched by a backfill that starts no loops" in "\n".join(why(shop.workspace, email))
    assert "was fetched by a backfill that starts no loops" in "\n".join(why(shop.workspace, email, "Paid"))


def test_an_answer_that_is_no_list_is_asked_for_again() -> None:
    for body in (b"", b"<html>", b"[]", b"{}", b'{"data": 1, "has_more": false}', b'{"data": [1], "has_more": true}'):
        assert isinstance(history.understand(200, {}, body), NotNow), body


def test_events_with_lone_surrogates_are_fetched_too() -> None:
    page = history.understand(200, {}, b'{"data": [{"id": "evt_1", "name": "\\ud800"}], "has_more": false}')
    assert isinstance(page, HistoryPage)
    assert [json.loads(one) for one in page.bodies] == [{"id": "evt_1", "name": "\ud800"}]


def test_no_word_of_trouble_names_the_key(shop: Shop, settings: object) -> None:
    settings.PLATFORM_APIS = {"stripe": "http://127.0.0.1:1"}  # type: ignore[attr-defined]
    made = fetched(shop)
    assert made.trouble == "There was no answer: Connection refused"
