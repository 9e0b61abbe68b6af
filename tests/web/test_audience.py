"""Promises of the audience's pages: the list, adding somebody, a contact's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cocoonmail.contacts.models import Contact, ContactProperty, PlatformCustomer, Suppression
from cocoonmail.contacts.suppression import suppress, suppressed
from cocoonmail.emails.models import Message
from cocoonmail.kit.clock import database_now
from tests.deeds import contact, goes_on, happens, loop_of
from tests.people import People, Person


def html(person: Person, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def filled(found: Contact, **values: Any) -> dict[str, Any]:
    """A contact's form as the page shows it, with changes."""
    form = {name: getattr(found, name) for name in ("first_name", "last_name", "user_group", "notes")}
    form |= {f"property-{name}": value for name, value in found.properties.items()}
    shown = {f"initial-{name}": value for name, value in {**form, "subscribed": found.subscribed}.items()}
    return {**shown, **form, **({"subscribed": "on"} if found.subscribed else {}), **values}


def test_an_empty_audience_teaches_the_next_step(alice: Person) -> None:
    page = html(alice, "/audience")
    assert "Connect Stripe" in page
    assert "Add contact" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=GRACE", ["grace"]),
        ("q=grace+hopper", ["grace"]),
        ("q=lovelace", ["ada"]),
        ("subscribed=no", ["grace"]),
        ("group=Trial", ["ada"]),
        ("source=Added+by+hand", ["grace"]),
        ("test=yes", ["ada"]),
        ("q=nobody", []),
        ("q=%00", ["grace", "ada"]),
        ("q=gr%00ace&group=%00&source=%00", ["grace"]),
        ("mail=stopped", []),
        ("mail=allowed", ["grace", "ada"]),
        ("mail=nonsense", ["grace", "ada"]),
        ("subscribed=nonsense", ["grace", "ada"]),
        ("older=nonsense", ["grace", "ada"]),
    ],
)
def test_contacts_are_found_by_their_words_and_filters(alice: Person, query: str, found: list[str]) -> None:
    contact(alice.workspace, "ada@example.com", user_group="Trial", test=True)
    contact(
        alice.workspace, "Grace@example.com", first_name="Grace", last_name="Hopper", subscribed=False,
        source="Added by hand",
    )  # fmt: skip
    page = html(alice, f"/audience?{query}").casefold()
    assert [name for name in ("grace", "ada") if f"{name}@example.com" in page] == found


def test_the_newest_come_first_page_by_page(alice: Person) -> None:
    now = database_now()
    for number in range(60):
        contact(alice.workspace, f"c{number:02}@example.com", at=now - timedelta(hours=number))
    first = html(alice, "/audience")
    assert "60 contacts" in first
    assert "c00@" in first
    assert "c49@" in first
    assert "c50@" not in first
    older = first.split("?older=")[1].split('"')[0]
    assert "c59@" in html(alice, f"/audience?older={older}")


def test_custom_properties_are_columns_that_one_chooses(alice: Person) -> None:
    for name in ("plan", "seats", "city"):
        ContactProperty.objects.create(workspace=alice.workspace, name=name)
    contact(alice.workspace, properties={"plan": "Team", "seats": "Forty-two", "city": "Oslo"})
    assert "Forty-two" not in html(alice, "/audience")
    page = html(alice, "/audience?columns=seats")
    assert "Forty-two" in page
    assert "Oslo" not in page


def test_the_list_asks_no_query_per_contact(alice: Person) -> None:
    for number in range(40):
        contact(alice.workspace, f"c{number}@example.com")
    with CaptureQueriesContext(connection) as captured:
        html(alice, "/audience")
    assert len(captured) <= 12


def test_somebody_is_added_by_hand_and_starts_no_loop(bob: Person) -> None:
    loop_of(bob.workspace)
    bob.post("/audience/new", {"email": " Grace@Example.com ", "first_name": "Grace", "subscribed": "on"})
    added = Contact.objects.get()
    assert (added.email, added.email_key, added.source) == ("Grace@Example.com", "grace@example.com", "Added by hand")
    assert added.subscribed
    assert not added.runs.exists()


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "Write the person"),
        ("grace", "is not an email address"),
        ("grace@nowhere", "has no complete domain"),
        ("ADA@example.com", "is in your audience already"),
    ],
)
def test_an_address_that_cannot_be_added_is_refused_beside_its_field(bob: Person, email: str, words: str) -> None:
    contact(bob.workspace)
    answer = bob.post("/audience/new", {"email": email})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Contact.objects.count() == 1


def test_the_same_address_may_be_in_two_workspaces(everybody: People) -> None:
    contact(everybody.mallory.workspace)
    everybody.bob.post("/audience/new", {"email": "ada@example.com"})
    assert Contact.objects.count() == 2


def test_only_what_was_changed_is_written(bob: Person) -> None:
    ada = contact(bob.workspace, properties={"plan": "Team", "unknown": 1})
    ContactProperty.objects.create(workspace=bob.workspace, name="plan")
    ContactProperty.objects.create(workspace=bob.workspace, name="seats", type="number")
    form = filled(ada, **{"user_group": "Customers", "property-seats": "42"})
    # The name is synced by a webhook while Bob types.
    Contact.objects.filter(pk=ada.pk).update(last_name="King", properties={"plan": "Pro", "unknown": 2})
    assert bob.post(f"/audience/{ada.pk}", form).status_code == 302
    ada.refresh_from_db()
    assert (ada.user_group, ada.last_name) == ("Customers", "King")
    assert ada.properties == {"plan": "Pro", "unknown": 2, "seats": 42}


def test_unsubscribing_by_hand_keeps_the_moment_and_resubscribing_clears_it(bob: Person) -> None:
    ada = contact(bob.workspace)
    form = filled(ada)
    form.pop("subscribed")
    bob.post(f"/audience/{ada.pk}", form)
    ada.refresh_from_db()
    assert not ada.subscribed
    assert ada.unsubscribed_at is not None
    bob.post(f"/audience/{ada.pk}", filled(ada, subscribed="on"))
    ada.refresh_from_db()
    assert ada.subscribed
    assert ada.unsubscribed_at is None


@pytest.mark.parametrize(
    ("type", "text", "kept"),
    [
        ("string", "Team", "Team"),
        ("number", "4.5", 4.5),
        ("number", "40", 40),
        ("boolean", "False", False),
        ("date", "2026-11-23", "2026-11-23"),
        ("string", "", None),
    ],
)
def test_a_custom_property_keeps_its_type(bob: Person, type: str, text: str, kept: Any) -> None:
    ContactProperty.objects.create(workspace=bob.workspace, name="own", type=type)
    ada = contact(bob.workspace, properties={"own": "old"} if type == "string" else {})
    bob.post(f"/audience/{ada.pk}", filled(ada, **{"property-own": text}))
    ada.refresh_from_db()
    assert ada.properties.get("own") == kept


@pytest.mark.parametrize(
    ("name", "words"),
    [("firstName", "every contact has"), ("2nd", "Begin with a letter"), ("plan", "already"), ("my plan", "letters")],
)
def test_a_property_that_cannot_be_is_refused(bob: Person, name: str, words: str) -> None:
    ContactProperty.objects.create(workspace=bob.workspace, name="plan")
    ada = contact(bob.workspace)
    answer = bob.post("/audience/properties", {"name": name, "type": "string", "contact": str(ada.pk)})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert ContactProperty.objects.count() == 1


def test_a_new_property_can_be_filled_in_on_the_contact_it_was_made_for(bob: Person) -> None:
    ada = contact(bob.workspace)
    answer = bob.post("/audience/properties", {"name": "plan", "type": "string", "contact": str(ada.pk)}, follow=True)
    assert 'name="property-plan"' in answer.content.decode()


def test_a_contacts_page_tells_what_happened_and_what_the_platform_is_unsure_of(vera: Person) -> None:
    loop = loop_of(vera.workspace)
    ada = contact(vera.workspace)
    happens("newStripeCustomer", ada)
    goes_on()
    now = database_now()
    PlatformCustomer.objects.create(
        workspace=vera.workspace, endpoint_id=1, livemode=True, external_id="cus_Ada", contact=ada, doubtful=True,
        conflict="grace@example.com is another contact", created_at=now, updated_at=now,
    )  # fmt: skip
    page = html(vera, f"/audience/{ada.pk}")
    told = [
        "cus_Ada",
        "is another contact",
        "could not be put in order",
        "newStripeCustomer happened",
        f"/loops/{loop.pk}",
    ]
    assert all(words in page for words in [*told, f"/messages/{Message.objects.get().pk}"])


def test_deleting_somebody_names_what_goes_and_leaves_their_messages_nameless(alice: Person) -> None:
    loop_of(alice.workspace)
    ada = contact(alice.workspace)
    happens("newStripeCustomer", ada)
    goes_on()
    assert "1 × message that is still to be sent" in html(alice, f"/audience/{ada.pk}")
    alice.post(f"/audience/{ada.pk}/delete")
    assert not Contact.objects.exists()
    assert Message.objects.get().contact is None


def test_all_mail_to_an_address_is_stopped_and_allowed_again_by_hand(bob: Person) -> None:
    ada, grace = contact(bob.workspace), contact(bob.workspace, "grace@example.com")
    assert "Stop all mail to this address?" in html(bob, f"/audience/{ada.pk}")
    page = bob.post(f"/audience/{ada.pk}/stop", follow=True).content.decode()
    assert "by hand (by bob@acme.test)" in page
    assert "All mail to ada@example.com was stopped" in page
    assert "Allow mail again" in page
    assert suppressed([bob.workspace.pk], [ada.email_key, grace.email_key]).keys() == {
        (bob.workspace.pk, "ada@example.com")
    }
    bob.post(f"/audience/{ada.pk}/allow")
    bob.post(f"/audience/{ada.pk}/allow")
    assert "Stop all mail to this address?" in html(bob, f"/audience/{ada.pk}")
    assert not Suppression.objects.exists()


def test_the_list_shows_whose_mail_was_stopped_and_finds_them(alice: Person) -> None:
    ada = contact(alice.workspace)
    contact(alice.workspace, "grace@example.com")
    suppress(alice.workspace.pk, ada.email_key, Suppression.Reason.HARD_BOUNCE, database_now())
    assert html(alice, "/audience").count("Mail stopped") == 1
    stopped, others = html(alice, "/audience?mail=stopped"), html(alice, "/audience?mail=allowed")
    assert ("ada@example.com" in stopped, "grace@example.com" in stopped) == (True, False)
    assert ("ada@example.com" in others, "grace@example.com" in others) == (False, True)


@pytest.mark.parametrize(
    ("reason", "words"),
    [("manual", "Make sure that whoever"), ("hard_bounce", "works again"), ("complaint", "each further complaint")],
)
def test_who_allows_mail_again_is_told_what_to_think_of(alice: Person, reason: str, words: str) -> None:
    ada = contact(alice.workspace)
    suppress(alice.workspace.pk, ada.email_key, Suppression.Reason(reason), database_now())
    assert words in html(alice, f"/audience/{ada.pk}")


def test_an_address_stays_stopped_when_its_contact_is_deleted_and_comes_back(alice: Person) -> None:
    ada = contact(alice.workspace)
    alice.post(f"/audience/{ada.pk}/stop")
    alice.post(f"/audience/{ada.pk}/delete")
    assert "No email of any kind goes there" in html(alice, f"/audience/{contact(alice.workspace).pk}")


def test_a_viewer_changes_nobody_and_a_stranger_sees_nobody(everybody: People) -> None:
    ada = contact(everybody.alice.workspace)
    before = Contact.objects.values().get()
    for path in (f"/audience/{ada.pk}", f"/audience/{ada.pk}/delete", f"/audience/{ada.pk}/stop"):
        assert everybody.vera.post(path, filled(ada, first_name="X")).status_code == 403
        assert everybody.mallory.post(path, filled(ada, first_name="X")).status_code == 404
    form = {"name": "plan", "type": "string", "contact": str(ada.pk)}
    assert everybody.vera.post("/audience/properties", form).status_code == 403
    assert everybody.mallory.post("/audience/properties", form).status_code == 404
    assert everybody.mallory.get(f"/audience/{ada.pk}").status_code == 404
    assert "ada@example.com" not in html(everybody.mallory, "/audience")
    assert Contact.objects.values().get() == before
    assert not Suppression.objects.exists()
    assert not ContactProperty.objects.exists()
