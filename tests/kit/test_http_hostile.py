"""The web server on requests that are too large or could be read in two ways (bad input B29, B30)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cocoonmail.kit.http_limits import KIB, MIB, Limits
from tests.kit.rawhttp import Place, chunked, post, pour, read_all, responses, running

pytestmark = pytest.mark.one_database


@pytest.fixture(scope="module")
def patient() -> Iterator[Place]:
    with running(Limits()) as place:
        yield place


# Large requests: B29.

TOO_LARGE = {
    "101 headers": ("/", [f"X-{n}: y" for n in range(98)], 431),
    "200 headers": ("/", [f"X-{n}: y" for n in range(200)], 431),
    "one header of 64 kB": ("/", ["X-Large: " + "y" * 64_000], 431),
    "many headers of 33 KiB together": ("/", [f"X-{n}: " + "y" * 1000 for n in range(34)], 431),
    "a URL of 10 kB": ("/" + "y" * 10_000, [], 414),
    "headers just small enough": ("/", [f"X-{n}: " + "y" * 300 for n in range(97)], 200),
    "a URL just small enough": ("/" + "y" * (8 * KIB - 1), [], 200),
}


@pytest.mark.parametrize("what", TOO_LARGE)
@pytest.mark.parametrize("pieces", [1, 7])
def test_what_is_too_large_is_refused_by_its_own_status(patient: Place, what: str, pieces: int) -> None:
    path, headers, status = TOO_LARGE[what]
    raw, client = post(b"abc", path, *headers), patient.connect()
    step = len(raw) // pieces + 1
    for start in range(0, len(raw), step):
        client.sendall(raw[start : start + step])
    assert responses(read_all(client))[0].status == status


@pytest.mark.parametrize(
    ("begin", "endless", "status"),
    [
        (b"GET /", b"y" * KIB, 414),
        (b"GET / HTTP/1.1\r\nX: ", b"y" * KIB, 431),
        (b"GET / HTTP/1.1\r\n", b"X-Y: z\r\n" * 128, 431),
        (chunked(b"abc")[:-2], b"X-Trailer: z\r\n" * 128, 431),
        (chunked(b"abc")[:-4] + b";", b"y" * KIB, 431),
    ],
    ids=["URL", "header", "headers", "trailers", "chunk extension"],
)
def test_what_never_ends_is_refused_before_it_is_gathered(
    patient: Place, begin: bytes, endless: bytes, status: int
) -> None:
    client = patient.connect(begin)
    assert pour(client, endless, 64 * MIB) < 32 * MIB
    assert responses(read_all(client))[0].status == status


def test_a_large_head_is_refused_wherever_the_network_parts_it(patient: Place) -> None:
    head = b"GET / HTTP/1.1\r\nHost: mail.acme.test\r\nX-Long: " + b"x" * 30 * KIB + b"\r\n"
    # Whether the server reads the two pieces at once is the network's affair: in one of many tries it does not.
    for _ in range(30):
        client = patient.connect(head)
        client.sendall(b"X-Next: " + b"y" * 3 * KIB + b"\r\nConnection: close\r\n\r\n")
        assert responses(read_all(client))[0].status == 431


# Ambiguous requests: B30.

HOST = b"POST / HTTP/1.1\r\nHost: mail.acme.test\r\n"
MALFORMED = {
    "length and chunked": HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": HOST + b"Content-Length: 3, 3\r\n\r\nabc",
    "+5": HOST + b"Content-Length: +5\r\n\r\nabcde",
    "-1": HOST + b"Content-Length: -1\r\n\r\n",
    "0x5": HOST + b"Content-Length: 0x5\r\n\r\nabcde",
    "no length": HOST + b"Content-Length:\r\n\r\n",
    "a length of 23 digits": HOST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a folded header": HOST + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a header folded by tab": HOST + b"X-A: b\r\n\tc\r\nContent-Length: 0\r\n\r\n",
    "a folded first header": b"POST / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a space before the colon": HOST + b"Content-Length : 3\r\n\r\nabc",
    "gzip, chunked": HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "xchunked": HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
    "NUL in a header": HOST + b"X-A: a\0b\r\n\r\n",
    "no Host": b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two Hosts": HOST + b"Host: evil.test\r\nContent-Length: 0\r\n\r\n",
    "an upgrade with a body": HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    "CONNECT": b"CONNECT mail.acme.test:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a URL that is not ASCII": "GET /é HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "TLS": bytes.fromhex("16030100c8010000c4030300000000"),
    "words": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_request_that_two_readers_could_read_differently_is_refused(patient: Place, what: str) -> None:
    asked = len(patient.app.scopes)
    [response] = patient.ask(MALFORMED[what])
    assert response.status == 400
    assert response.error == "malformed_request"
    assert len(patient.app.scopes) == asked


@pytest.mark.parametrize("version", [b"0.9", b"2.0", b"1.2"])
def test_only_http_1_0_and_1_1_are_spoken(patient: Place, version: bytes) -> None:
    [response] = patient.ask(b"GET / HTTP/%s\r\nHost: a\r\n\r\n" % version)
    assert response.status in (400, 505)
    assert response.headers["connection"] == "close"


def test_a_broken_chunk_ends_the_request_with_400(patient: Place) -> None:
    [response] = patient.ask(chunked(b"abc")[:-5] + b"zz\r\n")
    assert response.error == "malformed_request"


def test_a_refusal_says_what_was_wrong(patient: Place) -> None:
    [response] = patient.ask(MALFORMED["+5"])
    assert b"Invalid character in Content-Length" in response.body


def test_trailers_are_not_taken_for_headers(patient: Place) -> None:
    patient.ask(chunked(b"abc")[:-2] + b"X-Admin: yes\r\n\r\n")
    assert b"x-admin" not in dict(patient.app.scopes[-1]["headers"])


@pytest.mark.parametrize("bad", ["+5", "gzip, chunked", "words"])
def test_those_before_a_bad_request_are_answered_first(patient: Place, bad: str) -> None:
    found = patient.ask(post(b"abc", close=False) * 50 + MALFORMED[bad])
    assert [response.status for response in found] == [200] * 50 + [400]
