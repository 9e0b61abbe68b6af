"""The Integrations pages: connect Stripe, choose events, read the log; and nobody else may."""

from __future__ import annotations

from typing import Any

import pytest

from cocoonmail.contacts.models import EventName
from cocoonmail.intake.models import Delivery, Endpoint, EventChoice, SigningSecret
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


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


def choices(endpoint: Endpoint) -> dict[str, str | None]:
    """What is switched on, with its trigger."""
    return {row.type: row.trigger or None for row in endpoint.choices.filter(enabled=True)}


def rows(**more: str) -> dict[str, str]:
    """The events form as a browser sends it: two events on."""
    return {
        "customer.created-enabled": "on",
        "customer.created-trigger": "newStripeCustomer",
        "customer.created-sync_names": "on",
        "invoice.paid-enabled": "on",
        "invoice.paid-trigger": "",
        **more,
    }


# Connecting


def test_looking_at_a_platform_makes_nothing(alice: Person) -> None:
    assert "Connect Stripe" in text(alice.get("/integrations"))
    assert "Connect Stripe" in text(alice.get("/integrations/stripe"))
    assert not Endpoint.objects.exists()


def test_one_click_connects_stripe_with_the_events_of_the_three_templates(alice: Person) -> None:
    answer = alice.post("/integrations/stripe", follow=True)
    endpoint = alice.workspace.endpoints.get()
    assert f"http://127.0.0.1:8000{endpoint.path}" in text(answer)
    assert choices(endpoint) == {
        "customer.created": "newStripeCustomer",
        "customer.updated": None,
        "invoice.paid": "successfulPayment",
        "invoice.payment_failed": "failedPayment",
    }
    assert EventName.objects.filter(workspace=alice.workspace, name="failedPayment").exists()
    for tab in ("", "/deliveries", "/options"):
        assert alice.get(f"/integrations/stripe/{endpoint.pk}{tab}").status_code == 200


def test_a_second_click_makes_no_second_endpoint(alice: Person) -> None:
    alice.post("/integrations/stripe")
    alice.post("/integrations/stripe")
    assert alice.workspace.endpoints.count() == 1


def test_a_workspace_with_several_accounts_has_several_endpoints(alice: Person, stripe: Endpoint) -> None:
    answer = alice.post("/integrations/stripe", {"name": "Second shop"}, follow=True)
    assert alice.workspace.endpoints.count() == 2
    assert "2 endpoints" in text(answer)
    assert text(alice.get("/integrations/stripe")).count("Second shop") == 1


def test_a_platform_that_nobody_knows_is_not_there(alice: Person, stripe: Endpoint) -> None:
    assert alice.get("/integrations/paypal").status_code == 404
    assert alice.get(f"/integrations/paypal/{stripe.pk}").status_code == 404


# The Stripe secret


def test_a_pasted_secret_is_stripped_and_only_its_end_is_shown(alice: Person, stripe: Endpoint, base: str) -> None:
    answer = alice.post(f"{base}/secrets", {"secret": "  whsec_0123456789abcdef\n"}, follow=True)
    assert stripe.secrets.get().reveal() == "whsec_0123456789abcdef"
    assert "whsec_…cdef" in text(answer)
    assert "0123456789abcdef" not in text(answer)
    assert "Connected" in text(answer)


@pytest.mark.parametrize(
    ("pasted", "complaint"),
    [
        ("", "Paste the signing secret from Stripe"),
        ("sk_live_0123456789", "one of Stripe&#x27;s API keys"),
        ("we_0123456789abcd", "the webhook&#x27;s id"),
        ("0123456789abcdef", "begins with whsec_"),
        ("whsec_012345 6789", "blank"),
        ("whsec_0", "not the whole secret"),
    ],
)
def test_what_is_no_signing_secret_is_told_what_it_is(
    alice: Person, stripe: Endpoint, base: str, pasted: str, complaint: str
) -> None:
    answer = alice.post(f"{base}/secrets", {"secret": pasted})
    assert complaint in text(answer)
    assert 'aria-invalid="true"' in text(answer)
    assert not stripe.secrets.exists()


def test_an_endpoint_takes_several_secrets_each_once(alice: Person, stripe: Endpoint, base: str) -> None:
    for secret in ("whsec_of_the_dashboard", "whsec_of_the_cli_here", "whsec_of_the_cli_here"):
        answer = alice.post(f"{base}/secrets", {"secret": secret})
    assert "is here already" in text(answer)
    assert stripe.secrets.count() == 2


def test_removing_the_only_secret_says_what_that_destroys(alice: Person, shop: Shop, base: str) -> None:
    secret = shop.endpoint.secrets.get()
    assert "It is the only one" in text(alice.get(base))
    alice.post(f"{base}/secrets/{secret.pk}/remove")
    assert not shop.endpoint.secrets.exists()


def test_a_secret_for_trying_out_is_made_once(alice: Person, stripe: Endpoint, base: str) -> None:
    alice.post(f"{base}/secrets/made")
    alice.post(f"{base}/secrets/made")
    assert stripe.secrets.get().reveal().startswith("whsec_")


# Events


def test_saved_events_are_on_and_all_others_off(alice: Person, stripe: Endpoint, base: str) -> None:
    answer = alice.post(f"{base}/events", rows(**{"invoice.paid-trigger": " receiptWanted "}), follow=True)
    assert "2 events are switched on" in text(answer)
    assert choices(stripe) == {"customer.created": "newStripeCustomer", "invoice.paid": "receiptWanted"}
    assert '<option value="receiptWanted">' in text(answer)


def test_options_of_an_event_become_a_condition(alice: Person, stripe: Endpoint, base: str) -> None:
    asked = {
        "mode": "live",
        "products": "prod_1, prod_2",
        "metadata": "app=acme\nplan = pro",
        "amount_min": "500",
        "currency": "eur",
    }
    alice.post(f"{base}/events", rows(**{f"invoice.paid-{name}": value for name, value in asked.items()}))
    choice = EventChoice.objects.get(endpoint=stripe, type="invoice.paid")
    assert choice.condition == {
        "mode": "live",
        "products": ["prod_1", "prod_2"],
        "metadata": {"app": "acme", "plan": "pro"},
        "amount_min": 500,
        "currency": "EUR",
    }
    assert not choice.sync_names
    shown = text(alice.get(base))
    assert "plan=pro" in shown
    assert "only live mode, prod_1 or prod_2" in shown


def test_a_deleted_customer_may_unsubscribe_the_contact(alice: Person, stripe: Endpoint, base: str) -> None:
    deletion = {"customer.deleted-enabled": "on", "customer.deleted-removal": "unsubscribe"}
    alice.post(f"{base}/events", rows(**deletion))
    assert EventChoice.objects.get(endpoint=stripe, type="customer.deleted").removal == "unsubscribe"


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("metadata", "no equals sign", "one key=value a line"),
        ("amount_min", "-1", "greater than or equal to 0"),
        ("currency", "euro", "three letters"),
        ("trigger", "x" * 101, "at most 100 characters"),
        ("trigger", "two\x07lines", "one line of plain characters"),
    ],
)
def test_a_wrong_option_saves_nothing_and_says_so_beside_its_field(
    alice: Person, base: str, field: str, value: str, complaint: str
) -> None:
    stripe = alice.workspace.endpoints.get()
    before = choices(stripe)
    answer = text(alice.post(f"{base}/events", rows(**{f"invoice.paid-{field}": value})))
    assert complaint in answer
    assert "Nothing was saved" in answer
    assert choices(stripe) == before


# Options


def test_options_are_saved_and_a_taken_name_is_not(alice: Person, stripe: Endpoint, base: str) -> None:
    alice.post("/integrations/stripe", {"name": "Stripe EU"})
    wanted = {"name": "Stripe US", "user_group": "Customers", "process_test": "False", "enabled": "on"}
    alice.post(f"{base}/options", wanted)
    stripe.refresh_from_db()
    assert (stripe.name, stripe.user_group, stripe.process_test, stripe.connect) == (
        "Stripe US",
        "Customers",
        False,
        False,
    )
    answer = alice.post(f"{base}/options", wanted | {"name": "Stripe EU"})
    assert "Another endpoint has this name" in text(answer)


def test_deleting_an_endpoint_names_what_goes_and_takes_it(alice: Person, shop: Shop, base: str) -> None:
    shop.hear(event("customer.created"))
    assert "1 deliveries" in text(alice.get(f"{base}/options"))
    alice.post(f"{base}/delete")
    assert not Endpoint.objects.exists()
    assert not Delivery.objects.exists()


# Cautions


def test_live_events_beside_processed_test_ones_suggest_the_switch(alice: Person, shop: Shop, base: str) -> None:
    live = event("customer.created")
    live["livemode"] = True
    shop.hear(live)
    assert "Only log test events" in text(alice.get(base))
    answer = alice.post(f"{base}/only-log-test-events", follow=True)
    shop.endpoint.refresh_from_db()
    assert not shop.endpoint.process_test
    assert "Only log test events" not in text(answer)


def test_an_endpoint_without_secret_or_events_says_so(alice: Person, stripe: Endpoint, base: str) -> None:
    stripe.choices.all().delete()
    log = text(alice.get(f"{base}/deliveries"))
    assert "There is no signing secret yet" in log
    assert "No event is switched on" in log


def test_a_switched_off_endpoint_counts_what_it_turned_away(alice: Person, shop: Shop, base: str) -> None:
    Endpoint.objects.update(enabled=False, refused_while_disabled=3)
    assert "3 requests were turned away" in text(alice.get(base))
    alice.post(f"{base}/enable")
    assert Endpoint.objects.get().enabled


def test_a_repeated_id_with_another_body_is_warned_of(alice: Person, shop: Shop, base: str) -> None:
    first = event("customer.created")
    shop.hear(first)
    shop.hear(first | {"created": first["created"] + 1})
    assert "had the id of an earlier one, but another body" in text(alice.get(base))
    assert "Another body" in text(alice.get(f"/integrations/stripe/deliveries/{shop.last().pk}"))


# Words of others


def test_hostile_names_are_words_on_every_page(alice: Person, shop: Shop, base: str) -> None:
    Endpoint.objects.update(name=HOSTILE[:100], user_group=HOSTILE)
    EventChoice.objects.filter(type="invoice.paid").update(trigger=HOSTILE, condition={"metadata": {HOSTILE: HOSTILE}})
    hostile = event("customer.created", "hostile@example.com", name=HOSTILE, description=HOSTILE)
    hostile["id"] = "evt_" + "x" * 40
    shop.hear(hostile)
    shop.work()
    pages = [base, f"{base}/deliveries", f"{base}/options", f"/integrations/stripe/deliveries/{shop.last().pk}"]
    for path in ["/integrations", *pages]:
        page = text(alice.get(path))
        assert "<script>alert" not in page
        assert "<img src=x" not in page


# Who may


def test_bob_chooses_events_and_processes_again_but_secrets_are_for_admins(bob: Person, shop: Shop, base: str) -> None:
    shop.hear(event("customer.created"))
    delivery = shop.last()
    assert bob.post(f"{base}/events", rows()).status_code == 302
    assert bob.post(f"/integrations/stripe/deliveries/{delivery.pk}/process-again").status_code == 302
    secret = shop.endpoint.secrets.get()
    for path in (
        "secrets",
        "secrets/made",
        f"secrets/{secret.pk}/remove",
        "options",
        "delete",
        "only-log-test-events",
        "enable",
    ):
        assert bob.post(f"{base}/{path}", {"secret": "whsec_bobs_own_secret"}).status_code == 403, path
    assert bob.post("/integrations/stripe", {"name": "Bob's"}).status_code == 403
    assert "Save secret" not in text(bob.get(base))


def test_vera_looks_and_changes_nothing(vera: Person, shop: Shop, base: str) -> None:
    shop.hear(event("customer.created"))
    delivery = shop.last()
    for path in (
        "/integrations",
        base,
        f"{base}/deliveries",
        f"{base}/options",
        f"/integrations/stripe/deliveries/{delivery.pk}",
    ):
        assert vera.get(path).status_code == 200, path
    for path in (
        f"{base}/events",
        f"{base}/rehearsals",
        f"/integrations/stripe/deliveries/{delivery.pk}/process-again",
    ):
        assert vera.post(path, rows()).status_code == 403, path


def test_mallory_finds_nothing_of_acme(mallory: Person, shop: Shop, base: str) -> None:
    shop.hear(event("customer.created"))
    secret, of_delivery = shop.endpoint.secrets.get(), f"/integrations/stripe/deliveries/{shop.last().pk}"
    for path in (base, f"{base}/deliveries", f"{base}/options", of_delivery, f"{of_delivery}/body"):
        assert mallory.get(path).status_code == 404, path
    for path in ("events", "secrets", "secrets/made", f"secrets/{secret.pk}/remove", "rehearsals", "delete", "enable"):
        assert mallory.post(f"{base}/{path}", rows()).status_code == 404, path
    assert mallory.post(f"{of_delivery}/process-again").status_code == 404
    assert "Connect Stripe" in text(mallory.get("/integrations/stripe"))
    assert shop.endpoint.secrets.exists()
