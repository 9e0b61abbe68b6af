"""The door's quick way and its usual way: nobody can tell by the answer which one a request went."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cocoonmail.intake import door
from cocoonmail.intake.door import Door
from cocoonmail.kit.groupcommit import Overdue
from tests.intake.desk import EVENT, Desk, RunningDoor, open_door, sealed
from tests.kit.rawhttp import Response, post, read_all, responses

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running() -> Iterator[RunningDoor]:
    with open_door() as running:
        yield running


@pytest.fixture
def desk(running: RunningDoor) -> Desk:
    return Desk.opened(running)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the quick way took each request that it was offered."""
    said: list[bool] = []
    take = Door.take

    def noting(self: Door, *request: Any) -> bool:
        said.append(take(self, *request))
        return said[-1]

    monkeypatch.setattr(Door, "take", noting)
    return said


def quickly(desk: Desk, raw: bytes) -> Response:
    """Answered on a connection that is kept, until the sender has nothing more to say."""
    with desk.at.connect(raw) as client:
        client.shutdown(socket.SHUT_WR)
        [response] = responses(read_all(client))
    return response


def told(response: Response) -> tuple[int, Any, set[str]]:
    """The answer, but for what no two requests share."""
    content = json.loads(response.body)
    content.get("error", {}).pop("request_id", None)
    return response.status, content, set(response.headers) - {"connection"}


def numbered(number: int, **changes: Any) -> bytes:
    return json.dumps({**json.loads(EVENT), "id": f"evt_{number}", **changes}).encode()


REQUESTS: dict[str, Callable[[Desk, bytes, bool], bytes]] = {
    "usual": lambda desk, raw, close: desk.request(raw, close=close),
    "wrong signature": lambda desk, raw, close: post(
        raw, desk.endpoint.path, f"Stripe-Signature: {sealed(raw, 'whsec_other')}", close=close
    ),
    "too old": lambda desk, raw, close: post(
        raw, desk.endpoint.path, f"Stripe-Signature: {sealed(raw, ago=4000)}", close=close
    ),
    "unsigned": lambda desk, raw, close: post(raw, desk.endpoint.path, close=close),
    "encoded": lambda desk, raw, close: desk.request(raw, "Content-Encoding: gzip", close=close),
    "no JSON": lambda desk, raw, close: desk.request(raw[:-1], close=close),
    "unknown type": lambda desk, raw, close: desk.request(
        raw.replace(b"customer.created", b"customer.unheard"), close=close
    ),
    "unknown endpoint": lambda desk, raw, close: post(raw, "/hooks/stripe/nobody", close=close),
    "other platform": lambda desk, raw, close: post(
        raw, desk.endpoint.path.replace("stripe", "clerk"), f"Stripe-Signature: {sealed(raw)}", close=close
    ),
    "a query": lambda desk, raw, close: post(
        raw, desk.endpoint.path + "?a=b", f"Stripe-Signature: {sealed(raw)}", close=close
    ),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_both_ways_give_the_same_answer_and_leave_the_same(desk: Desk, taken: list[bool], kind: str) -> None:
    desk.post(numbered(0))  # The book knows the endpoint from now on.
    quick = quickly(desk, REQUESTS[kind](desk, numbered(1), False))
    [usual] = desk.at.ask(REQUESTS[kind](desk, numbered(2), True))
    assert told(quick) == told(usual)
    assert taken == [kind in ("usual", "unknown type")]
    left = [(row.state, row.result, bytes(row.body).replace(b"evt_1", b"evt_2")) for row in desk.deliveries[1:]]
    assert left in ([], left[:1] * 2)


def test_what_was_stored_before_is_called_a_duplicate(desk: Desk, taken: list[bool]) -> None:
    desk.post(numbered(0))
    answers = [quickly(desk, desk.request(numbered(0), close=False)) for _ in range(2)]
    assert [json.loads(answer.body) for answer in answers] == [{"received": True, "duplicate": True}] * 2
    assert taken == [True, True]
    assert [row.duplicates for row in desk.deliveries] == [2]


def test_a_switched_off_endpoint_takes_nothing(desk: Desk, taken: list[bool]) -> None:
    desk.set(enabled=False)
    desk.post(numbered(0))
    assert quickly(desk, desk.request(numbered(1), close=False)).status == 410
    assert (taken, desk.deliveries) == ([False], [])


def test_what_cannot_be_stored_is_asked_to_come_again_and_leaves_a_trace(
    desk: Desk, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.post(numbered(0))

    def too_slow(*_: Any) -> None:
        raise Overdue

    monkeypatch.setattr(door, "receive", too_slow)
    answer = quickly(desk, desk.request(numbered(1), close=False))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert taken == [True]
    assert desk.noted == ["try_again"]
