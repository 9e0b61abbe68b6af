"""Promises of Home: the first steps tick themselves off, and what needs a person is there with its next click."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint, SigningSecret
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, LoopState
from cocoonmail.web.home.first_steps import first_steps
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db


def home(person: Person) -> str:
    answer = person.get("/")
    assert answer.status_code == 200
    return answer.content.decode()


def needs(person: Person) -> str:
    """What stands in the card of troubles."""
    found = re.search(r'aria-label="Needs you">(.*?)</section>', home(person), re.DOTALL)
    return found[1] if found else ""


@pytest.fixture
def fresh(alice: Person) -> Person:
    """Alice on the first day: nothing is set."""
    Workspace.objects.filter(pk=alice.workspace.pk).update(sender_email="", sender_name="", address="")
    alice.workspace.refresh_from_db()
    return alice


@pytest.fixture
def shop(alice: Person) -> Shop:
    """Acme at work, with one email sent on its way."""
    shop = Shop.opened()
    shop.hear(event("customer.created"))
    shop.work()
    return shop


def done(person: Person) -> list[bool]:
    return [step.done for step in first_steps(Workspace.objects.get(pk=person.workspace.pk))]


def test_the_first_steps_tick_themselves_off_one_by_one(fresh: Person) -> None:
    assert done(fresh) == [False] * 4
    assert "0 of 4 done" in home(fresh)
    fresh.post("/integrations/stripe")
    endpoint = Endpoint.objects.get()
    assert done(fresh) == [False] * 4
    assert f"/integrations/stripe/{endpoint.pk}#secret" in home(fresh)
    SigningSecret.of(endpoint, "whsec_0123456789abcdef").save()
    assert done(fresh) == [True, False, False, False]
    assert f"/integrations/stripe/{endpoint.pk}#rehearsal" in home(fresh)
    Shop(endpoint.workspace, endpoint).hear(event("customer.created"))
    assert done(fresh) == [True, True, False, False]
    sender = {"sender_name": "A", "sender_email": "a@acme.test", "address": "Oslo", "name": "A", "time_zone": "UTC"}
    fresh.post("/settings", sender)
    assert done(fresh) == [True, True, True, False]
    Loop.objects.create(workspace=fresh.workspace, name="Welcome", state=LoopState.LIVE)
    assert done(fresh) == [True] * 4
    assert "First steps" not in home(fresh)


def test_stripe_is_connected_with_one_click_from_home(fresh: Person) -> None:
    assert '<form method="post" action="/integrations/stripe">' in home(fresh)


def test_an_open_draft_is_one_click_away(fresh: Person) -> None:
    assert 'href="/templates"' in home(fresh)
    draft = Loop.objects.create(workspace=fresh.workspace, name="My welcome")
    assert f'href="/loops/{draft.pk}"' in home(fresh)


def test_what_came_in_and_went_out_is_counted(alice: Person, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # Midnight may come at any moment, and what came in before it is yesterday's.
    now = timezone.now()
    Message.objects.update(status=Status.CAPTURED, created_at=now)
    Delivery.objects.update(received_at=now)
    Contact.objects.update(created_at=now)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    html = home(alice)
    for label in ("Webhooks today", "Emails today", "New contacts today"):
        assert re.search(rf'{label}</span><span class="value">1</span>', html), label
    assert "1 in all" in html
    assert "in 3 live loops" in html
    assert f'href="/messages/{Message.objects.get().pk}"' in html


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.UNKNOWN, "1 message may or may not have been sent"),
        (Status.FAILED, "1 message could not be sent"),
        (Status.HELD, "1 message is held back"),
    ],
)
def test_a_message_that_stands_still_needs_a_person(alice: Person, shop: Shop, status: Status, words: str) -> None:
    assert words not in needs(alice)
    Message.objects.update(status=status, due_at=None)
    assert words in needs(alice)
    assert f'href="/messages?status={status.value}"' in needs(alice)


def test_a_failed_delivery_and_a_missing_secret_need_a_person(alice: Person, shop: Shop) -> None:
    assert "could not be processed" not in needs(alice)
    Delivery.objects.update(state=DeliveryState.FAILED)
    SigningSecret.objects.all().delete()
    html = needs(alice)
    assert "1 delivery of “Stripe” could not be processed" in html
    assert f"/integrations/stripe/{shop.endpoint.pk}/deliveries?state=failed" in html
    assert "“Stripe” has no signing secret" in html


def test_test_events_beside_live_ones_are_switched_off_with_one_click(alice: Person, vera: Person, shop: Shop) -> None:
    Endpoint.objects.update(first_live_at=database_now())
    path = f"/integrations/stripe/{shop.endpoint.pk}/only-log-test-events"
    assert f'action="{path}"' in needs(alice)
    assert f'action="{path}"' not in needs(vera)
    alice.post(path)
    assert not Endpoint.objects.get().process_test
    assert "still processes test events" not in needs(alice)


def test_a_missing_sender_address_and_transport_are_said(alice: Person, shop: Shop) -> None:
    assert "Mail is captured, not sent" in needs(alice)
    Workspace.objects.filter(pk=alice.workspace.pk).update(sender_email="", address="", transport_sealed="x")
    html = needs(alice)
    assert "There is no sender yet" in html
    assert "There is no postal address" in html
    assert "Mail is captured" not in html


def test_another_workspaces_troubles_are_not_mallorys(mallory: Person, shop: Shop) -> None:
    Message.objects.update(status=Status.UNKNOWN)
    Delivery.objects.update(state=DeliveryState.FAILED)
    html = home(mallory)
    assert "First steps" in html
    assert "may or may not" not in html
    assert "could not be processed" not in html


def test_whatever_was_typed_is_text(alice: Person, shop: Shop) -> None:
    hostile = "<script>alert(1)</script>"
    Message.objects.update(subject=hostile, to_email=hostile)
    Endpoint.objects.update(name=hostile)
    Loop.objects.update(name=hostile, state=LoopState.DRAFT)
    SigningSecret.objects.all().delete()
    assert hostile not in home(alice)
