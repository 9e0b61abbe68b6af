"""Stripe, as a platform whose webhooks we understand."""

from cocoonmail.platforms.base import Platform
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
)

__all__ = ["STRIPE"]
