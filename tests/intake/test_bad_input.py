"""Each row of the list of bad input for webhooks, sent through the real door: what the sender gets, what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from pytest_django import DjangoDbBlocker

from cocoonmail.intake.book import Book
from cocoonmail.intake.models import Delivery
from tests.intake.bad_input import ROWS
from tests.intake.bad_input.row import Case, Row
from tests.intake.desk import SECRET, Desk, RunningDoor, open_door
from tests.kit.rawhttp import Response

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def door(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[RunningDoor]:
    """One door for the whole table; it does not make requests that fail wait for the next look at their settings."""
    with django_db_blocker.unblock(), open_door(Book(pause=0)) as running:
        yield running


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.id}: {row.promise}") for row in ROWS])
def test_bad_input_gets_what_the_list_says(door: RunningDoor, row: Row) -> None:
    for case in row.cases:
        try:
            _hold(case, Desk.opened(door))
        except Exception as error:
            error.add_note(f"in the case {case.what!r} of {row.id}")
            raise
    door.settle()


def test_the_table_has_every_row_of_the_list() -> None:
    assert sorted(row.id for row in ROWS) == sorted(f"B{number}" for number in range(1, 59))


def _hold(case: Case, desk: Desk) -> None:
    case.before(desk)
    answers = case.send(desk)
    _check_answers(case, answers)
    assert len(desk.deliveries) == case.stored or case.stored < 0
    assert set(desk.noted) == ({case.noted} if case.noted else set())
    if case.state:
        desk.work()
        last = Delivery.objects.filter(endpoint=desk.endpoint).latest("pk")
        assert last.state == case.state, last.result
        assert case.result in last.result
    case.after(desk)


def _check_answers(case: Case, answers: Sequence[Response]) -> None:
    expected = [case.status] * len(answers) if isinstance(case.status, int) else case.status
    assert answers
    assert [answer.status for answer in answers] == list(expected)
    for answer in answers:
        _check_form(answer)
    assert case.says in json.dumps(_said(answers[-1]), ensure_ascii=False)
    assert dict(case.headers).items() <= answers[-1].headers.items()


def _check_form(answer: Response) -> None:
    """JSON, of the form that is promised, which gives nothing away."""
    assert answer.headers["content-type"].startswith("application/json")
    said = _said(answer)
    if answer.status == 200:
        assert said["received"]
    elif said:
        error = said["error"]
        assert error["code"].isidentifier()
        assert error["message"].endswith(".")
        assert error.keys() <= {"code", "message", "request_id"}
    assert SECRET not in answer.body.decode()
    assert "Traceback" not in answer.body.decode()


def _said(answer: Response) -> dict[str, dict[str, str]]:
    said: dict[str, dict[str, str]] = json.loads(answer.body or "{}")
    return said
