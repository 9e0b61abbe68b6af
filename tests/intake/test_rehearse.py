"""Test events: signed, posted by HTTP to the running door, and understood like the platform's own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connections
from typer.testing import CliRunner

from cocoonmail import asgi
from cocoonmail.cli.app import app
from cocoonmail.contacts.models import Contact, Event
from cocoonmail.intake.door import Door
from cocoonmail.intake.models import Delivery, DeliveryState, SigningSecret
from cocoonmail.intake.rehearse import ADDRESS_FILE, CannotRehearse, NoSecret, Rehearsed, address, new_secret, rehearse
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.http_limits import Limits
from cocoonmail.kit.httpserver import GuardedServer, listen
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Verified
from tests.people import Person, people
from tests.shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60  # Seconds until a test gives up


@pytest.fixture
def data(settings: LazySettings, tmp_path: Path) -> Path:
    """A data folder of its own, so that no other web process is found."""
    settings.DATA = tmp_path
    return tmp_path


@pytest.fixture
def door(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The whole web process, listening on a free port that it wrote down."""
    monkeypatch.setattr(asgi, "door", Door())  # A door that was closed once takes nothing more in.
    listening, started = listen("127.0.0.1", 0), threading.Event()
    where = f"http://127.0.0.1:{listening.getsockname()[1]}"
    (data / ADDRESS_FILE).write_text(where)
    server = GuardedServer(asgi.application, listening, Limits(), on_started=lambda port: started.set())
    thread = threading.Thread(target=server.run)
    thread.start()
    assert started.wait(PATIENCE)
    yield where
    server.stop()
    thread.join(PATIENCE)
    connections.close_all()


def send(shop: Shop, type_: str = "customer.created", **more: Any) -> Rehearsed:
    wanted = {"email": "ada@example.com", "name": "Ada Lovelace", **more}
    return rehearse(shop.endpoint, type_, now=database_now(), **wanted)


def test_a_sample_of_every_event_passes_the_real_door(door: str) -> None:
    shop = Shop.opened()
    for type_ in PLATFORMS["stripe"].events:
        done = send(shop, type_)
        assert done.status == 200, type_
        assert done.delivery is not None
        assert (done.delivery.type, done.delivery.livemode) == (type_, False)


def test_a_test_event_makes_its_contact_and_event(door: str) -> None:
    shop = Shop.opened()
    done = send(shop)
    shop.work()
    assert done.message == "received"
    assert Contact.objects.get().email == "ada@example.com"
    assert Event.objects.get().name.name == "newStripeCustomer"
    assert Event.objects.get().test


def test_each_test_event_triggers_anew_although_it_is_about_the_same_person(door: str) -> None:
    shop = Shop.opened()
    for _ in range(3):
        send(shop)
        send(shop, "invoice.paid")
        shop.work()
    assert Contact.objects.count() == 1
    assert Event.objects.filter(name__name="newStripeCustomer").count() == 3
    assert Event.objects.filter(name__name="successfulPayment").count() == 3


def test_a_live_test_event_is_live(door: str) -> None:
    done = send(Shop.opened(), livemode=True)
    assert done.delivery is not None
    assert done.delivery.livemode


def test_a_refusal_is_told_in_the_doors_words(door: str) -> None:
    shop = Shop.opened()
    shop.endpoint.enabled = False
    shop.endpoint.save()
    done = send(shop)
    assert (done.status, done.delivery) == (410, None)
    assert "switched off" in done.message


def test_an_ignored_event_says_why(door: str) -> None:
    shop = Shop.opened()
    shop.endpoint.choices.filter(type="invoice.paid").delete()
    done = send(shop, "invoice.paid")
    assert done.delivery is not None
    assert done.delivery.state == DeliveryState.IGNORED
    assert "switched off for this endpoint" in done.message


def test_without_a_secret_nothing_is_sent_and_one_can_be_made(door: str) -> None:
    shop = Shop.opened()
    shop.endpoint.secrets.all().delete()
    with pytest.raises(NoSecret, match="no signing secret yet"):
        send(shop)
    assert new_secret(shop.endpoint).reveal().startswith("whsec_")
    assert send(shop).status == 200


def test_the_newest_secret_signs(door: str) -> None:
    shop = Shop.opened()
    SigningSecret.of(shop.endpoint, "whsec_the_newest_of_all").save()
    delivery = send(shop).delivery
    assert delivery is not None
    headers = {name: value.encode() for name, value in delivery.headers.items()}
    now = int(delivery.received_at.timestamp())
    verdict = PLATFORMS["stripe"].verify(headers, bytes(delivery.body), [b"whsec_the_newest_of_all"], now)
    assert isinstance(verdict, Verified)


def test_when_nothing_listens_it_says_how_to_start(data: Path) -> None:
    listening = listen("127.0.0.1", 0)
    (data / ADDRESS_FILE).write_text(f"http://127.0.0.1:{listening.getsockname()[1]}")
    listening.close()
    with pytest.raises(CannotRehearse, match="Start Cocoonmail first: bin/up"):
        send(Shop.opened())
    assert not Delivery.objects.exists()


def test_an_unknown_event_names_those_that_are_known(data: Path) -> None:
    with pytest.raises(CannotRehearse, match=r"It reads: customer\.created"):
        send(Shop.opened(), "customer.imagined")


def test_the_address_falls_back_to_the_installations_own(data: Path, settings: LazySettings) -> None:
    settings.BASE_URL = "https://mail.acme.test"
    assert address() == "https://mail.acme.test"
    (data / ADDRESS_FILE).write_text("http://127.0.0.1:9\n")
    assert address() == "http://127.0.0.1:9"


# The page's button


def test_the_button_on_the_page_shows_the_result_beside_the_form(door: str) -> None:
    alice = people().alice
    alice.post("/integrations/stripe")
    endpoint = alice.workspace.endpoints.get()
    new_secret(endpoint)
    base = f"/integrations/stripe/{endpoint.pk}"
    wanted = {"type": "invoice.paid", "email": "ada@example.com", "name": "Ada"}
    answer = alice.post(f"{base}/rehearsals", wanted)
    delivery = Delivery.objects.get()
    assert answer["Location"].startswith(f"{base}?sent={delivery.pk}")
    assert "a worker reads it in a moment" in alice.get(answer["Location"]).content.decode()
    Shop(alice.workspace, endpoint).work()
    shown = alice.get(answer["Location"]).content.decode()
    assert "event successfulPayment recorded" in shown
    assert f'href="/integrations/stripe/deliveries/{delivery.pk}"' in shown
    assert "No loop is live that waits for successfulPayment" in shown


def test_the_button_says_what_went_wrong(data: Path) -> None:
    alice: Person = people().alice
    alice.post("/integrations/stripe")
    endpoint = alice.workspace.endpoints.get()
    new_secret(endpoint)
    (data / ADDRESS_FILE).write_text("http://127.0.0.1:9")
    path = f"/integrations/stripe/{endpoint.pk}/rehearsals"
    answer = alice.post(path, {"type": "invoice.paid", "email": "ada@example.com", "name": "Ada"})
    assert "Start Cocoonmail first" in answer.content.decode()
    answer = alice.post(path, {"type": "invoice.paid", "email": "no address", "name": "Ada"})
    assert 'aria-invalid="true"' in answer.content.decode()


# The command


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["trigger", *words])
    return result.exit_code, result.output


def test_the_command_tells_what_came_of_it(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop.opened()
    monkeypatch.setattr("cocoonmail.cli.trigger.PATIENCE", 0.0)
    monkeypatch.setattr("cocoonmail.cli.trigger._wait", lambda delivery: _worked(shop, delivery))
    status, said = run("invoice.paid", "--email", "ada@example.com")
    assert status == 0, said
    assert "200 received" in said
    assert "event successfulPayment recorded" in said
    assert "loop “Paid”" in said
    assert "to ada@example.com: queued" in said


def _worked(shop: Shop, delivery: Delivery) -> Any:
    from cocoonmail.trace.followed import followed

    shop.work()
    delivery.refresh_from_db()
    return followed(delivery)


def test_the_command_says_when_no_worker_takes_it_up(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Shop.opened()
    monkeypatch.setattr("cocoonmail.cli.trigger.PATIENCE", 0.2)
    status, said = run("customer.created", "--email", "ada@example.com")
    assert status == 0
    assert "no worker has taken it up yet" in said


def test_the_command_fails_on_a_refusal(door: str) -> None:
    shop = Shop.opened()
    shop.endpoint.enabled = False
    shop.endpoint.save()
    status, said = run("customer.created", "--email", "ada@example.com")
    assert status == 1
    assert "410" in said


def test_the_command_asks_which_endpoint_is_meant(data: Path) -> None:
    assert "There is no Stripe endpoint yet" in run("invoice.paid", "--email", "a@b.example")[1]
    shop = Shop.opened()
    shop.workspace.endpoints.create(platform="stripe", name="Stripe EU")
    assert "Say which with --endpoint" in run("invoice.paid", "--email", "a@b.example")[1]
    assert "No endpoint is named “Other”" in run("invoice.paid", "--email", "a@b.example", "--endpoint", "Other")[1]
    status, said = run("invoice.paid", "--email", "a@b.example", "--endpoint", "Stripe EU")
    assert status == 1
    assert "--make-secret" in said


def test_the_command_refuses_an_event_that_nobody_reads(data: Path) -> None:
    Shop.opened()
    status, said = run("invoice.imagined", "--email", "a@b.example")
    assert status == 1
    assert "It reads: customer.created" in said
