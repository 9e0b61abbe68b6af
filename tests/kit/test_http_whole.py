"""Answers that leave in one piece: the same as any other to whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cocoonmail.kit.http_limits import Limits
from tests.kit.rawhttp import Place, post, read_all, responses, running

pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with running(Limits()) as place:
        yield place


def test_an_answer_in_one_piece_has_the_headers_of_one_in_two(place: Place) -> None:
    whole, parted = place.ask(post(b"abc", "/ready", close=False) + post(b"abc", close=False) + post(b"", "/deaf"))[:2]
    assert (whole.status, whole.body) == (200, b"ready")
    assert list(whole.headers) == list(parted.headers) == ["date", "content-type", "content-length"]
    assert whole.headers["content-type"] == parted.headers["content-type"]


def test_the_connection_is_kept_behind_it_for_all_that_wait(place: Place) -> None:
    found = place.ask(post(b"abc", "/ready", close=False) * 20 + post(b"abc", "/ready"))
    assert [response.body for response in found] == [b"ready"] * 21


@pytest.mark.parametrize("how", [{}, {"version": "1.0", "close": False}], ids=["asked to close", "HTTP/1.0"])
def test_the_last_answer_of_a_connection_says_so(place: Place, how: dict[str, object]) -> None:
    [response] = place.ask(post(b"abc", "/ready", **how))  # type: ignore[arg-type]
    assert (response.body, response.headers["connection"]) == (b"ready", "close")


def test_given_before_the_body_was_read_it_ends_the_connection(place: Place) -> None:
    [response] = place.ask(post(b"half", "/ready", length=10**6, close=False))
    assert (response.body, response.headers["connection"]) == (b"ready", "close")


def test_a_client_that_left_disturbs_nobody(place: Place) -> None:
    place.connect(post(b"abc", "/ready", close=False) * 5).close()
    client = place.connect(post(b"abc", "/ready"))
    assert responses(read_all(client))[0].body == b"ready"
