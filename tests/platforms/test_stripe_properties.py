"""The table of properties: what it promises is what events carry, and what docs/stripe.md shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cocoonmail.contacts.changes import Properties
from cocoonmail.platforms.stripe import STRIPE
from cocoonmail.platforms.stripe.properties import EVENT_PROPERTIES, GROUPS, as_markdown, properties_of
from cocoonmail.platforms.stripe.samples import SAMPLES
from tests.platforms.reference import event as recorded_event
from tests.platforms.reference import needs_shared, recorded
from tests.platforms.stripe_events import NOW, event, read, told

pytestmark = pytest.mark.one_database

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "stripe.md"

READABLE = [path for path in recorded() if path.name.partition("--")[0] in STRIPE.events]

# What the samples leave empty, filled in, so that every property occurs.
FULL: Mapping[str, Mapping[str, Any]] = {
    "customer.updated": {
        "business_name": "Analytical Engines Ltd",
        "individual_name": "Ada Lovelace",
        "address": {"country": "GB"},
        "preferred_locales": ["en-GB"],
        "description": "Since 1842",
        "currency": "gbp",
    },
    "invoice.paid": {"description": "Thank you", "due_date": NOW, "metadata": {"plan": "pro"}},
    "customer.subscription.updated": {
        "trial_start": NOW,
        "trial_end": NOW,
        "metadata": {"plan": "pro"},
        "pause_collection": {"behavior": "void", "resumes_at": NOW},
        "cancellation_details": {"reason": "payment_failed", "feedback": "other"},
    },
    "checkout.session.completed": {
        "customer_details": {
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "business_name": "Analytical Engines Ltd",
            "phone": "+44 1",
            "address": {"country": "GB"},
        },
        "client_reference_id": "order-7",
        "subscription": "sub_1",
        "invoice": "in_1",
        "metadata": {"a": "b"},
        "line_items": {"data": [{"description": "Pen", "amount": 5, "quantity": 2, "period": {"start": 1, "end": 2}}]},
    },
    "charge.refunded": {
        "invoice": "in_1",
        "metadata": {"a": "b"},
        "refunds": {"data": [{"reason": "duplicate"}]},
    },
    "charge.dispute.created": {"charge": {"id": "ch_1", "customer": "cus_1"}, "metadata": {"a": "b"}},
    "quote.accepted": {
        "description": "A pen",
        "invoice": "in_1",
        "metadata": {"a": "b"},
        "line_items": {"data": [{"description": "Pen", "amount": 5, "quantity": 2, "period": {"start": 1, "end": 2}}]},
    },
}
BEFORE: Mapping[str, Mapping[str, Any]] = {
    "customer.updated": {"email": "old@example.com", "name": "Ada Byron"},
    "customer.subscription.updated": {"status": "trialing"},
    "charge.refunded": {"amount_refunded": 0},
}


def is_of(type: str, value: object) -> bool:
    """Whether a value has one of the table's types."""
    match type:
        case "string":
            return isinstance(value, str) and value != ""
        case "number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
        case "list":
            return (
                isinstance(value, Sequence) and not isinstance(value, str) and bool(value) and all(map(is_flat, value))
            )
        case _:
            return False


def is_flat(row: object) -> bool:
    """Whether a row of a list is an object of plain values."""
    return isinstance(row, Mapping) and all(isinstance(one, str | int | bool) for one in row.values())


def as_promised(type: str, properties: Properties) -> None:
    """Every property is in the table, for this type of event, and of the type that the table says."""
    promised = properties_of(type)
    assert set(properties) <= set(promised)
    assert {name: value for name, value in properties.items() if not is_of(promised[name], value)} == {}


@pytest.mark.parametrize("type", STRIPE.events)
def test_an_event_carries_only_what_the_table_promises(type: str) -> None:
    as_promised(type, told(type).happening.properties)


@pytest.mark.parametrize("type", FULL)
def test_everything_that_the_table_promises_occurs(type: str) -> None:
    made = event(type, previous=dict(BEFORE[type]) if type in BEFORE else None, **FULL[type]) | {"account": "acct_1"}
    if type == "invoice.paid":
        made["data"]["object"]["next_payment_attempt"] = NOW

    carried = read(made).happening.properties

    as_promised(type, carried)
    assert set(properties_of(type)) - set(carried) == set()


@needs_shared
@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.stem)
def test_a_recorded_event_is_read_and_carries_only_what_the_table_promises(path: Path) -> None:
    made = recorded_event(path)

    as_promised(made["type"], read(made).happening.properties)


def test_every_event_is_in_a_group_and_has_a_sample() -> None:
    assert sorted(type for types in GROUPS.values() for type in types) == sorted(STRIPE.events)
    assert list(SAMPLES) == list(STRIPE.events)


def test_no_property_is_told_twice() -> None:
    names = [name for one in EVENT_PROPERTIES for name in one.types]

    assert len(names) == len(set(names))


def test_the_guide_shows_the_table() -> None:
    assert as_markdown() in GUIDE.read_text(), "copy what as_markdown() of properties.py gives into docs/stripe.md"


@pytest.mark.parametrize("type", STRIPE.events)
def test_the_guide_has_a_row_for_every_event_with_the_name_that_the_page_suggests(type: str) -> None:
    row = next((line for line in GUIDE.read_text().splitlines() if line.startswith(f"| `{type}` |")), "")
    suggested = STRIPE.events[type].suggested

    assert f"| `{suggested}` |" in row if suggested else "| none |" in row
