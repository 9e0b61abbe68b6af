"""However the news about one customer is shuffled, doubled or crowded, the same contact comes out."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection

from cocoonmail.contacts.models import Contact, Event
from cocoonmail.emails.models import Message
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.clock import database_now
from tests.shop import NOON, Shop, event, updated

Story = Sequence[dict[str, Any]]


def story(who: str) -> Story:
    """Six events of one customer; two of them in the same second, and invoices whose copy of the address is old."""
    created = event("customer.created", f"{who}@old.example", id=f"cus_{who}", at=NOON)
    renamed = updated(created, NOON + 60, name="Ada King")
    moved = updated(renamed, NOON + 120, email=f"{who}@new.example")
    titled = updated(moved, NOON + 120, name="Ada Lovelace King")
    bill = {"customer": f"cus_{who}", "customer_name": "Ada King", "customer_email": f"{who}@old.example"}
    frozen = {"finalized_at": NOON + 90}
    paid = event("invoice.paid", at=NOON + 200, status_transitions=frozen, id=f"in_{who}", **bill)
    failed = event("invoice.payment_failed", at=NOON + 95, status_transitions=frozen, id=f"in_{who}x", **bill)
    return [created, renamed, moved, titled, paid, failed]


END = ("new.example", "Ada", "Lovelace King")
TRIGGERED = ["failedPayment", "newStripeCustomer", *["stripeCustomerUpdated"] * 3, "successfulPayment"]


def learn_sizes() -> None:
    """Tell PostgreSQL how large its tables have become: within a test's transaction it cannot find out by itself."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def check_every_contact(count: int) -> None:
    """Each is at the same end, and had each event once."""
    contacts = list(Contact.objects.all())
    assert {(c.email.partition("@")[2], c.first_name, c.last_name) for c in contacts} == {END}
    assert len(contacts) == count
    events = defaultdict(list)
    for contact, name in Event.objects.values_list("contact_id", "name__name"):
        events[contact].append(name)
    assert all(sorted(names) == TRIGGERED for names in events.values())
    assert len(events) == count


@pytest.mark.django_db
def test_all_720_orders_of_six_events_of_one_customer_end_in_the_same_contact() -> None:
    shop = Shop.opened()
    stories = [story(f"p{number}") for number in range(720)]
    orders = list(permutations(range(6)))
    for place in range(6):
        shop.hear(*(told[order[place]] for told, order in zip(stories, orders, strict=True)))
        learn_sizes()
        shop.work()
    check_every_contact(720)


@pytest.mark.django_db
def test_all_orders_within_one_batch_end_in_the_same_contact() -> None:
    shop = Shop.opened()
    for order in permutations(range(6)):
        if order[0] == 3:  # Enough for the batch's own order; every order is in the test above.
            told = story("o" + "".join(map(str, order)))
            shop.hear(*(told[place] for place in order))
    learn_sizes()
    shop.work()
    check_every_contact(120)


@pytest.mark.django_db
def test_doubled_and_shuffled_news_have_their_effects_once() -> None:
    shop = Shop.opened()
    shuffle = random.Random(7).shuffle
    news = [one for number in range(20) for one in story(f"s{number}")] * 3
    shuffle(news)
    for begin in range(0, len(news), 50):
        shop.hear(*news[begin : begin + 50])
        shop.work()
    check_every_contact(20)
    assert Delivery.objects.count() == 120


@pytest.mark.django_db(transaction=True)
def test_the_same_webhook_sixteen_times_at_once_is_stored_once() -> None:
    shop = Shop.opened()
    one = event("invoice.paid")

    def hear(_: int) -> bool:
        try:
            return shop.hear(one)[0].duplicate
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(hear, range(16)))
    assert sorted(answers) == [False, *[True] * 15]
    shop.work()
    assert (Delivery.objects.count(), Event.objects.count(), Message.objects.count()) == (1, 1, 1)
    assert shop.last().duplicates == 15


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_make_one_contact_of_one_customer() -> None:
    shop = Shop.opened()
    for number in range(12):
        shop.hear(*story(f"w{number}"))

    def work(_: int) -> None:
        try:
            shop.work()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(work, range(4)))
    shop.work(now=database_now() + timedelta(minutes=5))  # What two workers disputed is tried again later.
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DONE}
    check_every_contact(12)
