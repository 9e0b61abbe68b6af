"""Promises of counts: quick among very many rows, and true."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.finding import values_in_use
from cocoonmail.contacts.models import Contact
from cocoonmail.kit.clock import database_now
from cocoonmail.web.shared import counting
from cocoonmail.web.shared.counting import count_of, counts, in_words, totals
from tests.deeds import contact


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Twenty rows are too many to count, and three are worth remembering."""
    monkeypatch.setattr(counting, "COUNT_MAX", 20)
    monkeypatch.setattr(counting, "WORTH_MAX", 3)
    yield
    counting._remembered.clear()


def arrive(workspace: Workspace, number: int, days_ago: int) -> None:
    at = database_now() - timedelta(days=days_ago)
    for n in range(number):
        contact(workspace, f"c{Contact.objects.count()}x{n}@example.com", at=at)


def by_day(workspace: Workspace) -> list[int]:
    now = database_now()
    spans = [(now - timedelta(days=back, hours=12), now - timedelta(days=back - 1, hours=12)) for back in (2, 1, 0)]
    (found,) = counts(Contact, [{"workspace": workspace.pk}], "created_at", spans)
    return found


@pytest.mark.usefixtures("few")
def test_days_are_counted_in_one_statement(acme: Workspace) -> None:
    arrive(acme, 2, days_ago=2)
    arrive(acme, 1, days_ago=0)
    with CaptureQueriesContext(connection) as captured:
        assert by_day(acme) == [2, 0, 1]
    assert len([query for query in captured.captured_queries if "VALUES" in query["sql"]]) == 1


def test_what_is_over_and_many_is_not_counted_twice(few: None, acme: Workspace) -> None:
    arrive(acme, 4, days_ago=2)
    arrive(acme, 4, days_ago=0)
    now = database_now()
    spans = [(now - timedelta(days=3), now - timedelta(days=1)), (now - timedelta(days=1), now + timedelta(days=1))]
    groups = [{"workspace": acme.pk}]
    assert counts(Contact, groups, "created_at", spans) == [[4, 4]]
    Contact.objects.all().delete()
    assert counts(Contact, groups, "created_at", spans, lasting=False) == [[4, 0]]


def test_counts_of_rows_that_change_groups_are_never_remembered(few: None, acme: Workspace) -> None:
    arrive(acme, 4, days_ago=2)
    now = database_now()
    over = [(now - timedelta(days=3), now - timedelta(days=1))]
    assert counts(Contact, [{"workspace": acme.pk}], "created_at", over, lasting=False) == [[4]]
    Contact.objects.all().delete()
    assert counts(Contact, [{"workspace": acme.pk}], "created_at", over) == [[0]]


@pytest.mark.usefixtures("few")
def test_counting_stops_where_more_says_enough(acme: Workspace) -> None:
    arrive(acme, 22, days_ago=0)
    assert totals(Contact, [{"workspace": acme.pk}, {"workspace": acme.pk + 1000}]) == [21, 0]
    assert in_words(count_of(Contact.objects.filter(workspace=acme))) == "20+"
    Contact.objects.all().delete()
    assert count_of(Contact.objects.filter(workspace=acme)) == 21
    assert count_of(Contact.objects.filter(workspace=acme, test=False)) == 0


def test_values_in_use_are_each_told_once_in_order_and_of_this_workspace_alone(acme: Workspace) -> None:
    other = Workspace.objects.create(name="Other")
    for n, group in enumerate(["Trial", "Beta", "", "Trial", "Éclair"]):
        contact(acme, f"c{n}@example.com", user_group=group)
    contact(other, user_group="Theirs")
    assert sorted(values_in_use(acme.pk, "user_group")) == ["Beta", "Trial", "Éclair"]
