"""Every reader on recorded events, on every sample, and on both with things broken in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocoonmail.contacts.changes import ContactChange, Facts, Happening, Rank, Reading, Unreadable
from cocoonmail.platforms.base import Announcement
from cocoonmail.platforms.stripe import STRIPE
from cocoonmail.platforms.stripe.samples import SAMPLES
from tests.platforms import reference
from tests.platforms.stripe_events import event, read

# Recorded bodies whose shape is not what their type promises; there are none.
UNREADABLE: frozenset[str] = frozenset()


def texts(found: Any) -> Iterator[str]:
    """Every text in a reading."""
    match found:
        case str():
            yield found
        case dict():
            for key, value in found.items():
                yield from texts(key)
                yield from texts(value)
        case list() | tuple() | frozenset():
            for one in found:
                yield from texts(one)
        case Reading() | Happening() | ContactChange() | Facts():
            for name in found.__slots__:
                yield from texts(getattr(found, name))
        case _:
            pass


def assert_sound(reading: Reading) -> None:
    """What every reading promises to those who use it, whatever the payload was."""
    for text in texts(reading):
        text.encode()  # Raises for lone surrogates
        assert "\x00" not in text
        assert "\n" not in text
        assert "\r" not in text
    assert reading.understood
    assert reading.happening.key
    assert 0 <= reading.change.at < 253_402_300_800
    assert None not in reading.happening.properties.values()
    assert reading.change.claims.keys() <= {"email", "first_name", "last_name"}
    assert all(claim.value for claim in reading.change.claims.values())
    assert all(len(claim.value) <= 255 for name, claim in reading.change.claims.items() if name != "email")
    assert (
        reading.change.email == ""
        or "email" not in reading.change.claims
        or (reading.change.email == reading.change.claims["email"].value)
    )
    json.dumps(reading.happening.properties, allow_nan=False)


@reference.needs_shared
@pytest.mark.parametrize("path", reference.recorded(), ids=lambda path: path.stem)
def test_a_recorded_event_is_read_if_its_type_is_supported(path: Path) -> None:
    made = reference.event(path)
    if made["type"] not in STRIPE.events:
        pytest.skip("not a supported type")
    if path.stem in UNREADABLE:
        with pytest.raises(Unreadable):
            read(made)
        return
    assert_sound(read(made))


@reference.needs_shared
def test_recordings_tell_of_the_contact_what_was_recorded() -> None:
    by_name = {path.stem: reference.event(path) for path in reference.recorded()}
    swapped = read(by_name["customer.updated--2025-11-17.clover--derived-email-swap-to-other-contact"])
    assert swapped.change.email == "jane.doe@example.com"
    assert swapped.change.claims["email"].previous == "jane.old@example.com"
    account = read(by_name["invoice.paid--2025-11-17.clover--derived-customer-null-account-v2"])
    assert account.change.customer is not None
    assert account.change.customer.id.startswith("acct_")
    guest = read(by_name["checkout.session.completed--2020-03-02--derived-guest-no-customer"])
    assert guest.change.customer is None
    assert guest.change.email


@pytest.mark.parametrize("type", STRIPE.events)
def test_every_supported_type_has_a_sample_that_is_read(type: str) -> None:
    assert_sound(read(event(type)))


@pytest.mark.parametrize("type", STRIPE.events)
def test_every_reader_refuses_what_is_not_its_object_in_a_sentence(type: str) -> None:
    others: list[Any] = [None, [], "x", 5, {}, {"object": "balance", "id": "x"}, {"object": None}]
    for found in others:
        made = event(type)
        made["data"]["object"] = found
        with pytest.raises(Unreadable, match=r"^The event's data\.object should be .*\.$"):
            read(made)


@pytest.mark.parametrize("type", STRIPE.events)
def test_every_reader_reads_an_object_that_holds_nothing_but_its_id(type: str) -> None:
    made = event(type)
    made["data"]["object"] = {"id": "obj_1", "object": made["data"]["object"]["object"]}
    assert_sound(read(made))


@pytest.mark.parametrize("type", STRIPE.events)
def test_every_reader_takes_an_expanded_customer_for_its_id(type: str) -> None:
    made = event(type)
    if "customer" not in made["data"]["object"]:
        pytest.skip("this object names no customer")
    before = read(made).change.customer
    made["data"]["object"]["customer"] = {"id": made["data"]["object"]["customer"], "object": "customer"}
    assert read(made).change.customer == before


@pytest.mark.parametrize("type", STRIPE.events)
def test_only_news_about_a_customer_outranks_copies(type: str) -> None:
    about_customer = type.count(".") == 1 and type.startswith("customer.")
    assert (read(event(type)).change.rank > Rank.COPY) is about_customer


def test_the_table_of_types_names_each_type_as_its_reader_and_sample_do() -> None:
    assert list(SAMPLES) == list(STRIPE.events)
    assert all(name == kind.name for name, kind in STRIPE.events.items())
    assert [name for name, kind in STRIPE.events.items() if kind.removal] == ["customer.deleted"]
    first = [(name, kind.suggested) for name, kind in STRIPE.events.items()][:4]
    assert [name for name, _ in first] == [
        "customer.created",
        "customer.updated",
        "invoice.paid",
        "invoice.payment_failed",
    ]


@cache
def bodies() -> list[str]:
    """Every sample, and every recorded event that is supported."""
    made = [event(type) for type in STRIPE.events]
    found = [reference.event(path) for path in reference.recorded()]
    return [json.dumps(one) for one in [*made, *(one for one in found if one["type"] in STRIPE.events)]]


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, 10**16, 2**70, 253_402_300_800),
        *("", "x", "\x00", "\ud800", "a\r\nb", "{}{0}", "[redacted]", "é" * 3000),
        *([], [None], [[]], {}, {"id": None}, {"data": [{}]}, {"data": [None, {"price": []}]}, {"x": {"y": 1}}),
    ]
)


def places(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in a document."""
    pairs = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def broken(made: Any, path: tuple[Any, ...], value: Any) -> None:
    """Put another value in a place, or take it out where the value is "out"."""
    *steps, last = path
    for step in steps:
        made = made[step]
    if value == "out" and isinstance(made, dict):
        del made[last]
    else:
        made[last] = deepcopy(value)  # The odd values are shared: one put into itself would never end.


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_is_broken_in_an_event_it_is_read_or_unreadable(data: st.DataObject) -> None:
    made = json.loads(data.draw(st.sampled_from(bodies())))
    for _ in range(data.draw(st.integers(1, 3))):
        if paths := [path for path in places(made) if path[0] == "data"]:
            broken(made, data.draw(st.sampled_from(paths)), data.draw(ODD | st.just("out")))
    said = Announcement("evt_1", made["type"], made["created"], False, "", "")
    try:
        reading = STRIPE.events[said.type].read(said, made)
    except Unreadable:
        return
    assert_sound(reading)
