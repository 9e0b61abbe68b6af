"""Promises of lists by cursor."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from cocoonmail.accounts.models import User
from cocoonmail.web.shared import paging
from cocoonmail.web.shared.paging import Page, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> None:
    ContentType.objects.all().delete()
    # Three share each label, so that only the primary key keeps them apart.
    ContentType.objects.bulk_create(ContentType(app_label=f"app{n // 3:03}", model=f"model{n}") for n in range(25))


def turn(searched: bool = False, **query: str) -> Page[ContentType]:
    request = RequestFactory().get("/", query)
    return page_of(ContentType.objects.all(), request, by="app_label", size=10, searched=searched)


def names(page: Page[ContentType]) -> list[str]:
    return [row.model for row in page.rows]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("searched", [False, True])
def test_turning_the_pages_shows_every_row_once_there_and_back(searched: bool) -> None:
    first = turn(searched)
    second = turn(searched, older=first.older)
    third = turn(searched, older=second.older)
    assert names(first) + names(second) + names(third) == [f"model{n}" for n in reversed(range(25))]
    assert (first.newer, third.older) == ("", "")
    assert names(turn(searched, newer=third.newer)) == names(second)
    back = turn(searched, newer=second.newer)
    assert names(back) == names(first)
    assert back.newer == ""


@pytest.mark.usefixtures("rows")
def test_rows_that_are_searched_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert turn(searched=True).count == 25
    assert len(captured) == 2
    monkeypatch.setattr(paging, "COUNT_MAX", 20)
    assert names(turn(searched=True)) == names(turn())
    assert turn(searched=True, older=turn().older).newer


@pytest.mark.usefixtures("rows")
def test_rows_added_on_top_do_not_shift_the_page_that_is_read() -> None:
    first = turn()
    ContentType.objects.create(app_label="zzz", model="new")
    assert names(turn(older=first.older))[0] == "model14"


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "e30",
        "W10",
        "WzEsMl0",
        "WyJhIiwgLTFd",
        "WyJhIiwgIjEiXQ",
        "\u0000",
        "A" * 5000,
        "WyJhIiw5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTld",
    ],
)
def test_a_cursor_that_nobody_gave_out_does_no_harm(cursor: str) -> None:
    assert turn(older=cursor).count == 25


def test_moments_are_turned_by_too_and_a_moment_that_is_none_shows_the_first_page() -> None:
    for n in range(3):
        User.objects.create_user(f"person{n}@acme.test", date_joined=datetime(2026, 11, 23, 20, 0, 0, n, tzinfo=UTC))
    everybody = User.objects.all()

    def turn_to(older: str) -> Page[User]:
        return page_of(everybody, RequestFactory().get("/", {"older": older}), by="date_joined", size=2)

    assert [user.email for user in turn_to(turn_to("").older).rows] == ["person0@acme.test"]
    for never in ('["yesterday", 1]', '["2026-13-45T00:00:00", 1]', "[{}, 1]"):
        assert len(turn_to(base64.urlsafe_b64encode(never.encode()).decode()).rows) == 2


@pytest.mark.usefixtures("rows")
def test_the_count_is_that_of_all_pages() -> None:
    assert turn().counted == "25"
