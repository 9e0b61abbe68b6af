"""The Backfill page: begin one, watch it, stop it; and nobody else may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cocoonmail import worker
from cocoonmail.intake.backfill import begin
from cocoonmail.intake.models import Backfill, Delivery, Endpoint, SigningSecret
from tests.fake_stripe.server import FakeStripe
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

KEY = "rk_test_0123456789abcdef"
FORM = {"key": KEY, "days": "14", "starts_loops": "False"}


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def endpoint(alice: Person) -> Endpoint:
    """Connected, with a secret."""
    alice.post("/integrations/stripe")
    made = alice.workspace.endpoints.get()
    SigningSecret.of(made, "whsec_of_the_shop").save()
    return made


@pytest.fixture
def url(endpoint: Endpoint) -> str:
    return f"/integrations/stripe/{endpoint.pk}/backfills"


@pytest.fixture
def stripe(settings: Any) -> Iterator[FakeStripe]:
    """A platform that had much to tell."""
    with FakeStripe() as fake:
        settings.PLATFORM_APIS = {"stripe": fake.base_url}
        fake.account.events += [
            event("invoice.paid", at=int(fake.account.clock()) - 60 * at) for at in range(120, 0, -1)
        ]
        yield fake


def test_a_backfill_is_begun_watched_and_finished(alice: Person, url: str, stripe: FakeStripe) -> None:
    assert "No backfill yet" in text(alice.get(url))
    begun = text(alice.post(url, FORM, follow=True))
    assert "The backfill has begun" in begun
    assert "Begins in a moment. Starts no loops." in begun
    assert KEY not in begun
    assert worker.step(worker.BACKFILL, limit=1)
    assert "Has got to" in text(alice.get(url))
    assert worker.step(worker.BACKFILL, limit=1)
    page = text(alice.get(url))
    assert "Finished" in page
    assert "hx-trigger" not in page.split('id="backfills"')[1].split(">")[0]
    made = Backfill.objects.get()
    assert (made.state, made.added, made.starts_loops) == ("finished", 120, False)


def test_a_fetched_delivery_says_so(alice: Person, endpoint: Endpoint, url: str, stripe: FakeStripe) -> None:
    alice.post(url, FORM)
    while worker.step(worker.BACKFILL, limit=1):
        pass
    Shop(endpoint.workspace, endpoint).work()
    page = text(alice.get(f"/integrations/stripe/deliveries/{Delivery.objects.latest('pk').pk}"))
    assert "Fetched by a backfill" in page
    assert f'<a href="{url}">backfill</a>' in page
    assert "The backfill that fetched it starts no loops." in page


def test_why_it_waits_is_said(alice: Person, url: str, stripe: FakeStripe) -> None:
    stripe.turned_away = [(429, {"Retry-After": "60"})]
    alice.post(url, FORM)
    assert worker.step(worker.BACKFILL, limit=1)
    assert "Stripe answered 429: Request rate limit exceeded. Asked again at " in text(alice.get(url))


def test_a_backfill_is_stopped(alice: Person, endpoint: Endpoint, url: str) -> None:
    made = begin(endpoint, KEY, 30, starts_loops=True)
    assert "What it had fetched stays" in text(alice.post(f"{url}/{made.pk}/stop", follow=True))
    assert "had ended already" in text(alice.post(f"{url}/{made.pk}/stop", follow=True))
    assert "Stopped" in text(alice.get(url))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": "whsec_0123456789"}, "a webhook&#x27;s signing secret"),
        ({"key": ""}, "This field is required"),
        ({"days": "31"}, "Select a valid choice"),
        ({"days": "x"}, "Select a valid choice"),
        ({"starts_loops": "perhaps"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_begins_nothing_and_is_explained(
    alice: Person, url: str, change: dict[str, str], words: str
) -> None:
    answer = alice.post(url, FORM | change)
    assert answer.status_code == 200
    assert words in text(answer)
    assert not Backfill.objects.exists()


def test_a_second_one_waits_for_the_first(alice: Person, endpoint: Endpoint, url: str) -> None:
    begin(endpoint, KEY, 30, starts_loops=True)
    assert "is under way" in text(alice.post(url, FORM, follow=True))
    assert Backfill.objects.count() == 1


def test_members_may_look_admins_begin_and_strangers_find_nothing(
    bob: Person, vera: Person, mallory: Person, url: str
) -> None:
    for member in (bob, vera):
        assert "Owners and admins do this." in text(member.get(url))
        assert member.post(url, FORM).status_code == 403
    assert mallory.get(url).status_code == 404
    assert mallory.post(url, FORM).status_code == 404
    assert not Backfill.objects.exists()
