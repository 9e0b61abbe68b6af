"""B1-B14: the same webhook again, and signatures of every kind."""

from __future__ import annotations

import json
from time import time

from cocoonmail.intake.models import SigningSecret
from tests.intake.bad_input.row import Case, Row, each, posts, taken
from tests.intake.desk import EVENT, SECRET, Desk, error_of, sealed, sealed_at
from tests.kit.rawhttp import Response, post

OTHER_BODY = EVENT.replace(b'"pending_webhooks": 1', b'"pending_webhooks": 7')
REENCODED = json.dumps(json.loads(EVENT), sort_keys=True, separators=(",", ":")).encode()
NOW = int(time())
TEN_YEARS = 10 * 365 * 86_400
FALSE = f"v1={'0' * 64}"


BAD = "bad_signature_header"
BY_CLI = "whsec_of_the_cli"


def effects_once(desk: Desk) -> None:
    desk.work()
    assert len(desk.contacts) == len(desk.events) == 1
    assert desk.deliveries[0].duplicates == 1


def first_body_kept(desk: Desk) -> None:
    effects_once(desk)
    [delivery] = desk.deliveries
    assert bytes(delivery.body) == EVENT
    assert delivery.differing == 1


def one_new_fifteen_again(desk: Desk) -> None:
    assert desk.deliveries[0].duplicates == 15
    desk.work()
    assert len(desk.events) == 1


def header(value: str) -> Case:
    """A Stripe-Signature that is none."""
    return Case(repr(value)[:40], posts(seal=lambda raw: value), 400, noted=BAD if value else "")


def rolled(raw: bytes) -> str:
    """Signed with a secret that we do not have and with one that we have."""
    time_, _, right = sealed(raw).partition(",")
    return f"{time_},{FALSE},{right}"


def many(count: int) -> Case:
    """`count` signatures, of which the last is right."""

    def seal(raw: bytes) -> str:
        time_, _, right = sealed(raw).partition(",")
        return ",".join([time_, *[FALSE] * (count - 1), right])

    refusal = {} if count <= 10 else {"status": 400, "noted": BAD, "stored": 0}
    return Case(f"{count} of them", posts(seal=seal), **{"stored": 1, **refusal})  # type: ignore[arg-type]


def old(seconds: int, says: str) -> Case:
    code = "timestamp_too_old"
    return Case(f"{seconds} s", posts(seal=lambda raw: sealed(raw, ago=seconds)), 400, says=says, noted=code)


def ahead(written: int, least: int) -> Case:
    def skew_noted(desk: Desk) -> None:
        assert least <= desk.deliveries[0].clock_ahead <= 2**31

    return Case(f"t={written}", posts(seal=sealed_at(str(written))), stored=1, after=skew_noted)


def odd_time(written: str) -> Case:
    return Case(repr(written)[:30], posts(seal=sealed_at(written)), 400, "t=<seconds>", BAD)


def odd_bytes(what: str, value: bytes, code: str = "") -> Case:
    """Bytes that no client library would send in a header."""
    raw = b"Stripe-Signature: @"

    def send(desk: Desk) -> list[Response]:
        return desk.at.ask(post(EVENT, desk.endpoint.path, raw.decode()).replace(raw, raw[:-1] + value))

    return Case(what, send, 400, noted=code)


def sibling(desk: Desk) -> None:
    Desk.opened(desk.at, desk.endpoint.workspace, "whsec_of_the_other_endpoint")


def stranger(desk: Desk) -> None:
    Desk.opened(desk.at, secret="whsec_of_the_other_endpoint")


def second_secret(desk: Desk) -> None:
    SigningSecret.of(desk.endpoint, BY_CLI).save()


def by_other(raw: bytes) -> str:
    return sealed(raw, "whsec_of_the_other_endpoint")


def by_upper(raw: bytes) -> str:
    time_, _, tag = sealed(raw).partition(",v1=")
    return f"{time_},v1={tag.upper()}"


def gives_no_secret_away(desk: Desk) -> None:
    said = error_of(desk.at.ask(post(EVENT, desk.endpoint.path, f"Stripe-Signature: {by_other(EVENT)}"))[0])
    assert SECRET not in str(said)
    assert "whsec_of_the_other" not in str(said)


SIGNATURES = [
    Row("B1", "a valid new webhook is received and on disk", [taken("new", says='{"received": true}', state="done")]),
    Row(
        "B2",
        "the same id again is a duplicate without effects",
        [Case("twice", each(EVENT, EVENT), 200, '"duplicate": true', stored=1, after=effects_once)],
    ),
    Row(
        "B3",
        "the same id with another body keeps the first body and counts the other",
        [Case("another", each(EVENT, OTHER_BODY), 200, '"duplicate": true', stored=1, after=first_body_kept)],
    ),
    Row(
        "B4",
        "the same id 16 times at once is stored once and each is answered 200",
        [Case("16", lambda desk: desk.ask_all([desk.request()] * 16), 200, stored=1, after=one_new_fifteen_again)],
    ),
    Row(
        "B5",
        "without Stripe-Signature nothing is believed",
        [Case("none", posts(seal=lambda raw: None), 400, "header is missing", noted="no_signature")],
    ),
    Row(
        "B6",
        "a signature header without its parts is refused",
        [
            Case("empty", posts(seal=lambda raw: ""), 400, noted="no_signature"),
            *[header(value) for value in ("t=", "v1=", f"t={NOW}", FALSE, f"t={NOW},v0=00", ",,=,", "x" * 5000)],
            Case("v0 alone", posts(seal=lambda raw: sealed(raw).replace("v1", "v0")), 400, noted=BAD),
            Case("wrong", posts(seal=lambda raw: f"t={NOW},v1=abc"), 400, "No secret", noted="wrong_signature"),
        ],
    ),
    Row(
        "B7",
        "one right signature among several is enough, by any of the secrets",
        [
            Case("the second is right", posts(seal=rolled), stored=1),
            Case("by the older secret", posts(), stored=1, before=second_secret),
            Case("by the newer", posts(seal=lambda raw: sealed(raw, BY_CLI)), stored=1, before=second_secret),
        ],
    ),
    Row(
        "B8",
        "no more than ten signatures are looked at",
        [
            many(10),
            many(11),
            many(50),
            Case("1,000 short", posts(seal=lambda raw: f"t={NOW}" + ",v1=ab" * 1000), 400, noted=BAD),
            Case("1,000 long", posts(seal=lambda raw: f"t={NOW}" + f",{FALSE}" * 1000), 431, "headers_too_large"),
        ],
    ),
    Row(
        "B9",
        "a signature that is too old is refused with the measured age",
        [
            taken("fresh"),
            Case("240 s", posts(seal=lambda raw: sealed(raw, ago=240)), stored=1),
            old(305, "check this server's clock"),
            old(500, "The signature is 50"),
            old(7200, "The signature is 2 hours old"),
            Case("1970", posts(seal=sealed_at("0")), 400, "days old", "timestamp_too_old"),
        ],
    ),
    Row(
        "B10",
        "a signature from the future is taken and its skew noted",
        [ahead(NOW + 7200, 3600), ahead(NOW + TEN_YEARS, TEN_YEARS - 3600), ahead(999_999_999_999, 2**31 - 1)],
    ),
    Row(
        "B11",
        "the signature's time is 1 to 12 ASCII digits and nothing else",
        [
            odd_time(written)
            for written in ("١٢٣", f"{NOW}_0", f" {NOW}", f"+{NOW}", "-1", "1e9", "0x7f", "1" * 400, f"{NOW}.0")
        ],
    ),
    Row(
        "B12",
        "bytes outside ASCII in a signature are refused like any other",
        [
            odd_bytes("UTF-8", f"t={NOW},v1={'é' * 32}".encode(), "wrong_signature"),
            odd_bytes("0xff", b"t=%d,v1=" % NOW + b"\xff" * 64, "wrong_signature"),
            odd_bytes("NUL", b"t=%d,v1=\0" % NOW),
        ],
    ),
    Row(
        "B13",
        "a signature in upper case or by another endpoint's secret is refused, with a hint where it helps",
        [
            Case("upper case", posts(seal=by_upper), 400, "No secret of this endpoint", "wrong_signature"),
            Case(
                "another endpoint",
                posts(seal=by_other),
                400,
                "secret of a different endpoint of this workspace",
                "signed_for_another_endpoint",
                before=sibling,
                after=gives_no_secret_away,
            ),
            Case("another workspace", posts(seal=by_other), 400, "No secret", "wrong_signature", before=stranger),
        ],
    ),
    Row(
        "B14",
        "a body that was written anew on the way is refused",
        [
            Case(
                "compact",
                posts(REENCODED, seal=lambda raw: sealed(EVENT)),
                400,
                "may change the body",
                "wrong_signature",
            ),
            Case("a blank more", posts(EVENT + b" ", seal=lambda raw: sealed(EVENT)), 400, noted="wrong_signature"),
        ],
    ),
]
