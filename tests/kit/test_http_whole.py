"""Requests taken whole and answered in one piece: to whoever sends them, the same as any other."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from cocoonmail.kit.http_limits import Limits
from cocoonmail.kit.http_whole import Reply, whole_answer
from tests.kit.rawhttp import PATIENCE, Place, chunked, post, read_all, responses, running

pytestmark = pytest.mark.one_database

READY = whole_answer(200, [(b"content-type", b"text/plain"), (b"content-length", b"5")], b"ready")
TAKEN = "/whole/parcel"


class Counter:
    """Takes what has this path, and answers in a moment, or once it is told to."""

    prefix = b"/whole/"

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.offered: list[bytes] = []
        self.arrived, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def take(self, path: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, reply: Reply) -> bool:
        self.offered.append(path)
        if path != TAKEN.encode():
            return False
        self.bodies.append(body)
        self._when_told(asyncio.get_running_loop(), reply)
        self.arrived.set()
        return True

    def _when_told(self, loop: asyncio.AbstractEventLoop, reply: Reply) -> None:
        if self.go_on.is_set():
            reply(READY)
        else:
            loop.call_later(0.01, self._when_told, loop, reply)


@contextmanager
def place_with(counter: Counter, limits: Limits | None = None) -> Iterator[Place]:
    with running(limits or Limits(), express=counter) as place:
        yield place


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def place(counter: Counter) -> Iterator[Place]:
    with place_with(counter) as place:
        yield place


def kept(body: bytes, path: str = TAKEN, *headers: str) -> bytes:
    """A request after which the connection is kept."""
    return post(body, path, *headers, close=False)


def test_an_answer_in_one_piece_has_the_headers_of_one_in_two(place: Place, counter: Counter) -> None:
    whole, parted = place.ask(kept(b"abc") + kept(b"abc", "/") + post(b"", "/deaf"))[:2]
    assert (whole.status, whole.body) == (200, b"ready")
    assert list(whole.headers) == list(parted.headers) == ["date", "content-type", "content-length"]
    assert counter.bodies == [b"abc"]


def test_what_is_not_taken_goes_to_the_application_as_it_came(place: Place, counter: Counter) -> None:
    found = place.ask(kept(b"abc", "/whole/letter", "X-One: 1") + post(b"", "/deaf"))
    assert found[0].body == b"3:abc"
    assert counter.offered == [b"/whole/letter"]
    scope = place.app.scopes[0]
    assert (scope["path"], scope["method"]) == ("/whole/letter", "POST")
    assert (b"x-one", b"1") in scope["headers"]


def test_requests_sent_one_behind_the_other_are_answered_in_order(place: Place, counter: Counter) -> None:
    counter.go_on.clear()
    client = place.connect(kept(b"1") + kept(b"2", "/") + kept(b"3") + post(b"4", TAKEN))
    assert counter.arrived.wait(PATIENCE)
    counter.go_on.set()
    found = responses(read_all(client))
    assert [response.body for response in found] == [b"ready", b"1:2", b"1:3", b"1:4"]
    assert counter.bodies == [b"1"]  # What waits behind another goes the usual way.


def test_one_that_comes_in_two_pieces_goes_the_usual_way(place: Place, counter: Counter) -> None:
    client = place.connect(kept(b"abc")[:-1])
    while not place.app.scopes:
        threading.Event().wait(0.005)
    client.sendall(b"c" + post(b"", "/deaf"))
    assert responses(read_all(client))[0].body == b"3:abc"
    assert counter.offered == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"abc", TAKEN),
        post(b"abc", TAKEN, version="1.0", close=False),
        chunked(b"abc", path=TAKEN),
        kept(b"abc", TAKEN, "Expect: 100-continue") + post(b"", "/deaf"),
        kept(b"", TAKEN, "Connection: upgrade", "Upgrade: h2c"),
        kept(b"").replace(b"POST", b"PUT") + post(b"", "/deaf"),
    ],
    ids=["asked to close", "HTTP/1.0", "chunked", "asks first", "upgrade", "PUT"],
)
def test_what_needs_more_than_an_answer_goes_the_usual_way(
    place: Place, counter: Counter, request_bytes: bytes
) -> None:
    client = place.connect(request_bytes)
    client.shutdown(socket.SHUT_WR)
    assert b"200 OK" in read_all(client)
    assert counter.offered == []


def test_a_client_that_has_said_all_still_gets_its_answer_and_the_end(place: Place, counter: Counter) -> None:
    counter.go_on.clear()
    client = place.connect(kept(b"abc"))
    assert counter.arrived.wait(PATIENCE)
    client.shutdown(socket.SHUT_WR)
    threading.Event().wait(0.05)
    counter.go_on.set()
    [response] = responses(read_all(client))
    assert (response.body, response.headers["connection"]) == (b"ready", "close")


def test_a_server_that_stops_answers_what_it_has_taken(counter: Counter) -> None:
    counter.go_on.clear()
    with place_with(counter) as place:
        client = place.connect(kept(b"abc"))
        assert counter.arrived.wait(PATIENCE)
        place.server.stop()
        threading.Event().wait(0.3)
        counter.go_on.set()
        [response] = responses(read_all(client))
    assert response.body == b"ready"


def test_a_client_that_left_disturbs_nobody(place: Place, counter: Counter) -> None:
    counter.go_on.clear()
    place.connect(kept(b"abc") * 5).close()
    assert counter.arrived.wait(PATIENCE)
    counter.go_on.set()
    client = place.connect(kept(b"abc"))
    client.shutdown(socket.SHUT_WR)
    assert responses(read_all(client))[0].body == b"ready"


def test_a_refusal_in_the_middle_of_one_is_the_usual_one(place: Place, counter: Counter) -> None:
    [response] = place.ask(kept(b"", TAKEN, "Content-Length: 3") + b"abc")
    assert (response.status, counter.offered) == (400, [])
