"""Make a sample event as Stripe would send it: its body, and the headers that sign it."""

from __future__ import annotations

from collections.abc import Mapping

from cocoonmail.platforms.stripe import samples
from cocoonmail.platforms.stripe.verify import sign

USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


def rehearse(
    event_type: str, *, email: str, name: str, now: int, livemode: bool, token: str, secret: str, again: bool = False
) -> tuple[bytes, Mapping[str, str]]:
    """The raw body and the headers of a freshly signed sample event. `now` in seconds since 1970.

    With `again` the object gets a new id, for Stripe creates and deletes each one once; changes keep it.
    """
    event = samples.sample(event_type, email=email or None, name=name, now=now, livemode=livemode, token=token)
    body = samples.body(event)
    if again and not event_type.endswith(".updated"):
        old = event["data"]["object"].get("id") or ""
        body = body.replace(f'"{old}"'.encode(), f'"{old.partition("_")[0]}_{token}"'.encode())
    headers = {"Stripe-Signature": sign(body, secret.encode(), now), "User-Agent": USER_AGENT}
    return body, headers | {"Content-Type": "application/json; charset=utf-8"}
