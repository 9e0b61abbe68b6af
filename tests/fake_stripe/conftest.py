"""What the fake's own tests share: Stripe's real CLI, a fake, and an endpoint that writes down what it gets."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_stripe.cli import NoStripeCLIError, StripeCLI
from tests.fake_stripe.receiver import Receiver
from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.webhooks import Endpoint

SECRET = "whsec_fakeSecretOfTheTests0123456789"


@pytest.fixture(scope="session")
def cli(tmp_path_factory: pytest.TempPathFactory) -> StripeCLI:
    """Stripe's real CLI."""
    return found_cli(tmp_path_factory.mktemp("stripe-cli-home"))


def found_cli(home: Path) -> StripeCLI:
    """Stripe's real CLI. Where it cannot be had, its tests are skipped, and the summary says why."""
    try:
        return StripeCLI.find(home)
    except NoStripeCLIError as reason:
        warnings.warn(f"TESTS WITH STRIPE'S REAL CLI WERE SKIPPED: {reason}", stacklevel=1)
        pytest.skip(f"no Stripe CLI: {reason}")


@pytest.fixture
def stripe_fake() -> Iterator[FakeStripe]:
    """A fake without endpoints that tries three times more, after 10, 60 and 300 seconds."""
    with FakeStripe(retries=(10, 60, 300)) as fake:
        yield fake


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An endpoint of ours."""
    with Receiver() as listening:
        yield listening


@pytest.fixture
def endpoint(stripe_fake: FakeStripe, receiver: Receiver) -> Endpoint:
    """The endpoint registered at the fake for every event."""
    return stripe_fake.add_endpoint(receiver.url, SECRET)
