"""From webhook to email, with the stages run by hand: what each webhook leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cocoonmail.contacts.models import Contact, Event, PlatformCustomer
from cocoonmail.emails.models import Message, Status
from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Run
from tests.shop import NOON, Shop, event, updated

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


def test_a_new_customer_becomes_a_contact_an_event_a_run_and_a_message(shop: Shop) -> None:
    shop.hear(event("customer.created", "Ada@Example.com "))
    shop.work()
    contact = Contact.objects.get()
    assert (contact.email, contact.first_name, contact.last_name) == ("Ada@Example.com", "Ada", "Lovelace")
    assert (contact.source, contact.user_group, contact.subscribed) == ("Stripe webhook", "Customers", True)
    assert Event.objects.get().name.name == "newStripeCustomer"
    assert Run.objects.get().contact == contact
    assert Message.objects.get().to_email == "Ada@Example.com"
    assert shop.last().state == DeliveryState.DONE


def test_the_same_webhook_again_has_no_second_effect(shop: Shop) -> None:
    one = event("invoice.paid")
    assert [stored.duplicate for stored in shop.hear(one, one, one)] == [False, True, True]
    shop.work()
    assert [stored.duplicate for stored in shop.hear(one)] == [True]
    shop.work()
    assert (Contact.objects.count(), Event.objects.count(), Message.objects.count()) == (1, 1, 1)
    assert shop.last().duplicates == 3


def test_the_same_id_with_another_body_keeps_the_first_and_is_counted(shop: Shop) -> None:
    one = event("customer.created")
    other = {**one, "pending_webhooks": 7}
    shop.hear(one)
    shop.hear(other)
    delivery = shop.last()
    assert (delivery.duplicates, delivery.differing) == (1, 1)
    assert b'"pending_webhooks": 1' in bytes(delivery.body)


def test_two_event_objects_for_one_payment_trigger_once(shop: Shop) -> None:
    one, other = event("invoice.paid"), event("invoice.paid")
    other["data"] = one["data"]
    shop.hear(one, other)
    shop.work()
    assert (Delivery.objects.count(), Event.objects.count(), Message.objects.count()) == (2, 1, 1)


def test_each_failed_attempt_of_one_invoice_triggers(shop: Shop) -> None:
    first, second = event("invoice.payment_failed", attempt_count=1), event("invoice.payment_failed", attempt_count=2)
    second["data"]["object"]["id"] = first["data"]["object"]["id"]
    shop.hear(first, second)
    shop.work()
    assert Message.objects.count() == 2


def test_processing_again_has_its_effects_still_once(shop: Shop) -> None:
    shop.hear(event("customer.created"))
    shop.work()
    Delivery.objects.update(state=DeliveryState.WAITING, due_at=database_now())
    shop.work()
    assert (Event.objects.count(), Run.objects.count(), Message.objects.count()) == (1, 1, 1)
    assert "recorded before" in shop.last().result


def test_an_email_change_moves_the_contact_instead_of_making_a_second(shop: Shop) -> None:
    created = event("customer.created", "ada@example.com")
    shop.hear(created)
    shop.work()
    shop.hear(updated(created, NOON + 60, email="countess@example.com"))
    shop.work()
    assert Contact.objects.get().email == "countess@example.com"
    assert "email changed from ada@example.com to countess@example.com" in shop.last().result


def test_an_email_change_to_another_contacts_address_keeps_both_and_says_so(shop: Shop) -> None:
    ada, bea = event("customer.created", "ada@example.com"), event("customer.created", "bea@example.com")
    shop.hear(ada, bea)
    shop.work()
    shop.hear(updated(ada, NOON + 60, email="bea@example.com"))
    shop.work()
    assert sorted(Contact.objects.values_list("email", flat=True)) == ["ada@example.com", "bea@example.com"]
    customer = PlatformCustomer.objects.get(external_id=ada["data"]["object"]["id"])
    assert customer.contact is not None
    assert customer.contact.email == "bea@example.com"
    assert "already is another contact" in shop.last().result
    assert customer.conflict


def test_two_customers_with_one_address_are_one_contact(shop: Shop) -> None:
    one, other = event("customer.created"), event("customer.created", id="cus_another")
    shop.hear(one, other)
    shop.work()
    assert (Contact.objects.count(), PlatformCustomer.objects.count()) == (1, 2)


def test_a_customer_without_email_is_received_and_nothing_is_synced(shop: Shop) -> None:
    shop.hear(event("customer.created", None))
    shop.work()
    delivery = shop.last()
    assert delivery.state == DeliveryState.NO_ADDRESS
    assert "received, no email address, nothing synced" in delivery.result
    assert Contact.objects.count() == 0


def test_an_address_that_comes_later_takes_up_what_waited_for_it(shop: Shop) -> None:
    created = event("customer.created", None)
    paid = event("invoice.paid", None, customer=created["data"]["object"]["id"], customer_email=None)
    shop.hear(created, paid)
    shop.work()
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.NO_ADDRESS}
    shop.hear(updated(created, NOON + 60, email="ada@example.com"))
    shop.work()
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DONE}
    assert sorted(Event.objects.values_list("name__name", flat=True)) == [
        "newStripeCustomer",
        "stripeCustomerUpdated",
        "successfulPayment",
    ]


def test_an_invoice_of_an_unknown_customer_is_parked_and_taken_up_when_the_customer_arrives(shop: Shop) -> None:
    created = event("customer.created")
    shop.hear(event("invoice.paid", None, customer=created["data"]["object"]["id"], customer_email=None))
    shop.work()
    assert shop.last().state == DeliveryState.PARKED
    assert "no email address, nothing synced yet: parked until cus_" in shop.last().result
    shop.hear(created)
    shop.work()
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DONE}
    assert Message.objects.count() == 2


def test_a_parked_webhook_is_given_up_after_seven_days_visibly(shop: Shop) -> None:
    shop.hear(event("invoice.paid", None, customer="cus_nobody", customer_email=None))
    shop.work()
    shop.work(now=database_now() + timedelta(days=6, hours=23))
    assert shop.last().state == DeliveryState.PARKED
    shop.work(now=database_now() + timedelta(days=7, minutes=1))
    assert shop.last().state == DeliveryState.FAILED
    assert "given up: cus_nobody did not arrive for 7 days" in shop.last().result


def test_a_payload_of_unexpected_shape_is_kept_as_failed_and_the_others_go_through(shop: Shop) -> None:
    odd = event("customer.created")
    odd["data"]["object"] = []
    shop.hear(event("customer.created", "a@example.com"), odd, event("customer.created", "b@example.com"))
    shop.work()
    assert Contact.objects.count() == 2
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["done", "done", "failed"]
    assert "unexpected shape" in Delivery.objects.get(state="failed").result


def test_an_invalid_address_is_listed_with_the_reason_and_makes_no_contact(shop: Shop) -> None:
    shop.hear(event("customer.created", "ada@example.com, bea@example.com"))
    shop.work()
    assert Contact.objects.count() == 0
    assert "is not one plain email address, so nothing was synced" in shop.last().result


def test_what_test_mode_made_is_marked_until_a_live_event_comes(shop: Shop) -> None:
    shop.hear(event("customer.created"))
    shop.work()
    assert Contact.objects.get().test
    live = event("customer.created")
    live["livemode"] = True
    shop.hear(live)
    shop.work()
    assert not Contact.objects.get().test
    assert PlatformCustomer.objects.count() == 2


def test_test_mode_changes_nothing_about_a_live_customer(shop: Shop) -> None:
    live = event("customer.created")
    live["livemode"] = True
    shop.hear(live)
    shop.work()
    test = event("customer.created", at=NOON + 60, name="Somebody Else")
    shop.hear(test)
    shop.work()
    assert Contact.objects.get().first_name == "Ada"


def test_test_events_are_only_logged_where_the_endpoint_says_so(shop: Shop) -> None:
    shop.endpoint.process_test = False
    shop.endpoint.save()
    shop.hear(event("customer.created"))
    shop.work()
    assert (shop.last().state, Contact.objects.count()) == (DeliveryState.LOGGED, 0)


def test_a_noisy_update_syncs_silently_unless_asked_to_trigger(shop: Shop) -> None:
    created = event("customer.created")
    shop.hear(created, updated(created, NOON + 1, currency="eur"))
    shop.work()
    assert not Event.objects.filter(name__name="stripeCustomerUpdated").exists()
    assert "nothing changed that matters" in shop.last().result
    shop.endpoint.choices.filter(type="customer.updated").update(noise_triggers=True)
    shop.hear(updated(created, NOON + 2, currency="usd"))
    shop.work()
    assert Event.objects.filter(name__name="stripeCustomerUpdated").count() == 1


def test_a_condition_that_does_not_hold_leaves_the_audience_alone(shop: Shop) -> None:
    shop.endpoint.choices.filter(type="invoice.paid").update(condition={"amount_min": 1_000_000})
    shop.hear(event("invoice.paid"))
    shop.work()
    assert (shop.last().state, Contact.objects.count()) == (DeliveryState.IGNORED, 0)
    assert "the condition does not hold: its amount is below 1000000" in shop.last().result


def test_events_of_connected_accounts_are_kept_apart_and_need_consent(shop: Shop) -> None:
    connected = {**event("customer.created"), "account": "acct_merchant"}
    shop.hear(connected)
    shop.work()
    assert (shop.last().state, Contact.objects.count()) == (DeliveryState.IGNORED, 0)
    shop.endpoint.connect = True
    shop.endpoint.save()
    shop.hear({**connected, "id": "evt_1second"})
    shop.work()
    assert PlatformCustomer.objects.get().account == "acct_merchant"


def test_a_one_time_loop_takes_a_contact_in_once(shop: Shop) -> None:
    from cocoonmail.loops.models import Loop
    from cocoonmail.loops.publish import start

    loop = Loop.objects.get(name="Paid")
    loop.frequency = "one_time"
    loop.save()
    assert start(loop, database_now()) == []
    shop.hear(event("invoice.paid"), event("invoice.paid"))
    shop.work()
    shop.hear(event("invoice.paid"))
    shop.work()
    assert (Event.objects.count(), Run.objects.count()) == (3, 1)


def test_a_paused_loop_keeps_everybody_where_they_are(shop: Shop) -> None:
    from cocoonmail.loops.models import Loop
    from cocoonmail.loops.publish import pause, start

    loop = Loop.objects.get(name="Paid")
    pause(loop, database_now())
    shop.hear(event("invoice.paid"))
    shop.work()
    assert (Run.objects.count(), Message.objects.count()) == (1, 0)
    start(loop, database_now())
    shop.work()
    assert Message.objects.get().status == Status.QUEUED


def test_a_wait_is_never_early(shop: Shop) -> None:
    from cocoonmail.loops.models import Loop
    from cocoonmail.loops.publish import start

    loop = Loop.objects.get(name="Paid")
    loop.steps = [{"id": "w", "type": "wait", "seconds": 3 * 86400}, loop.steps[1]]
    loop.save()
    assert start(loop, database_now()) == []
    shop.hear(event("invoice.paid"))
    begun = database_now()
    shop.work()
    shop.work(now=begun + timedelta(days=3) - timedelta(seconds=1))
    assert Message.objects.count() == 0
    shop.work(now=database_now() + timedelta(days=3, seconds=1))
    assert Message.objects.count() == 1
