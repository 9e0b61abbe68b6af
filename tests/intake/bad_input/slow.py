"""B28-B30: slow clients, large heads, and requests framed in two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cocoonmail.kit.http_limits import Limits
from tests.intake.bad_input.row import Case, Row, Send
from tests.intake.desk import EVENT, Desk, open_door, sealed
from tests.kit.rawhttp import Response, drip, post, read_all, responses

# Only what a row is about is in a hurry: whoever else knocks may come to a busy door.
HASTY_HEADS = Limits(header_seconds=0.4, linger_seconds=0.4, sweep_seconds=0.05)
HASTY_BODIES = Limits(body_seconds=0.4, linger_seconds=0.4, sweep_seconds=0.05)
SLOW_CLIENTS = 50
CROWD = (200, *[408] * SLOW_CLIENTS)


def hurried(send: Send, limits: Limits) -> Send:
    """The same at a door where one limit is a fraction of a second."""

    def at_a_hasty_door(desk: Desk) -> Sequence[Response]:
        with open_door(limits=limits) as hasty:
            return send(replace(desk, at=hasty))

    return at_a_hasty_door


def falls_silent(desk: Desk) -> Sequence[Response]:
    """Promises more bytes than it sends; meanwhile another client is served."""
    client = desk.at.connect(desk.request(EVENT, length=len(EVENT) + 1000))
    with client:
        return [desk.post(), *responses(read_all(client))]


def crowd_falls_silent(desk: Desk) -> Sequence[Response]:
    clients = [desk.at.connect(desk.request(EVENT, length=len(EVENT) + 1)) for _ in range(SLOW_CLIENTS)]
    answers = [desk.post()]
    for client in clients:
        with client:
            answers += responses(read_all(client))
    return answers


def one_byte_at_a_time(desk: Desk) -> Sequence[Response]:
    """A head that takes its time: every byte comes in time, the whole does not."""
    with desk.at.connect() as client:
        drip(client, desk.request()[:200], pause=0.05)
        return responses(read_all(client))


def asks(raw: bytes) -> Send:
    return lambda desk: desk.at.ask(raw.replace(b"/HERE", desk.endpoint.path.encode()))


def headed(*lines: str, close: bool = True) -> Send:
    """A signed POST of the event with these header lines instead of a Content-Length."""

    def send(desk: Desk) -> Sequence[Response]:
        head = ["POST /HERE HTTP/1.1", "Host: mail.acme.test", f"Stripe-Signature: {sealed(EVENT)}", *lines]
        return asks("\r\n".join([*head, "Connection: close", "", ""]).encode() + EVENT)(desk)

    return send


SIZE = f"Content-Length: {len(EVENT)}"
CHUNKED = "Transfer-Encoding: chunked"

SLOW = [
    Row(
        "B28",
        "a body that does not come is given up, and others are served meanwhile",
        [
            Case("one", hurried(falls_silent, HASTY_BODIES), (200, 408), "request_timeout", "incomplete_body", 1),
            Case("a crowd", hurried(crowd_falls_silent, HASTY_BODIES), CROWD, "request_timeout", "incomplete_body", 1),
        ],
    ),
    Row(
        "B29",
        "heads that are slow or large are refused",
        [
            Case("a byte at a time", hurried(one_byte_at_a_time, HASTY_HEADS), 408, "request_timeout"),
            Case("200 headers", headed(SIZE, *[f"X-{n}: 1" for n in range(200)]), 431, "headers_too_large"),
            Case("64 kB header", headed(SIZE, f"X-Long: {'x' * 65_536}"), 431, "headers_too_large"),
            Case("10 kB URL", asks(post(EVENT, f"/HERE?{'x' * 10_000}")), 414, "target_too_long"),
        ],
    ),
    Row(
        "B30",
        "a request framed in two ways, or in none that is known, is refused",
        [
            Case(what, headed(*lines), 400, "malformed_request")
            for what, lines in {
                "length and chunks": (SIZE, CHUNKED),
                "two lengths": (SIZE, "Content-Length: 5"),
                "the same length twice": (SIZE, SIZE),
                "+5": ("Content-Length: +5",),
                "-1": ("Content-Length: -1",),
                "0x5": ("Content-Length: 0x5",),
                "5, 5": ("Content-Length: 5, 5",),
                "folded": (SIZE, "X-Folded: a\r\n b"),
                "a blank before the colon": ("Content-Length : 5",),
                "xchunked": ("Transfer-Encoding: xchunked",),
                "chunked, identity": ("Transfer-Encoding: chunked, identity",),
                "chunked twice": (CHUNKED, CHUNKED),
            }.items()
        ]
        + [Case("no chunks though announced", headed(CHUNKED), 400, "malformed_request", "incomplete_body")],
    ),
]
