"""The web server on slow clients and on many of them (bad input B26-B28, B55-B58): raw sockets, a real server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cocoonmail.kit.http_limits import MIB, Limits
from tests.kit.rawhttp import (
    PATIENCE,
    Place,
    chunked,
    drip,
    is_readable,
    post,
    pour,
    read_all,
    responses,
    running,
    send_on_and_on,
)

pytestmark = pytest.mark.one_database

HASTY = Limits(
    header_seconds=0.4,
    body_seconds=0.4,
    keep_alive_seconds=0.4,
    send_seconds=0.4,
    linger_seconds=0.4,
    sweep_seconds=0.05,
)
SLOW = 3.0  # More seconds than any limit of HASTY takes on a busy machine, far fewer than the defaults.


@pytest.fixture(scope="module")
def patient() -> Iterator[Place]:
    with running(Limits()) as place:
        yield place


@pytest.fixture(scope="module")
def hasty() -> Iterator[Place]:
    with running(HASTY) as place:
        yield place


# Bodies: B26, B27.


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("encode", [post, lambda body: chunked(*[body[i : i + 9999] for i in range(0, MIB + 1, 9999)])])
def test_a_body_is_measured_to_the_byte_however_it_is_framed(patient: Place, encode, excess) -> None:  # type: ignore[no-untyped-def]
    [response] = patient.ask(encode(b"x" * (MIB + excess)))
    assert response.status == (413 if excess else 200)


def test_a_small_chunked_body_is_read_whole(patient: Place) -> None:
    [response] = patient.ask(chunked(b'{"id":', b'"evt_1"}'))
    assert response.body == b'14:{"id":"evt_1"}'


def test_an_endless_chunked_body_is_answered_and_cut(patient: Place) -> None:
    client = patient.connect(chunked().removesuffix(b"0\r\n\r\n"))
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = pour(client, chunk, 256 * MIB)
    assert sent < 64 * MIB
    [response] = responses(read_all(client))
    assert (response.status, response.headers["connection"]) == (413, "close")


@pytest.mark.parametrize(
    "limits", [HASTY, replace(HASTY, linger_seconds=10, linger_bytes=MIB)], ids=["in time", "in size"]
)
def test_who_goes_on_sending_after_the_answer_is_cut_off_too(limits: Limits) -> None:
    with running(limits) as place:
        client = place.connect(post(b"x", "/deaf", length=10**12, close=False))
        assert is_readable(client, PATIENCE)
        with pytest.raises(ConnectionError):
            send_on_and_on(client, seconds=SLOW)


def test_an_application_that_does_not_read_stops_the_client_from_sending(patient: Place) -> None:
    patient.app.go_on.clear()
    client = patient.connect(post(b"", "/thinks", length=10**12))
    sent = pour(client, b"x" * MIB, 256 * MIB)
    assert sent < 64 * MIB
    patient.app.go_on.set()
    [response] = responses(read_all(client))
    assert response.status == 413


def test_an_answer_before_the_body_ends_the_connection_readably(patient: Place) -> None:
    [response] = patient.ask(post(b"x" * 1000, "/deaf", length=10**9, close=False))
    assert (response.status, response.headers["connection"]) == (404, "close")


def test_an_answer_that_ignores_a_body_that_is_there_keeps_the_connection(patient: Place) -> None:
    found = patient.ask(post(b"x" * 1000, "/deaf", close=False) + post(b"abc"))
    assert [(response.status, response.body) for response in found] == [(404, b"not here"), (200, b"3:abc")]


def test_a_client_that_asks_first_is_told_to_continue(patient: Place) -> None:
    client = patient.connect(post(b"", "/", "Expect: 100-continue", length=3))
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"abc")
    assert responses(read_all(client))[0].body == b"3:abc"


# Slow clients: B28, B29.

UNFINISHED = {
    "a body that never comes": (post(b"", length=100), 408),
    "a body that stops": (post(b"half", length=100), 408),
    "a large body that stops": (post(b"x" * 600_000, length=MIB), 408),
    "a chunk that stops": (chunked(b"abc").removesuffix(b"c\r\n0\r\n\r\n"), 408),
    "chunks that stop": (chunked(b"abc").removesuffix(b"0\r\n\r\n"), 408),
    "headers that stop": (b"POST / HTTP/1.1\r\nHost: a\r\nX-", 408),
    "a request line that stops": (b"POST /hoo", 408),
    "no request at all": (b"", None),
    "only line ends": (b"\r\n\r\n", None),
    "a body that stops behind an answered request": (post(close=False) + post(b"half", length=9), 408),
}


@pytest.mark.parametrize("what", UNFINISHED)
def test_whoever_stops_halfway_is_told_and_closed(hasty: Place, what: str) -> None:
    raw, status = UNFINISHED[what]
    client = hasty.connect(raw)
    client.settimeout(SLOW)
    found = responses(read_all(client))
    if status is None:
        assert found == []
    else:
        assert found[-1].status == status
        assert found[-1].error == "request_timeout"


@pytest.mark.parametrize(
    "begin",
    [b"GET /", b"POST / HTTP/1.1\r\nHost: a\r\nX-Slow: ", post(b"", length=10_000), chunked()[:-5] + b"999\r\n"],
)
def test_one_byte_at_a_time_does_not_buy_more_time(hasty: Place, begin: bytes) -> None:
    client = hasty.connect(begin)
    assert drip(client, b"G" * 1000, pause=0.02) < SLOW
    assert responses(read_all(client))[-1].error == "request_timeout"


def test_a_body_that_comes_fast_enough_may_take_its_time() -> None:
    with running(replace(HASTY, body_seconds=1.0)) as place:
        pieces = [b"x" * 1000] * 12
        client = place.connect(post(b"", length=12_000))
        for piece in pieces:
            assert not is_readable(client, 0.1)  # 1.2 seconds in all: more than body_seconds.
            client.sendall(piece)
        assert responses(read_all(client))[0].status == 200


def test_slow_clients_do_not_slow_the_others(patient: Place) -> None:
    for number in range(300):
        patient.connect(post(b"", length=100) if number % 2 else b"POST / HTTP/1.1\r\nX-")
    for _ in range(20):
        assert patient.ask(post(b"quick"))[0].body == b"5:quick"


def test_the_application_learns_that_the_rest_will_not_come(hasty: Place) -> None:
    hasty.app.cut_off.clear()
    hasty.ask(post(b"half", length=100))
    assert hasty.app.cut_off.wait(PATIENCE)


def test_half_an_answer_is_not_followed_by_another(hasty: Place) -> None:
    client, heard = hasty.connect(post(b"half", "/hasty_words", length=100)), b""
    client.settimeout(SLOW)
    with suppress(ConnectionError):  # A reset or an end, as the kernel pleases.
        while part := client.recv(MIB):
            heard += part
    assert heard.startswith(b"HTTP/1.1 200")
    assert heard.endswith(b"\r\n\r\nhalf")


def test_the_application_may_take_longer_than_any_client(hasty: Place) -> None:
    hasty.app.go_on.clear()
    client = hasty.connect(post(b"abc", "/thinks"))
    assert not is_readable(client, 1.0)
    hasty.app.go_on.set()
    assert responses(read_all(client))[0].body == b"3:abc"


def test_a_client_that_we_made_wait_gets_its_time_anew() -> None:
    with running(replace(HASTY, body_seconds=1.0)) as place:
        place.app.go_on.clear()
        client = place.connect(post(b"x" * 300_000, "/thinks", length=300_001))
        assert not is_readable(client, 1.3)
        place.app.go_on.set()
        client.sendall(b"x")
        assert responses(read_all(client))[0].body.startswith(b"300001:")


def test_an_idle_connection_is_closed_without_a_word(hasty: Place) -> None:
    client = hasty.connect(post(b"abc", close=False))
    client.settimeout(SLOW)
    assert len(responses(read_all(client))) == 1


def test_a_client_that_does_not_take_its_answer_is_dropped(hasty: Place) -> None:
    hasty.app.cut_off.clear()
    hasty.connect(post(b"", "/large"))
    assert hasty.app.cut_off.wait(Limits().send_seconds / 2)


# Several requests on one connection, and connections that end: B55, B56, B57.


def test_a_hundred_pipelined_posts_are_each_answered_once_in_order(patient: Place) -> None:
    bodies = [b"body %d" % number for number in range(100)]
    found = patient.ask(b"".join(post(body, close=body is bodies[-1]) for body in bodies))
    assert [response.body for response in found] == [b"%d:" % len(body) + body for body in bodies]


def test_a_bad_body_waits_for_its_turn_to_be_refused(patient: Place) -> None:
    found = patient.ask(post(b"abc", close=False) * 50 + chunked(b"abc")[:-5] + b"zz\r\n")
    assert [response.status for response in found] == [200] * 50 + [400]


def test_pipelining_without_end_is_slowed_down_to_the_pace_of_the_answers(patient: Place) -> None:
    requests = post(b"x" * 1300, close=False) * 1999 + post(b"last")
    client = patient.connect()
    sending = threading.Thread(target=client.sendall, args=(requests,))
    sending.start()
    found = responses(read_all(client))
    sending.join(PATIENCE)
    assert [response.status for response in found] == [200] * 2000
    assert found[-1].body == b"4:last"


def test_more_than_may_wait_on_one_connection_are_told_to_come_back(patient: Place) -> None:
    asked = len(patient.app.scopes)
    found = patient.ask(post(b"a", close=False) * 1000)
    assert [response.status for response in found[:-1]] == [200] * (len(patient.app.scopes) - asked)
    assert len(found) > 256
    assert found[-1].error == "too_many_pipelined_requests"
    assert int(found[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize("host", [b"", b"Host: a\r\n"])
def test_http_1_0_is_answered_and_closed(patient: Place, host: bytes) -> None:
    [response] = patient.ask(b"POST / HTTP/1.0\r\n" + host + b"Content-Length: 3\r\n\r\nabc")
    assert response.body == b"3:abc"


def test_a_client_that_is_done_sending_still_gets_its_answer(patient: Place) -> None:
    patient.app.go_on.clear()
    client = patient.connect(post(b"abc", close=False) + post(b"def", "/thinks", close=False))
    client.shutdown(socket.SHUT_WR)
    assert client.recv(10) == b"HTTP/1.1 2"
    patient.app.go_on.set()
    assert read_all(client).endswith(b"3:def")


@pytest.mark.parametrize("raw", [post(b"half", length=9), b"POST / HTT"])
def test_a_request_that_ends_early_is_refused(patient: Place, raw: bytes) -> None:
    client = patient.connect(raw)
    client.shutdown(socket.SHUT_WR)
    assert responses(read_all(client))[0].error == "malformed_request"


def test_one_connection_too_many_is_told_to_come_back() -> None:
    with running(Limits(connections=2)) as place:
        first, _second = place.connect(post(b"a", close=False)), place.connect(post(b"b", close=False))
        assert is_readable(first, PATIENCE)
        [response] = place.ask(post(b"c"))
        assert response.status == 503
        assert response.error == "too_many_connections"
        assert int(response.headers["retry-after"]) > 0
        first.sendall(post(b"still served"))
        assert responses(read_all(first))[-1].body == b"12:still served"
        assert place.ask(post(b"d"))[0].status == 200


def test_a_connection_far_too_many_is_dropped() -> None:
    with running(Limits(connections=1, refused_connections=0)) as place:
        first = place.connect(post(b"a", close=False))
        assert is_readable(first, PATIENCE)
        with suppress(ConnectionError):  # A reset or an end, as the kernel pleases.
            assert place.ask(post(b"b")) == []


def test_an_upgrade_that_was_not_needed_is_ignored(patient: Place) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    [response] = patient.ask(raw)
    assert (response.status, response.headers["connection"]) == (200, "close")


# What the application sees and does.


def test_a_bug_in_the_application_is_a_500_in_json(patient: Place) -> None:
    [response] = patient.ask(post(b"abc", "/breaks", close=False))
    assert response.status == 500
    assert response.error == "internal_error"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/hooks/stripe/abc?x=%20y", "/hooks/stripe/abc", b"x=%20y"),
        ("/caf%C3%A9%2F", "/café/", b""),
        ("http://mail.acme.test/there?z", "/there", b"z"),
        ("http://mail.acme.test", "/", b""),
        ("*", "*", b""),
        ("/%00", "/\0", b""),
    ],
)
def test_the_path_is_what_was_asked_for(patient: Place, target: str, path: str, query: bytes) -> None:
    assert patient.ask(post(b"", target))[0].status == 200
    scope = patient.app.scopes[-1]
    assert (scope["path"], scope["query_string"], scope["method"]) == (path, query, "POST")


FORWARDED = ["X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.1", "X-Forwarded-Proto: https"]


@pytest.mark.parametrize(
    ("trusted", "client", "scheme"), [(0, "127.0.0.1", "http"), (2, "192.0.2.7", "https"), (4, "127.0.0.1", "https")]
)
def test_forwarding_headers_are_believed_as_far_as_our_own_proxies_go(trusted: int, client: str, scheme: str) -> None:
    with running(Limits(), trusted_proxies=trusted) as place:
        assert place.ask(post(b"", "/", *FORWARDED))[0].status == 200
        scope = place.app.scopes[-1]
        assert (scope["client"][0], scope["scheme"]) == (client, scheme)


@pytest.mark.parametrize("value", ["garbage", "x" * 10_000, ",,,", "' OR 1=1 --", "1.2.3.4:80:90", "\xff"])
def test_a_forged_forwarding_header_changes_nothing(value: str) -> None:
    with running(Limits(), trusted_proxies=1) as place:
        raw = post(b"", "/", "X-Forwarded-For: @", "X-Forwarded-Proto: @").replace(b"@", value.encode("latin-1"))
        assert place.ask(raw)[0].status == 200
        assert place.app.scopes[-1]["client"][0] == "127.0.0.1"
        assert place.app.scopes[-1]["scheme"] == "http"


def test_the_server_does_not_say_what_it_is(patient: Place) -> None:
    assert "server" not in patient.ask(post(b""))[0].headers


PROGRAM = """
import sys
from cocoonmail.kit.httpserver import serve
from tests.kit.rawhttp import SmallApp
app = SmallApp()
serve(app, "127.0.0.1", 0, on_started=lambda port: print(port, flush=True))
print(app.events, flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_was_begun_and_returns_to_the_caller(sent: signal.Signals) -> None:
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        idle = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        begun = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        begun.sendall(post(b"", "/", "Expect: 100-continue", length=3, close=False))
        assert begun.recv(100).startswith(b"HTTP/1.1 100")
        process.send_signal(sent)
        assert idle.recv(1) == b""
        begun.sendall(b"abc")
        [response] = responses(read_all(begun))
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert process.stdout.readline() == "['startup', 'shutdown']\n"
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
