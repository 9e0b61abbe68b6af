"""B42, B45, B47-B54: what stands in an event, found out when it is processed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

from cocoonmail.contacts.models import PlatformCustomer
from cocoonmail.emails.letters import write
from cocoonmail.emails.models import Message
from cocoonmail.emails.render import Held
from cocoonmail.intake.again import process_again
from cocoonmail.intake.models import SigningSecret
from cocoonmail.kit.clock import database_now
from tests.intake.bad_input.row import Case, Row, each, taken
from tests.intake.desk import SECRET, Desk
from tests.kit.rawhttp import Response
from tests.shop import NOON, Shop, event, updated

ADA = "ada@example.com"
HOSTILE = (
    "<script>alert(1)</script>",
    "{{7*7}}{% for i in (1..9) %}",
    "=cmd|' /C calc'!A0",
    "Ada\r\nBcc: mallory@example.com",
    "Ada\u2028Bcc: x@example.com\x0b\x0c\x85",
    "\u202egnp.exe",
)


def raw(made: Mapping[str, Any]) -> bytes:
    return json.dumps(made).encode()


def customer(email: Any = ADA, **changes: Any) -> bytes:
    made = event("customer.created", str(email), **changes)
    made["data"]["object"]["email"] = email
    return raw(made)


def about(found: object, type_: str = "customer.created", **top: Any) -> bytes:
    """An event with something else in data.object."""
    made = {**event(type_), **top}
    made["data"] = {"object": found}
    return raw(made)


def without_object() -> bytes:
    made = event("customer.created")
    made["data"] = {}
    return raw(made)


def dead(what: str, body: bytes) -> Case:
    """Stored, and then a dead letter that can be processed again."""
    return taken(what, body, state="failed", result="unexpected shape", after=can_be_processed_again)


def can_be_processed_again(desk: Desk) -> None:
    [delivery] = desk.deliveries
    process_again(delivery, database_now())
    assert desk.deliveries[0].state == "waiting"
    desk.work()
    assert desk.deliveries[0].state == "failed"
    assert not desk.contacts
    assert not desk.events


def has(email: str, **fields: object) -> Callable[[Desk], None]:
    """There is one contact, with this address and these fields."""

    def look(desk: Desk) -> None:
        [contact] = desk.contacts
        assert contact.email == email
        assert {name: getattr(contact, name) for name in fields} == fields

    return look


def nobody(desk: Desk) -> None:
    assert not desk.contacts
    assert not desk.events


def carries(**properties: object) -> Callable[[Desk], None]:
    """The last event has these properties."""

    def look(desk: Desk) -> None:
        seen = desk.events[-1].properties
        assert {name: seen.get(name) for name in properties} == properties

    return look


def no_address(what: str, email: str | None) -> Case:
    return taken(what, customer(email), state="no_address", result="no email address, nothing synced", after=nobody)


def invalid(what: str, email: str, why: str) -> Case:
    return taken(what, customer(email), state="no_address", result=why, after=nobody)


def someone(what: str, email: str, stored: str) -> Case:
    return taken(what, customer(email), state="done", after=has(stored))


def version(said: object) -> Case:
    return taken(str(said), raw({**event("customer.created"), "api_version": said}), state="done", after=has(ADA))


def invoice(what: str, state: str, after: Callable[[Desk], None], *before: bytes, **changes: Any) -> Case:
    """An invoice that was paid, after other events."""
    body = raw(event("invoice.paid", changes.pop("email", ADA), **changes))
    return Case(what, each(*before, body), stored=1 + len(before), state=state, after=after)


CUSTOMER = event("customer.created", id="cus_of_ada")
KNOWN = raw(CUSTOMER)
SHAPES: tuple[object, ...] = (None, [], "cus_1", 7, {}, {"object": "customer"})
METADATA = {
    **{f"key_{n}": "v" * 500 for n in range(40)},
    **dict.fromkeys(("__class__", "constructor", "__proto__", "email", "id", "$where", "🦄"), "mallory@example.com"),
    **dict.fromkeys(("livemode", "subscribed", "workspace_id"), "no"),
}


def metadata_is_only_data(desk: Desk) -> None:
    [contact], [seen] = desk.contacts, desk.events
    assert (contact.email, contact.subscribed, contact.properties) == (ADA, True, {})
    assert seen.properties["customerEmail"] == ADA
    assert seen.properties["livemode"] is False
    told = {entry["key"]: entry["value"] for entry in seen.properties["metadata"]}
    assert told == METADATA


def is_one_line(desk: Desk) -> None:
    [contact] = desk.contacts
    for text in (contact.first_name, contact.last_name, contact.name, desk.deliveries[0].understood):
        assert len(text.splitlines()) <= 1
        assert "\0" not in text
    assert contact.email == ADA


def in_an_email(desk: Desk) -> Sequence[Response]:
    """Each hostile name in the welcome email of a shop."""
    shop = Shop.opened()
    SigningSecret.of(shop.endpoint, SECRET).save()
    counter = replace(desk, endpoint=shop.endpoint)
    answers = [counter.post(customer(f"no{n}@example.com", name=name)) for n, name in enumerate(HOSTILE)]
    shop.work()
    held = 0
    for message in Message.objects.filter(workspace=shop.workspace):
        letter = write(message)
        if isinstance(letter, Held):
            assert "still contains {{" in letter.reason
            held += 1
            continue
        parsed = message_from_bytes(letter.data, policy=policy.default)
        assert (parsed["To"], parsed["Bcc"]) == (message.to_email, None)
        html, text = parsed.get_body(("html",)), parsed.get_body(("plain",))
        assert html is not None
        assert text is not None
        assert "<script" not in html.get_content()
        # The way out is a link that may hold any digits.
        assert "49" not in text.get_content().partition("Unsubscribe:")[0]
    assert held == 1
    return answers


def two_customers_one_contact(desk: Desk) -> None:
    assert [contact.email for contact in desk.contacts] == [ADA]
    customers = PlatformCustomer.objects.filter(workspace=desk.endpoint.workspace_id)
    assert {customer.external_id: customer.contact for customer in customers} == dict.fromkeys(
        ("cus_one", "cus_two"), desk.contacts[0]
    )


def collision_is_shown(desk: Desk) -> None:
    assert sorted(contact.email for contact in desk.contacts) == [ADA, "bea@example.com"]
    moved = PlatformCustomer.objects.get(workspace=desk.endpoint.workspace_id, external_id="cus_of_ada")
    assert moved.contact is not None
    assert moved.contact.email == "bea@example.com"
    assert "bea@example.com" in moved.conflict


def named(first_name: str, events: int) -> Callable[[Desk], None]:
    def look(desk: Desk) -> None:
        has(ADA, first_name=first_name)(desk)
        assert len(desk.events) == events

    return look


def news(at: int, name: str, was: str) -> bytes:
    """The customer got another name."""
    made = updated(CUSTOMER, at, name=f"{name} Lovelace")
    made["data"]["previous_attributes"] = {"name": f"{was} Lovelace"}
    return raw(made)


NEWER, NEWEST = news(NOON + 5, "Hedy", "Ada"), news(NOON + 9, "Grace", "Hedy")


def orders(what: str, bodies: tuple[bytes, ...], first_name: str) -> Case:
    return Case(what, each(*bodies), stored=len(bodies), state="done", after=named(first_name, len(bodies)))


OBJECTS = [
    Row(
        "B42",
        "an object of another shape is stored and becomes a dead letter that can be processed again",
        [
            dead("missing", without_object()),
            *[dead(str(found), about(found)) for found in SHAPES],
            dead("an invoice", about({"object": "invoice", "id": "in_1"})),
            dead("an email that is a list", customer([])),
            dead("data that is a list", raw({**event("customer.created"), "data": []})),
            dead("an invoice without a customer's kind", about({"object": "customer", "id": "cus_1"}, "invoice.paid")),
        ],
    ),
    Row(
        "B45",
        "any API version is read by the fields that we need",
        [
            *[version(said) for said in ("2015-10-16", "2017-08-15", "2099-01-01.future", None, "", 7, "x" * 5000)],
            dead("a field missing", about({"object": "customer"}, api_version="2099-01-01.future")),
        ],
    ),
    Row(
        "B47",
        "an address is trimmed, and where it is none the reason is listed",
        [
            no_address("null", None),
            no_address("empty", ""),
            no_address("blanks", "  "),
            no_address("redacted", "[redacted]"),
            someone("blanks around", " A@B.co ", "A@B.co"),
            someone("international", "zoë@bücher.example", "zoë@bücher.example"),
            someone("a tag", "ada+stripe@example.com", "ada+stripe@example.com"),
            invalid("255 characters", "a" * 60 + "@" + "b" * 60 + ("." + "c" * 60) * 3 + ".example", "longer than"),
            invalid("two addresses", "ada@example.com, bea@example.com", "not one plain email address"),
            invalid("quoted", '"ada lovelace"@example.com', "not one plain email address"),
            invalid("right-to-left override", "ada\u202e@example.com", "not one plain email address"),
            invalid("no @", "ada.example.com", "is not an email address"),
            invalid("no domain", "ada@localhost", "no complete domain"),
            invalid("an injected header", "ada@example.com\r\nBcc: x@example.com", "not"),
        ],
    ),
    Row(
        "B48",
        "a deleted customer is parted from without a crash",
        [
            Case(
                "known",
                each(KNOWN, about({"id": "cus_of_ada", "object": "customer", "deleted": True}, "customer.updated")),
                stored=2,
                state="done",
                after=has(ADA),
            ),
            Case(
                "by its own event",
                each(KNOWN, about({"id": "cus_of_ada", "object": "customer", "deleted": True}, "customer.deleted")),
                stored=2,
                state="done",
                result="unsubscribed",
                before=lambda desk: desk.endpoint.choices.create(
                    workspace=desk.endpoint.workspace, type="customer.deleted", removal="unsubscribe"
                ),
                after=has(ADA, subscribed=False),
            ),
            taken(
                "never heard of",
                about({"id": "cus_gone", "object": "customer", "deleted": True}, "customer.deleted"),
                before=lambda desk: desk.endpoint.choices.create(
                    workspace=desk.endpoint.workspace, type="customer.deleted"
                ),
                state="no_address",
                after=nobody,
            ),
        ],
    ),
    Row(
        "B49",
        "an invoice without an address finds its customer's contact",
        [
            invoice("its address", "done", has(ADA)),
            invoice("by the id", "done", has(ADA), KNOWN, customer_email=None, customer="cus_of_ada"),
            invoice("expanded", "done", has(ADA), KNOWN, customer_email=None, customer=CUSTOMER["data"]["object"]),
            invoice("unknown customer", "parked", nobody, customer_email=None, customer="cus_nobody"),
            invoice("no customer", "no_address", nobody, customer_email=None, customer=None),
            invoice("an address and no customer", "done", has(ADA), customer_email=ADA, customer=None),
            invoice("a customer that is a number", "failed", nobody, customer_email=ADA, customer=7),
        ],
    ),
    Row(
        "B50",
        "an invoice of nothing is an event with the amount 0",
        [invoice("a trial", "done", carries(amountPaid=0), amount_paid=0, total=0, amount_due=0)],
    ),
    Row(
        "B51",
        "metadata is data and nothing else",
        [taken("50 keys", customer(metadata=METADATA), state="done", after=metadata_is_only_data)],
    ),
    Row(
        "B52",
        "a hostile name is a text on one line",
        [
            *[taken(repr(name)[:30], customer(name=name), state="done", after=is_one_line) for name in HOSTILE],
            Case("in an email", in_an_email, 200),
        ],
    ),
    Row(
        "B53",
        "customers that share an address end by one rule, and a collision is shown",
        [
            Case(
                "two of one address",
                each(customer(id="cus_one"), customer("Ada@Example.com", id="cus_two")),
                stored=2,
                state="done",
                after=two_customers_one_contact,
            ),
            Case(
                "a change to another's",
                each(KNOWN, customer("bea@example.com"), raw(updated(CUSTOMER, NOON + 60, email="bea@example.com"))),
                stored=3,
                state="done",
                result="already is another contact",
                after=collision_is_shown,
            ),
        ],
    ),
    Row(
        "B54",
        "older news never overwrites newer, in whatever order it comes, and each sets its trigger off once",
        [
            orders("updated before created", (NEWEST, KNOWN), "Grace"),
            orders("older after newer", (KNOWN, NEWEST, NEWER), "Grace"),
            orders("in order", (KNOWN, NEWER, NEWEST), "Grace"),
            orders("one second", (KNOWN, news(NOON, "Grace", "Hedy"), news(NOON, "Hedy", "Ada")), "Grace"),
        ],
    ),
]
