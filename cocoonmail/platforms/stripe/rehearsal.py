"""Make a sample event as Stripe would send it: its body, and the headers that sign it."""

from __future__ import annotations

from collections.abc import Mapping

from cocoonmail.platforms.stripe import samples
from cocoonmail.platforms.stripe.verify import sign

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


def rehearse(
    event_type: str, *, email: str, name: str, now: int, livemode: bool, token: str, secret: str
) -> tuple[bytes, Mapping[str, str]]:
    """The raw body and the headers of a freshly signed sample event. `now` in seconds since 1970."""
    event = samples.sample(event_type, email=email, name=name, now=now, livemode=livemode, token=token)
    body = samples.body(event)
    headers = {"Stripe-Signature": sign(body, secret.encode(), now), "User-Agent": USER_AGENT}
    return body, headers | {"Content-Type": "application/json; charset=utf-8"}
