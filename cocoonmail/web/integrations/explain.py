"""Say why a delivery stands where it stands or a request was refused, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.platforms.base import Platform


@dataclass(frozen=True, slots=True)
class Explained:
    """A tone, the words, a command to copy if one helps, and the page on which to act."""

    tone: str
    title: str
    words: str
    command: str = ""
    url: str = ""
    label: str = ""


def explain(delivery: Delivery, platform: Platform, *, late: bool) -> Explained | None:
    """What a person should know; None where all went as it should. `late` says that a worker should have been there."""
    telling = TELLING.get(DeliveryState(delivery.state))
    return telling(delivery, platform, late) if telling else None


def _waiting(delivery: Delivery, platform: Platform, late: bool) -> Explained:
    if late:
        words = "It should have been processed by now. Does the worker run? bin/up starts it together with the pages."
        return Explained("warn", "Nobody has taken it up", words)
    return Explained("info", "On its way", "A worker takes it up in a moment. This page follows.")


def _no_address(delivery: Delivery, platform: Platform, late: bool) -> Explained:
    words = (
        "Contacts are known by their email address, and this customer has none, so there was nobody to sync. As soon "
        f"as {platform.title} tells the customer's address, this delivery is taken up by itself."
    )
    if delivery.livemode or platform.name != "stripe":
        return Explained("warn", "No email address", words)
    words += " stripe trigger makes customers without an email. Give it one:"
    command = f"stripe trigger {delivery.type} --override customer:email=you@example.com"
    return Explained("warn", "No email address", words, command)


def _parked(delivery: Delivery, platform: Platform, late: bool) -> Explained:
    words = (
        f"It is about the customer {delivery.customer_key}, of whom {platform.title} has not told yet. It is taken up "
        "by itself when that customer arrives. To help it: edit the customer there (its description is enough), so "
        "that customer.updated is sent; customer.created and customer.updated must be switched on here."
    )
    return Explained("warn", "Parked until its customer is known", words)


def _ignored(delivery: Delivery, platform: Platform, late: bool) -> Explained:
    if delivery.type not in platform.events:
        words = f"{platform.title} may go on sending it: it is answered 200. Or take it off the webhook's list there."
        return Explained("idle", "Nothing to do", f"Ignored: {delivery.result}. {words}")
    base = f"/integrations/{platform.name}/{delivery.endpoint_id}"
    words = f"Ignored: {delivery.result}. If that was wrong, change it and process this delivery again."
    return Explained("idle", "Nothing was done", words, url=f"{base}#events", label="Change events")


def _logged(delivery: Delivery, platform: Platform, late: bool) -> Explained:
    base = f"/integrations/{platform.name}/{delivery.endpoint_id}"
    words = "Test mode is only logged here. To try things out, choose “Process them”, then process again."
    return Explained("idle", "Only logged", words, url=f"{base}/options", label="Change options")


def _failed(delivery: Delivery, platform: Platform, late: bool) -> Explained:
    why = f"{delivery.result[:1].upper()}{delivery.result[1:].rstrip('.')}."
    words = f"{why} Nothing is lost: when the cause is gone, process it again."
    return Explained("bad", "Not processed", words)


TELLING: Mapping[DeliveryState, Callable[[Delivery, Platform, bool], Explained]] = {
    DeliveryState.WAITING: _waiting,
    DeliveryState.NO_ADDRESS: _no_address,
    DeliveryState.PARKED: _parked,
    DeliveryState.IGNORED: _ignored,
    DeliveryState.LOGGED: _logged,
    DeliveryState.FAILED: _failed,
}

NOT_OURS = (
    "Test mode, live mode and the Stripe CLI each sign with a secret of their own. Reveal the one of this very "
    "webhook and add it on Set-up. A proxy that changes bodies breaks signatures too."
)
# What helps against each refusal, by its code; the refusal's own message says what happened.
FIXES: Mapping[str, str] = {
    "no_secret": "Paste the signing secret on Set-up.",
    "wrong_signature": NOT_OURS,
    "no_signature": "Somebody else than the platform called this URL, or a proxy takes headers away.",
    "signed_for_another_endpoint": "Add the secret of this webhook on Set-up, or correct the URL in the platform.",
    "endpoint_disabled": "Switch the endpoint on under Options.",
    "body_too_large": "Nothing a platform sends is that large. Who else knows this URL?",
    "encoded_body": "A proxy in front of Cocoonmail may compress bodies: switch that off for /hooks/.",
    "timestamp_too_old": "Check the clocks of this machine and of any proxy that holds requests back.",
}


def fix_for(code: str) -> str:
    """What to do about a refusal, "" where its message says it all."""
    return FIXES.get(code, "")
