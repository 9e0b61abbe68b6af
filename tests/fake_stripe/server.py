"""The fake as a server on 127.0.0.1: `with FakeStripe() as stripe:` and Stripe's CLI can talk to `stripe.base_url`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.api import Api, read_parameters
from tests.fake_stripe.shapes import Object, new_id, token
from tests.fake_stripe.webhooks import SANDBOX_RETRIES, Attempt, Endpoint, Sender

MAX_REQUEST = 1024 * 1024  # bytes
MAX_DRAIN = 1_000  # rounds
BLIND = "_blind"  # How a restricted key ends that may read nothing
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
TURNED_AWAY = "Request rate limit exceeded."


class FakeStripe:
    """Stripe, as far as one machine needs it.

    Nothing is sent by itself: `deliver()` sends what is due, so that a test decides when, how often and in which order.
    `retries` are the seconds between the attempts; `clock` gives seconds since 1970; `livemode` makes live events.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        livemode: bool = False,
        retries: Sequence[float] = SANDBOX_RETRIES,
        clock: Callable[[], float] = time.time,
        time_limit: float = 30.0,
    ) -> None:
        self.sender = Sender(retries=retries, clock=clock, time_limit=time_limit)
        self.account = Account(livemode=livemode, clock=clock)
        self.account.on_event = self.sender.take
        self.api = Api(self.account, self.sender)
        # What the next requests get in place of an answer: a status and headers, as of somebody who asks too much.
        self.turned_away: list[tuple[int, dict[str, str]]] = []
        # Told of each request's path and parameters before it is answered.
        self.on_request: Callable[[str, Object], None] = lambda path, params: None
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), handler_for(self))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> FakeStripe:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def base_url(self) -> str:
        """What to hand to `--api-base`. The CLI takes 127.0.0.1 and refuses the name localhost."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def events(self) -> list[Object]:
        """Every event so far, oldest first."""
        return self.account.events

    @property
    def log(self) -> list[Attempt]:
        """Every attempt so far at every endpoint, oldest first."""
        return self.sender.log

    def add_endpoint(self, url: str, secret: str | Sequence[str] = (), events: Sequence[str] = ("*",)) -> Endpoint:
        """Register a webhook endpoint. `secret` is one, several live ones (newest first), or left out for a new one."""
        secrets = [secret] if isinstance(secret, str) else list(secret)
        params: Object = {"url": url, "enabled_events": list(events), "secret": secrets or ["whsec_" + token(32)]}
        _, made = self.call("POST", "/v1/webhook_endpoints", params)
        return self.sender.endpoints[made["id"]]

    def call(self, method: str, path: str, params: Object | None = None) -> tuple[int, Object]:
        """The API without HTTP: status and JSON. `params` are nested as in JSON."""
        with self.lock:
            return self.api.call(method, path, params)

    def answer(
        self, method: str, path: str, params: Object, idempotency_key: str | None
    ) -> tuple[int, Object, Mapping[str, str]]:
        """Status, JSON and further headers of a request that came by HTTP."""
        self.on_request(path, params)
        if self.turned_away:
            status, headers = self.turned_away.pop(0)
            return status, StripeError(TURNED_AWAY, status=status).body, headers
        with self.lock:
            status, found = self.api.call(method, path, params, idempotency_key)
            # The object may change as soon as the lock is given up.
            return status, deepcopy(found), {}

    def deliver(self, **how: Any) -> list[Attempt]:
        """Send what is due now. `copies`, `shuffle` and `at_once` are those of `Sender.deliver_due`."""
        return self.sender.deliver_due(**how)

    def deliver_due(self, now: float, **how: Any) -> list[Attempt]:
        """Send what is due at `now` (seconds since 1970): how a test lets hours pass between attempts."""
        return self.sender.deliver_due(now, **how)

    def drain(self, **how: Any) -> list[Attempt]:
        """Let time pass until nothing waits any more: every retry, at once."""
        made: list[Attempt] = []
        for _ in range(MAX_DRAIN):
            due = self.sender.next_due()
            if due is None:
                return made
            made += self.sender.deliver_due(due, **how)
        raise AssertionError("Attempts never end.")

    def resend(self, event_id: str, endpoint: Endpoint | None = None) -> list[Attempt]:
        """Send one event again by hand, as the Dashboard's button and `stripe events resend` do."""
        params = {"webhook_endpoint": endpoint.id} if endpoint else {}
        status, body = self.call("POST", f"/v1/events/{event_id}/retry", params)
        assert status == 200, body
        return self.deliver()

    def of_type(self, event_type: str) -> list[Object]:
        """The events of this type, oldest first."""
        return [event for event in self.events if event["type"] == event_type]


def handler_for(stripe: FakeStripe) -> type[BaseHTTPRequestHandler]:
    """The HTTP side: form in, JSON out, one request after the other."""

    class Handler(BaseHTTPRequestHandler):
        """One connection of a client such as Stripe's CLI."""

        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent; the log that matters is that of the webhooks."""

        def do_GET(self) -> None:
            self.reply()

        do_POST = do_DELETE = do_GET  # noqa: N815 - the library asks for these names

        def reply(self) -> None:
            """Read the request, let the API answer, write the answer."""
            url = urlsplit(self.path)
            length = min(int(self.headers.get("Content-Length") or 0), MAX_REQUEST)
            body = self.rfile.read(length).decode("utf-8", "replace")
            key, idempotency_key = self.headers.get("Authorization"), self.headers.get("Idempotency-Key")
            try:
                require_key(key, livemode=stripe.account.livemode)
                params = read_parameters(url.query, body)
                self.write(*stripe.answer(self.command, url.path, params, idempotency_key))
            except StripeError as error:
                self.write(error.status, error.body)

        def write(self, status: int, answer: Object, headers: Mapping[str, str] = NOTHING_MORE) -> None:
            """JSON with the headers that a client looks at."""
            body = json.dumps(answer, indent=2, ensure_ascii=False).encode("utf-8", "surrogatepass")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Request-Id", new_id("request"))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def require_key(authorization: str | None, *, livemode: bool) -> None:
    """A key of the right mode, whatever it is: sk_test_… or sk_live_…, or a restricted rk_…."""
    key = (authorization or "").removeprefix("Bearer ")
    mode = "live" if livemode else "test"
    if not key.startswith((f"sk_{mode}_", f"rk_{mode}_")):
        raise StripeError(f"Invalid API Key provided: this fake wants one that starts sk_{mode}_.", status=401)
    if key.endswith(BLIND):
        raise StripeError("The provided key does not have the required permissions for this endpoint.", status=403)
