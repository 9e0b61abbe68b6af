"""A fake of Stripe: its API as far as Stripe's own CLI needs it, and the webhooks that Stripe would send."""

from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.webhooks import Attempt, Endpoint

__all__ = ["Attempt", "Endpoint", "FakeStripe"]
