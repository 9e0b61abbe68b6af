"""What Stripe's news about customers mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cocoonmail.contacts.changes import Claim, Customer, Rank, Unreadable
from tests.platforms.stripe_events import ADA, NOW, event, read, told


def names(**customer: Any) -> tuple[str, str]:
    """The first and last name that a new customer is given."""
    claims = told("customer.created", **customer).change.claims
    return tuple(claims[field].value if field in claims else "" for field in ("first_name", "last_name"))  # type: ignore[return-value]


def test_a_new_customer_brings_an_email_and_a_name_to_sync() -> None:
    reading = told("customer.created", id="cus_Ada")
    assert reading.change.customer == Customer("cus_Ada", "", False)
    assert reading.change.email == ADA
    assert reading.change.claims == {
        "email": Claim(ADA),
        "first_name": Claim("Ada"),
        "last_name": Claim("Lovelace"),
    }
    assert (reading.change.at, reading.change.rank, reading.change.deleted) == (NOW, Rank.CREATED, False)
    assert reading.happening.key == "customer.created:cus_Ada"
    assert reading.happening.occurred_at == datetime.fromtimestamp(NOW, UTC)
    assert reading.understood == "New customer Ada Lovelace <ada@example.com>"


def test_two_events_about_one_new_customer_are_one_happening() -> None:
    first, second = event("customer.created", token="a"), event("customer.created", token="b")
    assert first["id"] != second["id"]
    assert read(first).happening.key == read(second).happening.key
    assert read(first).happening.key != told("customer.created", id="cus_Other").happening.key


def test_each_update_of_a_customer_is_a_happening_of_its_own() -> None:
    first, second = event("customer.updated", token="a"), event("customer.updated", token="b")
    assert read(first).happening.key == first["id"]
    assert read(second).happening.key == second["id"]


def test_a_connected_accounts_customer_is_another_one() -> None:
    made = event("customer.created", id="cus_Ada") | {"account": "acct_1"}
    assert read(made).change.customer == Customer("cus_Ada", "acct_1", False)


@pytest.mark.parametrize("email", [None, "", "   ", "[redacted]", ..., "\r\n"])
def test_a_customer_without_an_address_is_read_and_claims_none(email: Any) -> None:
    reading = told("customer.created", email=email)
    assert reading.change.email == ""
    assert "email" not in reading.change.claims
    assert "customerEmail" not in reading.happening.properties
    assert "without an email address" in reading.understood


NAMES = {
    "Ada Lovelace": ("Ada", "Lovelace"),
    "Sukarno": ("Sukarno", ""),
    "  Juan  Carlos de la Cruz ": ("Juan", "Carlos de la Cruz"),
    "Zoë Müller-Łukasz": ("Zoë", "Müller-Łukasz"),
    "山田 太郎": ("山田", "太郎"),
    "Ada\u00a0Lovelace": ("Ada", "Lovelace"),
    "Eve\r\nBcc: victim@example.com": ("Eve", "Bcc: victim@example.com"),
    "nu\x00l": ("nul", ""),
    "half \ud83d": ("half", "\N{REPLACEMENT CHARACTER}"),
    "bell\x07 \x9fring": ("bell", "ring"),
    "   ": ("", ""),
    "": ("", ""),
    "[redacted]": ("", ""),
}


@pytest.mark.parametrize(("name", "split"), NAMES.items())
def test_a_name_is_split_at_its_first_blank_and_made_harmless(name: str, split: tuple[str, str]) -> None:
    assert names(name=name) == split


def test_a_company_is_not_split_into_a_first_and_a_last_name() -> None:
    assert names(name="Analytical Engines Ltd", business_name="Analytical Engines Ltd") == ("", "")


def test_the_persons_own_name_is_preferred_to_the_companys() -> None:
    found = names(name="Analytical Engines Ltd", business_name="Analytical Engines Ltd", individual_name="Ada King")
    assert found == ("Ada", "King")


def test_very_long_names_are_cut_to_what_the_contact_can_hold() -> None:
    first, last = names(name=f"{'a' * 999} {'b' * 999}")
    assert (len(first), len(last)) == (255, 255) or (len(first), last) == (255, "")


def test_a_changed_address_says_what_it_was_before() -> None:
    reading = told("customer.updated", previous={"email": "ada.old@example.com"})
    assert reading.change.claims["email"] == Claim(ADA, "ada.old@example.com")
    assert reading.change.claims["first_name"] == Claim("Ada")
    assert reading.change.rank is Rank.UPDATED
    assert reading.happening.properties["previousEmail"] == "ada.old@example.com"


def test_an_address_that_was_empty_before_says_so() -> None:
    assert told("customer.updated", previous={"email": None}).change.claims["email"] == Claim(ADA, "")


def test_an_address_that_was_taken_away_claims_nothing() -> None:
    reading = told("customer.updated", email=None, previous={"email": ADA})
    assert "email" not in reading.change.claims
    assert reading.happening.properties["previousEmail"] == ADA


def test_a_changed_name_says_what_its_parts_were_before() -> None:
    claims = told("customer.updated", name="Ada King", previous={"name": "Ada Lovelace"}).change.claims
    assert claims["last_name"] == Claim("King", "Lovelace")
    assert claims["first_name"].value == "Ada"


def test_a_name_that_was_empty_before_says_so() -> None:
    claims = told("customer.updated", previous={"name": None}).change.claims
    assert claims["first_name"] == Claim("Ada", "")
    assert claims["last_name"] == Claim("Lovelace", "")


def test_a_name_that_became_a_companys_says_what_it_was_as_a_persons() -> None:
    reading = told(
        "customer.updated",
        name="Ada Lovelace",
        individual_name="Ada King",
        business_name="Ada Lovelace",
        previous={"business_name": None, "individual_name": None},
    )
    assert reading.change.claims["last_name"] == Claim("King", "Lovelace")


BOOKKEEPING = [
    {"currency": None},
    {"invoice_settings": {"default_payment_method": None}},
    {"balance": 0, "delinquent": False, "next_invoice_sequence": 1},
    {"account_balance": -500},
    {"default_source": "card_1", "sources": {}},
]


@pytest.mark.parametrize("previous", BOOKKEEPING)
def test_stripes_own_bookkeeping_is_noise(previous: dict[str, Any]) -> None:
    assert told("customer.updated", previous=previous).happening.noise is True


@pytest.mark.parametrize("key", ["email", "name", "phone", "metadata", "address", "description", "shipping"])
def test_what_people_care_about_is_no_noise_also_beside_bookkeeping(key: str) -> None:
    assert told("customer.updated", previous={key: None, "currency": None}).happening.noise is False


def test_an_update_that_does_not_say_what_changed_is_no_noise() -> None:
    made = event("customer.updated")
    made["data"].pop("previous_attributes", None)
    assert read(made).happening.noise is False


def test_a_new_customer_is_never_noise() -> None:
    assert told("customer.created", previous={"currency": None}).happening.noise is False


def test_a_deleted_customer_is_read_from_its_last_state() -> None:
    reading = told("customer.deleted", id="cus_Ada")
    assert (reading.change.deleted, reading.change.rank) == (True, Rank.DELETED)
    assert reading.change.email == ADA
    assert reading.understood == "Customer Ada Lovelace <ada@example.com> was deleted"


def test_a_deleted_customer_is_read_also_when_only_its_id_is_left() -> None:
    made = event("customer.deleted")
    made["data"]["object"] = {"id": "cus_Ada", "object": "customer", "deleted": True}
    reading = read(made)
    assert reading.change.customer == Customer("cus_Ada", "", False)
    assert (reading.change.deleted, reading.change.claims) == (True, {})


@pytest.mark.parametrize("type", ["customer.created", "customer.updated", "customer.deleted"])
@pytest.mark.parametrize("found", [..., None, [], "cus_1", 5, {"object": "account", "id": "x"}, {"id": "cus_1"}])
def test_an_object_of_another_shape_is_unreadable_and_the_sentence_says_what_was_expected(
    type: str, found: Any
) -> None:
    made = event(type)
    made["data"] = {} if found is ... else {"object": found}
    with pytest.raises(Unreadable, match=r"data\.object should be .*customer.*\."):
        read(made)


@pytest.mark.parametrize("id", [..., None, 5, "", {}, "a" * 300, "cus_\x00"])
def test_a_customer_without_an_id_is_unreadable(id: Any) -> None:
    with pytest.raises(Unreadable, match="id"):
        told("customer.created", id=id)


@pytest.mark.parametrize("email", [5, ["ada@example.com"], {"value": "ada@example.com"}, True])
def test_an_address_that_is_no_text_is_unreadable(email: Any) -> None:
    with pytest.raises(Unreadable, match="email should be a text"):
        told("customer.created", email=email)


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_an_event_without_data_is_unreadable(data: Any) -> None:
    with pytest.raises(Unreadable):
        read(event("customer.created") | {"data": data})


def test_metadata_is_carried_as_data_and_cannot_stand_in_for_properties() -> None:
    hostile = {"__class__": "x", "customerEmail": "mallory@example.com", "email": "mallory@example.com", "$where": "1"}
    reading = told("customer.created", metadata=hostile)
    assert reading.happening.properties["metadata"] == [{"key": k, "value": v} for k, v in hostile.items()]
    assert reading.happening.properties["customerEmail"] == ADA
    assert reading.facts.metadata == hostile


def test_properties_name_the_customer() -> None:
    found = told("customer.created", id="cus_Ada", phone="+4722000000").happening.properties
    assert found["customerName"] == "Ada Lovelace"
    assert found["customerEmail"] == ADA
    assert found["stripeCustomerId"] == "cus_Ada"
    assert found["livemode"] is False
    assert None not in found.values()


def test_texts_with_braces_do_not_break_the_sentence() -> None:
    reading = told("customer.updated", name="{0} {x!r}", previous={"{1}": 1, "name": "y"})
    assert "{0} {x!r}" in reading.understood
