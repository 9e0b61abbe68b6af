"""Webhooks of paying customers, signed and ready for the wire, and a steady rate at which they are posted."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import cast

from bench.result import CheckFailed
from bench.wrk import http_post
from cocoonmail.platforms.stripe.samples import body, sample
from cocoonmail.platforms.stripe.verify import sign

SECRET = "whsec_bench"  # noqa: S105 - of a throw-away installation
CONNECTIONS = 256  # Stripe posts from many machines; each waits for its answer before it posts again
TICK = 0.002  # Seconds between two looks at what is due
ANSWER_SECONDS = 30.0  # The last answers must come within
HEADERS = {"Content-Type": "application/json; charset=utf-8"}
MARK = b"m4rk"  # Stands for the number in the body


def address(number: int) -> str:
    """Who the n-th webhook is about."""
    return f"payer{number}@example.com"


def requests(path: str, first: int = 0) -> Iterator[bytes]:
    """POSTs of invoice.paid of distinct customers, the first about address(first), each signed as it is asked for."""
    like = _like()
    for number in count(first):
        raw = like.replace(MARK, str(number).encode())
        signature = sign(raw, SECRET.encode(), int(time.time()))
        yield http_post(path, HEADERS | {"Stripe-Signature": signature}, raw)


def _like() -> bytes:
    mark, now = MARK.decode(), int(time.time())
    event = sample("invoice.paid", email=f"payer{mark}@example.com", name="Ada Lovelace", now=now, token="bench")
    invoice = event["data"]["object"]
    event["id"], invoice["id"], invoice["customer"] = f"evt_{mark}", f"in_{mark}", f"cus_{mark}"
    return body(event)


@dataclass(slots=True)
class Posting:
    """A rate to post at, and about whom `first`. `posted` and `answered` say when each webhook was posted and answered,
    in order of number and in seconds of the monotonic clock.

    What is due and finds no free connection waits for one: that the door is too slow shows as fewer answers a second.
    """

    port: int
    path: str
    rate: float
    seconds: float
    first: int = 0
    posted: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    begun: float = 0.0
    free: deque[Line] = field(default_factory=deque)

    def run(self) -> None:
        """Post for so many seconds. Raises CheckFailed when anything is answered other than 200, or not at all."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Line(self), "127.0.0.1", self.port)
        posts, sent = requests(self.path, self.first), 0
        self.begun = time.monotonic()
        while (now := time.monotonic() - self.begun) < self.seconds:
            due = int(now * self.rate) + 1
            while sent < due and self.free:
                self.posted.append(time.monotonic())
                self.answered.append(0.0)
                self.free.popleft().post(next(posts), sent)
                sent += 1
            await asyncio.sleep(TICK)
        await self._last_answers()

    async def _last_answers(self) -> None:
        end = time.monotonic() + ANSWER_SECONDS
        while len(self.free) < CONNECTIONS:
            if time.monotonic() > end:
                raise CheckFailed(f"{self.answered.count(0.0)} webhooks were not answered within {ANSWER_SECONDS} s.")
            await asyncio.sleep(TICK)


class Line(asyncio.Protocol):
    """One connection that is kept, with one request at a time."""

    def __init__(self, posting: Posting) -> None:
        self.posting, self.number, self.got = posting, 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be posted on."""
        self.transport = cast(asyncio.Transport, transport)
        self.posting.free.append(self)

    def post(self, request: bytes, number: int) -> None:
        """Send a request; the answer is noted under its number."""
        self.number = number
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note an answer once it is whole: ours end with the JSON's brace. Raises CheckFailed if it is no 200."""
        self.got += data
        if b"\r\n\r\n" not in self.got or not self.got.endswith(b"}"):
            return
        if not self.got.startswith(b"HTTP/1.1 200"):
            raise CheckFailed(f"A webhook was answered {self.got[:200]!r}.")
        self.posting.answered[self.number] = time.monotonic()
        self.got = b""
        self.posting.free.append(self)
