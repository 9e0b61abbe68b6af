"""Stripe, as a platform whose webhooks we understand."""

from cocoonmail.platforms.base import History, Platform
from cocoonmail.platforms.stripe import history
from cocoonmail.platforms.stripe.announce import announce
from cocoonmail.platforms.stripe.read import EVENTS
from cocoonmail.platforms.stripe.rehearsal import rehearse
from cocoonmail.platforms.stripe.verify import verify

STRIPE = Platform(
    name="stripe",
    title="Stripe",
    contact_source="Stripe webhook",
    kept_headers=("stripe-signature", "user-agent", "content-type"),
    verify=verify,
    announce=announce,
    events=EVENTS,
    secret_prefix="whsec_",  # noqa: S106 - it begins every secret and is none itself
    rehearse=rehearse,
    history=History(
        days=history.DAYS,
        key_title="Restricted API key",
        key_help=history.RIGHT,
        complaint=history.complaint,
        ask=history.ask,
        understand=history.understand,
    ),
)

__all__ = ["STRIPE"]
