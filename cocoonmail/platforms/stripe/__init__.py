"""Stripe."""
from cocoonmail.platforms.base import EventType, Platform
from cocoonmail.platforms.stripe import readstub
from cocoonmail.platforms.stripe.announce import announce
from cocoonmail.platforms.stripe.verify import verify
STRIPE = Platform("stripe", "Stripe", "Stripe webhook", ("stripe-signature", "user-agent", "content-type"), verify, announce, {t: EventType(t, t, "", s, getattr(readstub, t.split(".")[0])) for t, s in {"customer.created": "newStripeCustomer", "customer.updated": "", "invoice.paid": "successfulPayment", "invoice.payment_failed": "failedPayment"}.items()})
