"""Promises of the events' page: the names, the log, a new name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cocoonmail.contacts.models import EventName
from cocoonmail.kit.clock import database_now
from tests.deeds import contact, happens, loop_of
from tests.people import People, Person


def html(person: Person, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def log_of(page: str) -> str:
    return page[page.index('id="log"') :]


def test_an_empty_page_teaches_the_next_step(alice: Person) -> None:
    assert "Nothing has happened yet" in html(alice, "/events")


def test_a_name_is_shown_with_its_count_its_properties_and_its_loops(vera: Person) -> None:
    loop = loop_of(vera.workspace)
    EventName.objects.update(properties={"customerName": "string", "seats": "number"})
    for _ in range(3):
        happens("newStripeCustomer", contact(vera.workspace, f"{database_now().timestamp()}@example.com"))
    page = html(vera, "/events")
    assert '<td class="number">3</td>' in page
    assert "30 days: 3 events in all" in page
    assert "customerName" in page
    assert "number" in page
    assert f'href="/loops/{loop.pk}"' in page


def test_the_log_shows_who_it_happened_to_with_what(alice: Person) -> None:
    ada = contact(alice.workspace)
    happens("successfulPayment", ada, amountPaid=2400, currency="EUR")
    log = log_of(html(alice, "/events"))
    assert f"/audience/{ada.pk}" in log
    assert "2 properties" in log
    assert "&quot;amountPaid&quot;: 2400" in log


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=signedUp", ["ada"]),
        ("q=GRACE", ["grace"]),
        ("period=1", ["grace"]),
        ("period=30", ["ada", "grace"]),
        ("period=forever", ["ada", "grace", "old"]),
        ("name=%00&q=grace%00", ["grace"]),
        ("name=signedUp&q=grace", []),
    ],
)
def test_the_log_is_found_by_name_email_and_period(alice: Person, query: str, found: list[str]) -> None:
    now = database_now()
    happens("signedUp", contact(alice.workspace, "ada@example.com"), now - timedelta(days=8))
    happens("paid", contact(alice.workspace, "grace@example.com"), now)
    happens("paid", contact(alice.workspace, "old@example.com"), now - timedelta(days=90))
    log = log_of(html(alice, f"/events?{query}"))
    assert [name for name in ("ada", "grace", "old") if f"{name}@example.com" in log] == found


@pytest.mark.parametrize("query", ["name=goneEvent", "name=²", "q=nobody", "name=goneEvent&q=ada&period=7"])
def test_a_name_that_is_gone_and_a_person_nobody_knows_show_an_empty_log(alice: Person, query: str) -> None:
    happens("newStripeCustomer", contact(alice.workspace, "ada@example.com"))
    assert "ada@example.com" not in log_of(html(alice, f"/events?{query}"))


@pytest.mark.one_database
@pytest.mark.parametrize("more", ["", "&name=signedUp", "&period=7", "&name=signedUp&period=7"])
def test_what_happened_to_a_person_is_found_without_a_look_at_the_whole_log(alice: Person, more: str) -> None:
    ada = contact(alice.workspace, "ada@example.com")
    for _ in range(40):
        happens("signedUp", ada)
    with CaptureQueriesContext(connection) as asked:
        assert "ada@example.com" in log_of(html(alice, f"/events?q=ada@example.com{more}"))
    looked = [one["sql"] for one in asked if '"contacts_event"."id" IN' in one["sql"]]
    assert looked
    with connection.cursor() as cursor:
        for sql in looked:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}".replace("%", "%%"))
            told = [row[-1] for row in cursor.fetchall() if "contacts_event " in f"{row[-1]} "]
            assert all("INTEGER PRIMARY KEY" in line for line in told), told


def test_the_page_asks_no_query_per_name_or_event(alice: Person) -> None:
    for number in range(30):
        happens(f"event{number}", contact(alice.workspace, f"c{number}@example.com"))
    with CaptureQueriesContext(connection) as captured:
        html(alice, "/events")
    assert len(captured) <= 14


def test_a_name_is_made_before_the_first_event_of_it(bob: Person) -> None:
    bob.post("/events/new", {"name": " trialEnded "})
    assert EventName.objects.get().name == "trialEnded"
    assert "trialEnded" in html(bob, "/events")


@pytest.mark.parametrize(
    ("name", "words"), [("trial:ended", "colon"), ("", "required"), ("taken", "already"), ("a\x00b", "characters")]
)
def test_a_name_that_cannot_be_is_refused_beside_its_field(bob: Person, name: str, words: str) -> None:
    EventName.objects.create(workspace=bob.workspace, name="taken", created_at=database_now())
    answer = bob.post("/events/new", {"name": name})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert EventName.objects.count() == 1


def test_a_viewer_names_nothing_and_a_stranger_sees_nothing(everybody: People) -> None:
    happens("paid", contact(everybody.alice.workspace))
    happens("paid", contact(everybody.mallory.workspace, "mal@example.com"))
    assert everybody.vera.post("/events/new", {"name": "mine"}).status_code == 403
    page = html(everybody.mallory, "/events?name=paid")
    assert "mal@example.com" in page
    assert "ada@example.com" not in page
    assert EventName.objects.count() == 2
