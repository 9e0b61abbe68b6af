"""The fake sends webhooks as Stripe does: signed, in Stripe's bytes, again when refused, and badly when asked to."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import threading
from collections.abc import Sequence

import pytest
import stripe

from tests.fake_stripe.background import Background
from tests.fake_stripe.conftest import SECRET
from tests.fake_stripe.receiver import Receiver
from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.shapes import Object
from tests.fake_stripe.webhooks import Attempt, Endpoint, rendered, signed

pytestmark = pytest.mark.one_database

ADA = {"email": "ada@example.com", "name": "Ada Lovelace"}
T0 = 1_795_000_000.0  # seconds since 1970


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


def test_stripes_own_library_accepts_the_signature_under_each_live_secret(
    stripe_fake: FakeStripe, receiver: Receiver
) -> None:
    stripe_fake.add_endpoint(receiver.url, ["whsec_new", "whsec_old"])
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver()

    [request] = receiver.requests
    header = request.headers["stripe-signature"]
    for secret in ("whsec_new", "whsec_old"):
        event = stripe.Webhook.construct_event(request.body, header, secret)
        assert event.data.object["email"] == "ada@example.com"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.body, header, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(request.body + b" ", header, "whsec_new")


def test_test_events_carry_a_v0_that_is_no_signature_and_live_events_do_not() -> None:
    test, live = (signed(b"{}", ["whsec_a"], 1_795_000_000, test=mode) for mode in (True, False))

    true = hmac.new(b"whsec_a", b"1795000000.{}", hashlib.sha256).hexdigest()
    assert live == f"t=1795000000,v1={true}"
    assert re.fullmatch(rf"t=1795000000,v1={true},v0=[0-9a-f]{{64}}", test)
    assert not test.endswith(true)


def test_live_mode_events_say_so(receiver: Receiver) -> None:
    with FakeStripe(livemode=True) as fake:
        fake.add_endpoint(receiver.url, SECRET)
        fake.call("POST", "/v1/customers", ADA)
        fake.deliver()

    event = json.loads(receiver.requests[0].body)
    assert event["livemode"] is True
    assert event["data"]["object"]["livemode"] is True
    assert "v0=" not in receiver.requests[0].headers["stripe-signature"]


def test_the_headers_are_those_of_stripe(stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint) -> None:
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver()

    headers = receiver.requests[0].headers
    assert headers["user-agent"] == "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["accept"] == "*/*; q=0.5, application/xml"
    assert headers["cache-control"] == "no-cache"


def test_the_body_is_indented_by_two_with_raw_utf8_and_empty_lists_over_three_lines() -> None:
    body = rendered({"name": 'Zoë × 1\n"quoted"', "tags": [], "meta": {}, "list": [1, {"a": None}]})
    assert body.decode() == (
        '{\n  "name": "Zoë × 1\\n\\"quoted\\"",\n'
        '  "tags": [\n\n  ],\n  "meta": {},\n'
        '  "list": [\n    1,\n    {\n      "a": null\n    }\n  ]\n}'
    )


def test_an_event_has_stripes_envelope(stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint) -> None:
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver()

    event = json.loads(receiver.requests[0].body)
    assert list(event) == [
        *("id", "object", "api_version", "created", "data", "livemode", "pending_webhooks", "request", "type"),
    ]
    assert (event["object"], event["type"], event["pending_webhooks"]) == ("event", "customer.created", 1)
    assert re.fullmatch(r"req_\w{14}", event["request"]["id"])
    assert event["request"]["idempotency_key"] is None


def test_an_endpoint_gets_only_what_it_asked_for(stripe_fake: FakeStripe, receiver: Receiver) -> None:
    stripe_fake.add_endpoint(receiver.url, SECRET, events=["customer.updated"])
    _, customer = stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.call("POST", f"/v1/customers/{customer['id']}", {"name": "Ada King"})
    stripe_fake.deliver()

    [event] = [json.loads(request.body) for request in receiver.requests]
    assert event["type"] == "customer.updated"
    assert event["data"]["previous_attributes"] == {"name": "Ada Lovelace"}


def test_every_endpoint_gets_the_event_and_the_body_counts_who_is_still_waiting(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    with Receiver() as other:
        stripe_fake.add_endpoint(other.url, "whsec_other")
        other.answer_with(500)
        stripe_fake.call("POST", "/v1/customers", ADA)
        stripe_fake.deliver()
        assert len(receiver.requests) == len(other.requests) == 1

        receiver.requests.clear()
        stripe_fake.resend(stripe_fake.events[0]["id"], endpoint)
        assert json.loads(receiver.requests[0].body)["pending_webhooks"] == 2
        assert len(other.requests) == 1


def test_what_is_refused_comes_again_after_each_delay_and_then_no_more(receiver: Receiver) -> None:
    clock = Clock()
    with FakeStripe(retries=(10, 60, 300), clock=clock) as fake:
        fake.add_endpoint(receiver.url, SECRET)
        receiver.answer_with(500, 400, 302, 503)
        fake.call("POST", "/v1/customers", ADA)

        # Seconds after the start, and the attempt that is made then.
        for at, number in {0: 1, 9: None, 10: 2, 69: None, 70: 3, 369: None, 370: 4, 1_000_000: None}.items():
            clock.now = T0 + at
            assert [one.number for one in fake.deliver()] == ([number] if number else []), f"at {at} s"

        assert [(one.status, one.ok) for one in fake.log] == [(500, False), (400, False), (302, False), (503, False)]
        assert [one.answer for one in fake.log] == ['{"error": "told to"}'] * 4


def test_every_attempt_has_a_signature_of_its_own_time_and_the_same_body(receiver: Receiver) -> None:
    clock = Clock()
    with FakeStripe(retries=(3600,), clock=clock) as fake:
        fake.add_endpoint(receiver.url, SECRET)
        receiver.answer_with(500)
        fake.call("POST", "/v1/customers", ADA)
        fake.deliver()
        clock.now += 3600
        fake.deliver()

    first, second = receiver.requests
    assert first.headers["stripe-signature"].startswith("t=1795000000,")
    assert second.headers["stripe-signature"].startswith("t=1795003600,")
    assert first.body == second.body


def test_drain_lets_the_hours_pass_until_the_endpoint_takes_the_event(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.answer_with(503, 503)
    stripe_fake.call("POST", "/v1/customers", ADA)

    assert [one.status for one in stripe_fake.drain()] == [503, 503, 200]
    assert stripe_fake.drain() == []


def test_a_redirect_is_not_followed(stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint) -> None:
    receiver.answer_with(301)
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver()

    assert [request.path for request in receiver.requests] == ["/hooks/stripe/abc"]


def test_an_endpoint_that_is_not_there_is_a_logged_failure_and_tried_again(stripe_fake: FakeStripe) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        stripe_fake.add_endpoint(f"http://127.0.0.1:{closed.getsockname()[1]}/hooks", SECRET)
        stripe_fake.call("POST", "/v1/customers", ADA)
        attempts = stripe_fake.drain()

    assert [(one.number, one.status) for one in attempts] == [(1, None), (2, None), (3, None), (4, None)]
    assert str(attempts[0].error).startswith("ConnectionRefusedError")


def test_an_endpoint_that_does_not_answer_in_time_is_a_failure(receiver: Receiver) -> None:
    with FakeStripe(retries=(), time_limit=0.05) as fake, socket.create_server(("127.0.0.1", 0)) as silent:
        fake.add_endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/hooks", SECRET)
        fake.call("POST", "/v1/customers", ADA)
        [attempt] = fake.deliver()

    assert (attempt.status, attempt.error) == (None, "TimeoutError: timed out")


def test_a_disabled_or_deleted_endpoint_ends_the_retries(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.answer_with(500)
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.call("POST", f"/v1/webhook_endpoints/{endpoint.id}", {"disabled": True})
    assert [one.status for one in stripe_fake.drain()] == [500]

    stripe_fake.call("POST", f"/v1/webhook_endpoints/{endpoint.id}", {"disabled": False})
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.call("DELETE", f"/v1/webhook_endpoints/{endpoint.id}")
    assert stripe_fake.drain() == []


def test_duplicates_arrive_at_the_same_time_and_are_the_same_event(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.expect_together(16)
    stripe_fake.call("POST", "/v1/customers", ADA)
    attempts = stripe_fake.deliver(copies=16)

    assert [one.status for one in attempts] == [200] * 16, "all sixteen were there together"
    assert len({request.body for request in receiver.requests}) == 1
    assert [one.copy for one in attempts] == list(range(16))
    assert stripe_fake.drain() == []


def test_one_accepted_copy_is_enough(stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint) -> None:
    receiver.answer_with(500, 500, 200)
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver(copies=3)

    assert stripe_fake.drain() == []


def test_shuffling_gives_another_order_and_the_same_seed_gives_it_again(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    for number in range(8):
        stripe_fake.call("POST", "/v1/customers", {"email": f"p{number}@example.com"})
    ids = [event["id"] for event in stripe_fake.events]
    orders = []
    for seed in (7, 7, 8):
        orders.append([ids.index(one.event_id) for one in stripe_fake.deliver(shuffle=seed)])
        for id in ids:
            stripe_fake.call("POST", f"/v1/events/{id}/retry")
    plain = [ids.index(one.event_id) for one in stripe_fake.deliver()]

    assert orders[0] == orders[1] != orders[2]
    assert plain == list(range(8)) == sorted(orders[0]) == sorted(orders[2])
    assert orders[0] != plain


def test_several_events_can_be_in_flight_together(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.expect_together(4)
    for number in range(4):
        stripe_fake.call("POST", "/v1/customers", {"email": f"p{number}@example.com"})

    assert [one.status for one in stripe_fake.deliver(at_once=4)] == [200] * 4


def test_a_resend_by_hand_does_not_stop_the_automatic_attempts(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.answer_with(500)
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver()
    [event] = stripe_fake.events

    assert [one.status for one in stripe_fake.resend(event["id"])] == [200]
    assert [one.status for one in stripe_fake.drain()] == [200]
    assert len({json.loads(request.body)["id"] for request in receiver.requests}) == 1


def test_a_resend_by_hand_that_fails_is_not_tried_again(
    stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint
) -> None:
    stripe_fake.call("POST", "/v1/customers", ADA)
    stripe_fake.deliver()
    receiver.answer_with(500)

    assert [one.status for one in stripe_fake.resend(stripe_fake.events[0]["id"])] == [500]
    assert stripe_fake.drain() == []


def test_undelivered_events_can_be_asked_for(stripe_fake: FakeStripe, receiver: Receiver, endpoint: Endpoint) -> None:
    receiver.answer_with(200, 500)
    for email in ("taken@example.com", "refused@example.com", "waiting@example.com"):
        stripe_fake.call("POST", "/v1/customers", {"email": email})
        if not email.startswith("waiting"):
            stripe_fake.deliver()

    assert emails(stripe_fake, delivery_success=False) == ["waiting@example.com", "refused@example.com"]
    assert emails(stripe_fake, delivery_success=True) == ["taken@example.com"]
    stripe_fake.drain()
    assert emails(stripe_fake, delivery_success=False) == []


def test_in_the_background_events_and_their_retries_go_out_by_themselves(receiver: Receiver) -> None:
    with FakeStripe(retries=(0, 0)) as fake:
        fake.add_endpoint(receiver.url, SECRET)
        receiver.answer_with(500, 500)
        told = Told(3)
        with Background(fake.sender, tell=told.note):
            fake.call("POST", "/v1/customers", ADA)
            assert told.all_here.acquire(timeout=60)

    assert [one.status for one in fake.log] == [500, 500, 200]


class Told:
    """Counts attempts, and says when all that were expected are there."""

    def __init__(self, expected: int) -> None:
        self.left = expected
        self.all_here = threading.Semaphore(0)

    def note(self, attempts: Sequence[Attempt]) -> None:
        """Count these."""
        self.left -= len(attempts)
        if self.left == 0:
            self.all_here.release()


def emails(fake: FakeStripe, **params: object) -> list[str]:
    """The customers of the events that are listed, newest first."""
    status, body = fake.call("GET", "/v1/events", dict(params))
    assert status == 200
    events: list[Object] = body["data"]
    return [event["data"]["object"]["email"] for event in events]
