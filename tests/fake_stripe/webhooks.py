"""Send events to registered endpoints as Stripe does: signed, repeated on failure, and on demand in bad order or twice.

Rules: https://docs.stripe.com/webhooks. The signature is the one of "Verify webhook signatures manually" there.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from tests.fake_stripe.shapes import Object

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "*/*; q=0.5, application/xml",
    "Accept-Encoding": "gzip",
    "Cache-Control": "no-cache",
    "Content-Type": "application/json; charset=utf-8",
}

TIME_LIMIT = 30.0  # seconds for one attempt; Stripe publishes none, its CLI's forwarder waits as long.
MAX_ANSWER = 64 * 1024  # bytes of the receiver's answer that the log keeps
MAX_AT_ONCE = 64  # copies or events in flight

# Seconds from each failed attempt to the next. Stripe publishes only "three times over a few hours" for test mode.
SANDBOX_RETRIES: tuple[float, ...] = (600, 3_600, 10_800)


@dataclass
class Endpoint:
    """Where webhooks go. `secrets` are all live ones: two while a secret is being rolled. `events` may be ("*",)."""

    id: str
    url: str
    secrets: tuple[str, ...]
    events: tuple[str, ...] = ("*",)
    enabled: bool = True

    def wants(self, event_type: str) -> bool:
        """Whether this endpoint is enabled and has asked for such events."""
        return self.enabled and ("*" in self.events or event_type in self.events)


@dataclass(frozen=True)
class Attempt:
    """One request to an endpoint and what came back; what Stripe's Dashboard shows under "Event deliveries".

    `status` is None and `error` a text where no HTTP answer came. `number` counts from 1, `copy` the concurrent
    duplicates from 0. `at` is in seconds since 1970, `seconds` how long the answer took.
    """

    event_id: str
    event_type: str
    endpoint_id: str
    number: int
    copy: int
    at: float
    seconds: float
    headers: dict[str, str]
    body: bytes
    status: int | None
    answer: str
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Any 2xx; a redirect is a failure."""
        return self.status is not None and 200 <= self.status < 300


@dataclass
class Pending:
    """An event that an endpoint is still to get. `number` is the attempt to come, `by_hand` one that ends after it."""

    event: Object
    endpoint: Endpoint
    due: float
    number: int = 1
    by_hand: bool = False


@dataclass
class Sender:
    """Endpoints, what they are still to get, and the log of what they got.

    `retries` are the seconds between attempts; `clock` gives seconds since 1970 and stamps the signatures.
    """

    retries: Sequence[float] = SANDBOX_RETRIES
    clock: Callable[[], float] = time.time
    time_limit: float = TIME_LIMIT
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    log: list[Attempt] = field(default_factory=list)
    lock: threading.Condition = field(default_factory=threading.Condition)

    def take(self, event: Object) -> None:
        """A new event: due at once, at every endpoint that wants it."""
        with self.lock:
            for endpoint in self.endpoints.values():
                if endpoint.wants(event["type"]):
                    self.pending.append(Pending(event, endpoint, self.clock()))
            self.lock.notify_all()

    def resend(self, event: Object, endpoint: Endpoint) -> None:
        """One more attempt by hand. It neither cancels the automatic ones nor is followed by more."""
        with self.lock:
            self.pending.append(Pending(event, endpoint, self.clock(), self.attempts_of(event, endpoint) + 1, True))
            self.lock.notify_all()

    def attempts_of(self, event: Object, endpoint: Endpoint) -> int:
        """How many times this endpoint was tried with this event, concurrent copies counted once."""
        return len({one.number for one in self.log if (one.event_id, one.endpoint_id) == (event["id"], endpoint.id)})

    def deliver_due(
        self, now: float | None = None, *, copies: int = 1, shuffle: int | None = None, at_once: int = 1
    ) -> list[Attempt]:
        """Send what is due at `now` (seconds since 1970, the clock's if left out), and note what must come again.

        Each request goes out `copies` times concurrently. `shuffle` is the seed of a random order, else the order is
        that of the events. `at_once` events are in flight together.
        """
        assert 1 <= at_once * copies <= MAX_AT_ONCE
        due = self.claim(self.clock() if now is None else now)
        if shuffle is not None:
            random.Random(shuffle).shuffle(due)
        with ThreadPoolExecutor(at_once) as pool:
            return list(chain.from_iterable(pool.map(lambda one: self.attempt(one, copies, now), due)))

    def claim(self, now: float) -> list[Pending]:
        """Take what is due out of the waiting list, oldest event first."""
        with self.lock:
            due = [one for one in self.pending if one.due <= now]
            self.pending = [one for one in self.pending if one.due > now]
        return sorted(due, key=lambda one: one.due)

    def attempt(self, pending: Pending, copies: int, now: float | None) -> list[Attempt]:
        """Send one event to one endpoint; one success among the copies is success."""
        body = rendered(pending.event | {"pending_webhooks": 1 + self.waiting_for(pending.event["id"])})
        start = threading.Barrier(copies)
        with ThreadPoolExecutor(copies) as pool:
            made = list(pool.map(lambda copy: self.request(pending, body, copy, start), range(copies)))
        with self.lock:
            self.log.extend(made)
            if not any(one.ok for one in made):
                self.plan_retry(pending, self.clock() if now is None else now)
        return made

    def waiting_for(self, event_id: str) -> int:
        """How many endpoints are still to get this event."""
        return sum(one.event["id"] == event_id for one in self.pending)

    def plan_retry(self, failed: Pending, now: float) -> None:
        """Once more after the next delay, unless they are used up or the endpoint was disabled or removed."""
        known = self.endpoints.get(failed.endpoint.id)
        if failed.by_hand or known is None or not known.enabled or failed.number > len(self.retries):
            return
        due = now + self.retries[failed.number - 1]
        self.pending.append(Pending(failed.event, failed.endpoint, due, failed.number + 1))
        self.lock.notify_all()

    def request(self, pending: Pending, body: bytes, copy: int, start: threading.Barrier) -> Attempt:
        """One HTTP request with a signature of this very second; all copies leave together."""
        headers = HEADERS | {"Stripe-Signature": self.signature(pending, body)}
        start.wait()
        at, began = self.clock(), time.perf_counter()
        status, answer, error = post(pending.endpoint.url, body, headers, self.time_limit)
        return Attempt(
            event_id=pending.event["id"],
            event_type=pending.event["type"],
            endpoint_id=pending.endpoint.id,
            number=pending.number,
            copy=copy,
            at=at,
            seconds=time.perf_counter() - began,
            headers=headers,
            body=body,
            status=status,
            answer=answer,
            error=error,
        )

    def signature(self, pending: Pending, body: bytes) -> str:
        """The header's value for now."""
        return signed(body, pending.endpoint.secrets, int(self.clock()), test=not pending.event["livemode"])

    def next_due(self) -> float | None:
        """When the next attempt is due (seconds since 1970), None where nothing waits."""
        with self.lock:
            return min((one.due for one in self.pending), default=None)

    def delivered(self, event: Object) -> bool:
        """Whether every endpoint that wants this event has answered one of its attempts with 2xx."""
        happy = {one.endpoint_id for one in self.log if one.event_id == event["id"] and one.ok}
        return all(endpoint.id in happy for endpoint in self.endpoints.values() if endpoint.wants(event["type"]))


def signed(body: bytes, secrets: Sequence[str], timestamp: int, *, test: bool) -> str:
    """`t=…,v1=…[,v1=…][,v0=…]`: one v1 for each live secret; test events carry a v0 that is no signature at all.

    The key is the whole secret, `whsec_` included; the message the timestamp, a dot and the raw body.
    """
    message = str(timestamp).encode() + b"." + body
    parts = [f"t={timestamp}"]
    parts += ["v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest() for secret in secrets]
    if test:
        parts.append("v0=" + hashlib.sha256(b"not a signature" + message).hexdigest())
    return ",".join(parts)


def post(url: str, body: bytes, headers: dict[str, str], limit: float) -> tuple[int | None, str, str | None]:
    """Status, answer and None; or None, nothing and what went wrong. Redirects are not followed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=limit)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        answer = response.read(MAX_ANSWER)
        if response.getheader("Content-Encoding") == "gzip":
            answer = gzip.decompress(answer)
        return response.status, answer.decode("utf-8", "replace"), None
    except (OSError, EOFError, http.client.HTTPException) as trouble:
        return None, "", f"{type(trouble).__name__}: {trouble}"
    finally:
        connection.close()


def rendered(event: Object) -> bytes:
    """The body as Stripe writes it: two blanks a level, raw UTF-8, an empty list over three lines."""
    return "".join(pretty(event, "\n")).encode("utf-8", "surrogatepass")


def pretty(value: Any, newline: str) -> str:
    """One value, `newline` being the line break and the indent where it stands."""
    deeper = newline + "  "
    if isinstance(value, dict) and value:
        pairs = (f"{json.dumps(key, ensure_ascii=False)}: {pretty(part, deeper)}" for key, part in value.items())
        return "{" + deeper + ("," + deeper).join(pairs) + newline + "}"
    if isinstance(value, list):
        parts = (pretty(part, deeper) for part in value)
        return "[" + deeper + ("," + deeper).join(parts) + newline + "]" if value else f"[\n{newline}]"
    return json.dumps(value, ensure_ascii=False)
