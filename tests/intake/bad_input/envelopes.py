"""B33-B41, B43, B44, B46: methods, addresses, settings, and what an event says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cocoonmail.intake.models import Delivery, Refusal
from tests.intake.bad_input.row import Case, Row, Send, posts, refused, taken
from tests.intake.desk import EVENT, Desk, error_of, sealed
from tests.kit.rawhttp import Response, post
from tests.shop import event

THIN = {
    "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
    "object": "v2.core.event",
    "type": "v1.customer.created",
    "created": "2026-11-20T12:00:00.000Z",
    "livemode": False,
    "related_object": {"id": "cus_1", "type": "customer", "url": "/v1/customers/cus_1"},
}
TYPES: tuple[object, ...] = (None, "", 7, {}, "x" * 1024, "customer created", "a\nb", "töö")
TIMES: tuple[object, ...] = (None, "1763640000", "2026-11-20", -1, 253_370_764_800, 10**30, 1.5, True, [])
UNKNOWN = "No endpoint has this URL"


def but(**changes: object) -> bytes:
    """A customer.created with other members at the top; None takes one away."""
    made = {**event("customer.created"), **changes}
    return json.dumps({name: value for name, value in made.items() if value is not None}).encode()


def of_type(type_: str) -> bytes:
    return but(type=type_)


def asked(method: str) -> Send:
    def send(desk: Desk) -> Sequence[Response]:
        raw = f"{method} {desk.endpoint.path} HTTP/1.1\r\nHost: mail.acme.test\r\nConnection: close\r\n\r\n"
        return desk.at.ask(raw.encode())

    return send


def method(name: str) -> Case:
    says = "" if name == "HEAD" else "takes POST requests from Stripe"
    return Case(name, asked(name), 405, says, headers=(("allow", "POST"),))


def to(path: str, method: str = "POST") -> Send:
    """The signed event to another path; the same answer as for a token that was never given out."""

    def send(desk: Desk) -> Sequence[Response]:
        signed, rows = f"Stripe-Signature: {sealed(EVENT)}", Refusal.objects.count()
        asked = [path.replace("TOKEN", desk.endpoint.token), "/hooks/stripe/AAAAAAAAAAAAAAAAAAAAAAAA"]
        there, nowhere = (
            desk.at.ask(post(EVENT, one, signed).replace(b"POST", method.encode(), 1))[0] for one in asked
        )
        for answer in (there, nowhere):
            said = {**error_of(answer), "request_id": ""}
            assert (answer.status, said) == (404, {**error_of(nowhere), "request_id": ""})
        assert rows == Refusal.objects.count()
        return [there]

    return send


def deleted(desk: Desk) -> None:
    desk.endpoint.refusals.all().delete()
    type(desk.endpoint).objects.filter(pk=desk.endpoint.pk).delete()


def counted_while_disabled(desk: Desk) -> None:
    desk.endpoint.refresh_from_db()
    assert (desk.endpoint.refused_while_disabled, desk.endpoint.refused_total) == (1, 1)


def only_stored(desk: Desk) -> None:
    """The delivery says why it has no effects, and has none."""
    desk.work()
    assert not desk.contacts
    assert not desk.events


def ignored(what: str, raw: bytes, says: str, state: str = "ignored", **more: object) -> Case:
    """Authentic, kept and visible, without effects; Stripe's own log shows the reason."""
    return taken(what, raw, says=says, state=state, result=says, after=only_stored, **more)


def kept_apart(desk: Desk) -> None:
    found = Delivery.objects.filter(endpoint=desk.endpoint).values_list("account", "external_id")
    assert sorted(account for account, _ in found) == ["", "acct_1", "acct_2"]
    assert len({id for _, id in found}) == 1


def same_id_by_three_accounts(desk: Desk) -> Sequence[Response]:
    made = event("customer.created")
    accounts: tuple[dict[str, str], ...] = ({}, {"account": "acct_1"}, {"account": "acct_2"})
    return [desk.post(json.dumps({**made, **account}).encode()) for account in accounts]


ENVELOPES = [
    Row(
        "B33",
        "other methods than POST are told what this address is for",
        [method(name) for name in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH")],
    ),
    Row(
        "B34",
        "an address that was not given out is unknown, whatever it looks like",
        [
            Case(path[:40], to(path), 404, UNKNOWN)
            for path in (
                "/hooks/stripe/",
                "/hooks/stripe",
                "/hooks/",
                "/hooks/stripe/TOKEN/",
                "/hooks/stripe/TOKENx",
                "/hooks/clerk/TOKEN",
                "/hooks/Stripe/TOKEN",
                "/hooks/stripe/TOKEN%00",
                "/hooks/stripe/%00",
                "/hooks/stripe/%ff%fe",
                "/hooks/stripe/caf%C3%A9",
                "/hooks/stripe/../stripe/TOKEN",
                "/hooks/stripe/'%20OR%201=1",
                f"/hooks/stripe/{'x' * 8000}",
            )
        ]
        + [Case(f"{name} of an unknown one", to("/hooks/stripe/x", name), 404, UNKNOWN) for name in ("GET", "PUT")]
        + [
            Case(
                "a token of 10 kB",
                lambda desk: desk.at.ask(post(EVENT, f"/hooks/stripe/{'x' * 10_000}")),
                414,
                "target_too_long",
            )
        ],
    ),
    Row(
        "B35",
        "an endpoint that is switched off or deleted takes nothing in",
        [
            Case(
                "off",
                posts(),
                410,
                "switched off",
                "endpoint_disabled",
                before=lambda desk: desk.set(enabled=False),
                after=counted_while_disabled,
            ),
            Case("deleted", posts(), 404, UNKNOWN, before=deleted),
        ],
    ),
    Row(
        "B36",
        "without a signing secret nothing is taken, and the answer says what to add",
        [
            Case(
                "none yet",
                posts(seal=seal),
                400,
                "add the signing secret",
                "no_secret",
                before=lambda desk: desk.endpoint.secrets.all().delete(),
            )
            for seal in (sealed, lambda raw: sealed(raw, ""), lambda raw: None)
        ],
    ),
    Row(
        "B37",
        "events that are not supported are received, kept and ignored",
        [
            ignored(type_, of_type(type_), f"{type_} is not an event that Cocoonmail uses")
            for type_ in ("account.updated", "payment_intent.created", "something.never.heard_of")
        ],
    ),
    Row(
        "B38",
        "events that are switched off are received, kept and ignored",
        [
            ignored("never ticked", of_type("charge.refunded"), "charge.refunded is switched off for this endpoint"),
            ignored(
                "unticked",
                EVENT,
                "customer.created is switched off",
                before=lambda desk: desk.endpoint.choices.update(enabled=False),
            ),
        ],
    ),
    Row(
        "B39",
        "an event's id begins with evt_ and is short and plain",
        [
            refused(repr(id)[:20], but(id=id), "invalid_id", "begins with evt_")
            for id in (None, "", "evt_", "cus_1", 7, ["evt_1"], "evt_" + "x" * 300, "evt_1\n", "evt_ 1", "evt_é")
        ],
    ),
    Row(
        "B40",
        "an event's type is a short plain text",
        [refused(repr(type_)[:20], but(type=type_), "invalid_type") for type_ in TYPES],
    ),
    Row(
        "B41",
        "an event's time is whole seconds since 1970",
        [refused(repr(at)[:20], but(created=at), "invalid_created") for at in TIMES],
    ),
    Row(
        "B43",
        "test events at an endpoint that only logs them are stored and not processed",
        [
            ignored("test", EVENT, "only logs", "logged", before=lambda desk: desk.set(process_test=False)),
            taken("live", but(livemode=True), state="done", before=lambda desk: desk.set(process_test=False)),
            refused("neither", but(livemode="yes"), "invalid_livemode"),
        ],
    ),
    Row(
        "B44",
        "thin events are stored with the advice to choose snapshots",
        [
            ignored("v1 resource", json.dumps(THIN).encode(), "Snapshot"),
            ignored("live", json.dumps({**THIN, "livemode": True}).encode(), "thin event"),
            refused("without a time", json.dumps({**THIN, "created": "soon"}).encode(), "invalid_created"),
        ],
    ),
    Row(
        "B46",
        "events of connected accounts are kept apart and used only where the endpoint allows it",
        [
            ignored("not allowed", but(account="acct_1"), "belongs to the connected account acct_1"),
            taken("allowed", but(account="acct_1"), state="done", before=lambda desk: desk.set(connect=True)),
            Case("one id, three accounts", same_id_by_three_accounts, stored=3, after=kept_apart),
            refused("no account", but(account=["acct_1"]), "invalid_account"),
            refused("a hostile account", but(account="acct\u0000"), "invalid_account"),
        ],
    ),
]
