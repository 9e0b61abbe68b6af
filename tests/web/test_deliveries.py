"""The log of deliveries and one delivery's page: what was understood, what followed, and process again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from cocoonmail.contacts.models import EventName
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint, Refusal, SigningSecret
from cocoonmail.web.integrations.figures import LATEST
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def stripe(alice: Person) -> Endpoint:
    """Connected with one click; without a secret."""
    alice.post("/integrations/stripe")
    return alice.workspace.endpoints.get()


@pytest.fixture
def base(stripe: Endpoint) -> str:
    return f"/integrations/stripe/{stripe.pk}"


@pytest.fixture
def shop(stripe: Endpoint) -> Shop:
    SigningSecret.of(stripe, "whsec_of_the_shop").save()
    return Shop(stripe.workspace, stripe)


# The log


def test_the_log_tells_in_words_what_became_of_each_delivery(alice: Person, shop: Shop, base: str) -> None:
    shop.hear(event("customer.created"), event("customer.created", None))
    shop.work()
    log = text(alice.get(f"{base}/deliveries"))
    assert "contact created; event newStripeCustomer recorded" in log
    assert "received, no email address, nothing synced" in log
    assert "2 deliveries" in log


def test_the_log_is_filtered_by_state_type_mode_and_search(alice: Person, shop: Shop, base: str) -> None:
    grace = event("customer.created", "grace@example.com")
    shop.hear(grace, event("invoice.paid", "linus@example.com"), event("customer.created", None))
    shop.work()
    for query, count in {
        "": 3,
        "state=no_address": 1,
        "state=nonsense": 3,
        "type=invoice.paid": 1,
        "mode=live": 0,
        "q=GRACE@": 1,
        f"q={grace['id']}": 1,
        f"q={grace['data']['object']['id']}": 1,
        "q=%25": 0,
        "q=%00": 3,
        "q=nobody": 0,
    }.items():
        log = text(alice.get(f"{base}/deliveries?{query}"))
        assert len(re.findall(r'id="delivery-\d+"', log)) == count, query


def test_the_log_has_pages(alice: Person, shop: Shop, base: str) -> None:
    shop.hear(*[event("customer.created", f"p{number}@example.com") for number in range(60)])
    first = text(alice.get(f"{base}/deliveries"))
    assert len(re.findall(r'id="delivery-\d+"', first)) == 50
    older = re.search(r'href="(\?older=[^"]+)"', first)
    assert older
    second = text(alice.get(f"{base}/deliveries{older[1]}"))
    assert len(re.findall(r'id="delivery-\d+"', second)) == 10
    assert "every 4s" in first
    assert "every 4s" not in second


def test_a_filter_that_fits_nothing_leads_back(alice: Person, shop: Shop, base: str) -> None:
    shop.hear(event("customer.created"))
    assert "No delivery fits these filters" in text(alice.get(f"{base}/deliveries?state=failed"))


def test_what_was_turned_away_is_listed_with_what_to_do(alice: Person, shop: Shop, base: str) -> None:
    Refusal.objects.create(
        endpoint=shop.endpoint,
        workspace=shop.workspace,
        slot=0,
        code="wrong_signature",
        message="No secret of this endpoint signed this body.",
        preview=HOSTILE,
        refused_at=timezone.now(),
    )
    log = text(alice.get(f"{base}/deliveries"))
    assert "No secret of this endpoint signed this body." in log
    assert "Reveal the one of this very webhook" in log
    assert "<script>alert" not in log


def test_failures_are_counted_among_the_newest_only(alice: Person, shop: Shop, base: str) -> None:
    assert LATEST <= 1000
    shop.hear(event("customer.created"))
    Delivery.objects.update(state=DeliveryState.FAILED, result="unexpected shape: nothing", due_at=None)
    assert "One of the latest deliveries could not be processed" in text(alice.get(base))


# A delivery's page


def page_of(alice: Person, delivery: Delivery) -> str:
    return text(alice.get(f"/integrations/stripe/deliveries/{delivery.pk}"))


def test_a_delivery_leads_to_its_contact_event_run_and_message(alice: Person) -> None:
    shop = Shop.opened()
    assert shop.workspace == alice.workspace
    shop.hear(event("customer.created"))
    shop.work()
    delivery = shop.last()
    page = page_of(alice, delivery)
    run = alice.workspace.loop_set.get(name="Welcome").runs.get()
    assert f'href="/audience/{delivery.contact_id}"' in page
    assert "newStripeCustomer" in page
    assert f'href="/loops/{run.loop_id}"' in page
    assert re.search(r'href="/messages/\d+"', page)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DeliveryState.NO_ADDRESS, "--override customer:email=you@example.com"),
        (DeliveryState.PARKED, "Parked until its customer is known"),
        (DeliveryState.IGNORED, "Change events"),
        (DeliveryState.LOGGED, "Change options"),
        (DeliveryState.FAILED, "Nothing is lost"),
        (DeliveryState.WAITING, "A worker takes it up in a moment"),
    ],
)
def test_every_state_explains_itself_and_the_next_step(alice: Person, shop: Shop, state: str, words: str) -> None:
    shop.hear(event("customer.created"))
    Delivery.objects.update(state=state, trouble="Traceback: boom")
    page = page_of(alice, shop.last())
    assert words in page
    assert "Traceback: boom" in page


def test_the_raw_body_downloads_byte_for_byte(alice: Person, shop: Shop) -> None:
    shop.hear(event("customer.created"))
    delivery = shop.last()
    answer = alice.get(f"/integrations/stripe/deliveries/{delivery.pk}/body")
    assert answer.content == bytes(delivery.body)
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "application/octet-stream"


def test_processing_again_has_its_effects_still_once(alice: Person, shop: Shop) -> None:
    shop.hear(event("customer.created"))
    shop.work()
    delivery = shop.last()
    Delivery.objects.update(attempts=5, epoch=7)
    alice.post(f"/integrations/stripe/deliveries/{delivery.pk}/process-again")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.epoch) == (DeliveryState.WAITING, 0, 8)
    shop.work()
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DONE
    assert "recorded before" in delivery.result
    assert EventName.objects.get(workspace=shop.workspace, name="newStripeCustomer").events.count() == 1


def test_a_delivery_whose_body_is_not_kept_any_more_says_so_and_cannot_be_processed_again(
    alice: Person, shop: Shop
) -> None:
    shop.hear(event("customer.created"))
    shop.work()
    Delivery.objects.update(body=b"", headers={})
    path = f"/integrations/stripe/deliveries/{shop.last().pk}"
    page = text(alice.get(path))
    assert "It was kept for 90 days" in page
    assert "Process again" not in page
    said = text(alice.post(f"{path}/process-again", follow=True))
    assert "its body is not kept any more" in said
    assert shop.last().state == DeliveryState.DONE
