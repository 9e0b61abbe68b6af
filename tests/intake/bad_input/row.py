"""What one row of the list of bad input is: a promise, and the cases that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.intake.desk import EVENT, Desk, sealed
from tests.kit.rawhttp import Response, post

Send: TypeAlias = Callable[[Desk], Sequence[Response]]


def nothing(desk: Desk) -> None:
    """Neither prepare nor look at anything more."""


@dataclass(frozen=True)
class Case:
    """What is sent, and what then must be true.

    `status` is that of every answer, or one for each. `says` stands in the last answer, `noted` is the code of all
    refusals on the endpoint's page ("" = there are none), `stored` the number of deliveries (-1 = whatever `send`
    found right). With `state`, the pipeline is worked off, and the last delivery ends in that state with `result`
    among its words.
    """

    what: str
    send: Send
    status: int | Sequence[int] = 200
    says: str = ""
    noted: str = ""
    stored: int = 0
    state: str = ""
    result: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    before: Callable[[Desk], object] = nothing
    after: Callable[[Desk], None] = nothing


@dataclass(frozen=True)
class Row:
    """One row of the list: its id there, and what holds."""

    id: str
    promise: str
    cases: Sequence[Case]


def posts(raw: bytes = EVENT, *headers: str, seal: Callable[[bytes], str | None] = sealed) -> Send:
    """One POST of these bytes. `seal` makes the Stripe-Signature header, None for no such header."""

    def send(desk: Desk) -> Sequence[Response]:
        signature = seal(raw)
        more = [] if signature is None else [f"Stripe-Signature: {signature}"]
        return desk.at.ask(post(raw, desk.endpoint.path, *more, *headers))

    return send


def each(*raws: bytes) -> Send:
    """Several signed POSTs, one after the other."""
    return lambda desk: [desk.post(raw) for raw in raws]


def taken(what: str, raw: bytes = EVENT, *headers: str, **more: object) -> Case:
    """A signed POST that is stored."""
    return Case(what, posts(raw, *headers), 200, **{"stored": 1, **more})  # type: ignore[arg-type]


def refused(what: str, raw: bytes, code: str, says: str = "") -> Case:
    """A signed POST that gets a 400 and is noted on the endpoint's page."""
    return Case(what, posts(raw), 400, says=says or code, noted=code)
