"""B55-B58: bursts, clients that hang up, old and hurried HTTP, forged forwarding headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cocoonmail.intake.models import Delivery
from cocoonmail.kit.http_limits import Limits
from tests.intake.bad_input.row import Case, Row, Send, taken
from tests.intake.desk import EVENT, Desk, open_door, sealed
from tests.kit.rawhttp import Response, post

BURST = 300
FORGED = ("garbage", "6.6.6.6, 127.0.0.1", "x" * 10_000, ",,,", "' OR 1=1 --", "1.2.3.4:80:90", "::1%eth0")


def numbered(number: int) -> bytes:
    """An event with this number in its id."""
    return EVENT.replace(b'"evt_', b'"evt_%d_' % number, 1)


def burst(desk: Desk) -> Sequence[Response]:
    """Many at once. What is not taken is asked to come again, and what is taken is on disk."""
    answers = desk.ask_all([desk.request(numbered(n)) for n in range(BURST)])
    assert len(answers) == BURST
    assert {answer.status for answer in answers} <= {200, 503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status == 503)
    # Of one that was asked to come again, because the disk was too slow, the bytes may be there nevertheless.
    stored = {bytes(delivery.body) for delivery in desk.deliveries}
    assert {numbered(number) for number, answer in enumerate(answers) if answer.status == 200} <= stored
    return answers


def whole_burst(desk: Desk) -> Sequence[Response]:
    """The same, and who is asked to come again does."""
    answers = enumerate(burst(desk))
    return [answer if answer.status == 200 else desk.post(numbered(number)) for number, answer in answers]


def crowded(desk: Desk) -> Sequence[Response]:
    """The same where only a few connections are allowed."""
    with open_door(limits=Limits(connections=10)) as small:
        taken = [answer for answer in burst(replace(desk, at=small)) if answer.status == 200]
    assert 0 < len(taken) < BURST
    return taken


def hang_up(desk: Desk) -> Sequence[Response]:
    """Forty who do not wait for the answer, and twenty who go in the middle of their body; then all come again."""
    for number in range(40):
        desk.hang_up(desk.request(numbered(number)))
    for number in range(40, 60):
        desk.at.connect(desk.request(numbered(number))[:-500]).close()
    # Whatever was taken in before this one is on disk when it is answered.
    last = desk.post(numbered(60))
    found = {delivery.external_id: bytes(delivery.body) for delivery in desk.deliveries}
    assert set(found.values()) <= {numbered(number) for number in (*range(40), 60)}
    return [last, *(desk.post(numbered(number)) for number in range(60))]


def whole_and_once(desk: Desk) -> None:
    assert sorted(bytes(delivery.body) for delivery in desk.deliveries) == sorted(numbered(n) for n in range(61))


def pipelined(desk: Desk) -> Sequence[Response]:
    return desk.at.ask(b"".join(desk.request(numbered(n), close=False) for n in range(99)) + desk.request(numbered(99)))


def each_once(desk: Desk) -> None:
    assert sum(Delivery.objects.filter(endpoint=desk.endpoint).values_list("duplicates", flat=True)) == 0


def old_http(*headers: str) -> Send:
    def send(desk: Desk) -> Sequence[Response]:
        signed = f"Stripe-Signature: {sealed(EVENT)}"
        return desk.at.ask(post(EVENT, desk.endpoint.path, signed, *headers, version="1.0", close=False))

    return send


def behind_a_proxy(forged: str) -> Send:
    """The same where one proxy's word is believed."""

    def send(desk: Desk) -> Sequence[Response]:
        with open_door(trusted_proxies=1) as door:
            return [replace(desk, at=door).post(EVENT, f"X-Forwarded-For: {forged}", f"X-Forwarded-Proto: {forged}")]

    return send


WIRE = [
    Row(
        "B55",
        "in a burst each is stored and answered, or asked to come again",
        [Case("300", whole_burst, stored=BURST), Case("300 where 10 have room", crowded, stored=-1)],
    ),
    Row(
        "B56",
        "who hangs up before the answer leaves a whole webhook or none",
        [Case("60", hang_up, 200, noted="incomplete_body", stored=61, after=whole_and_once)],
    ),
    Row(
        "B57",
        "old and hurried HTTP is answered once for each request",
        [
            Case("HTTP/1.0", old_http(), stored=1),
            Case("100 in one go", pipelined, (200,) * 100, stored=100, after=each_once),
        ],
    ),
    Row(
        "B58",
        "forwarding headers are passed over or read as far as our own proxies wrote them",
        [
            *[taken(value[:20], EVENT, f"X-Forwarded-For: {value}", "X-Real-IP: @") for value in FORGED],
            *[Case(f"{value[:20]} behind a proxy", behind_a_proxy(value), stored=1) for value in FORGED[:3]],
        ],
    ),
]
