"""Promises of the transports over providers: one request a message, and whatever happens has exactly its outcome."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path

import pytest

from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.render import Rendered
from cocoonmail.transports import open_transport, parse_transport_url
from cocoonmail.transports.address import TransportSettings
from cocoonmail.transports.base import Accepted, Deferred, Envelope, Outcome, Prepared, Refused, Unknown
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.providers import PROVIDERS
from cocoonmail.transports.esp.transport import EspTransport
from cocoonmail.transports.esp.wire import Patience
from tests.transports import gateway as api
from tests.transports.certificates import Certificates
from tests.transports.esp_faults import ALL, KEYED, ROWS, Row, documented, filled
from tests.transports.gateway import RECEIPTS, Fault, Gateway, gateway

pytestmark = pytest.mark.one_database

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sending.md"
PATIENT = Patience(connect=30, answer=60, repeats=(0.01, 0.01, 0.01))  # A busy machine answers late
QUICK = replace(PATIENT, answer=0.4)  # Where nothing answers
NOT_LONG = replace(PATIENT, answer=2)  # Where nothing answers at first
URL = "https://mail.acme.test/unsubscribe/1.2.3.abc"
NAME = 'Zoë O\'Hara, "the" Acme 🚀'
RENDERED = Rendered(
    "Grüße, Alice: 50 % off", "<p>Dear Alice, ✓</p>\n", "Dear Alice, ✓\n", NAME, "hello@acme.test", "help@acme.test", ""
)
HEADERS = Headers(
    "<tok-123@acme.test>", datetime(2026, 3, 1, tzinfo=UTC), "alice@customer.test", URL, "1:2:3:cocoonmail"
)
LETTER = Envelope("hello@acme.test", "alice@customer.test", build(RENDERED, HEADERS))


def settings_of(provider: str, url: str) -> EspSettings:
    about = {"ses": {"access_key": "AKIDEXAMPLE", "region": "eu-west-1"}, "mailgun": {"domain": "mg.acme.test"}}
    return EspSettings(provider, "sesame-opens", api=url, **about.get(provider, {}))


async def hand_over(transport: EspTransport, envelope: Envelope = LETTER) -> Outcome:
    handover = await transport.prepare(envelope)
    return await handover.commit() if isinstance(handover, Prepared) else handover


def sent(provider: str, url: str, envelope: Envelope = LETTER, patience: Patience = PATIENT) -> Outcome:
    async def scenario() -> Outcome:
        transport = EspTransport(settings_of(provider, url), patience)
        outcome = await hand_over(transport, envelope)
        await transport.aclose()
        return outcome

    return asyncio.run(scenario())


CASES = [(row, who, fault) for row in ROWS for who in row.who for fault in row.faults]
IDS = [f"{who}: {fault.label}{' then ' + row.then[0].label if row.then else ''}" for row, who, fault in CASES]


@pytest.mark.parametrize(("row", "who", "fault"), CASES, ids=IDS)
def test_each_answer_and_each_silence_has_exactly_its_outcome(row: Row, who: str, fault: Fault) -> None:
    script = [fault, *row.then] if row.then else [fault] * (1 + len(PATIENT.repeats))
    patience = (NOT_LONG if row.then else QUICK) if fault is api.HANG else PATIENT
    with gateway(who, *script) as server:
        outcome = sent(who, server.url, patience=patience)
    assert outcome == filled(row, who, fault, patience.answer)
    assert outcome.conversation.startswith("C: the request to ")
    assert len(server.heard) <= (len(script) if who in KEYED else 1)


def test_the_document_shows_exactly_this_table() -> None:
    assert documented(ROWS) in DOCUMENT.read_text()


@pytest.mark.parametrize("who", ALL)
def test_preparing_and_abandoning_send_nothing(who: str) -> None:
    async def scenario(server: Gateway) -> None:
        transport = EspTransport(settings_of(who, server.url), PATIENT, at_once=1)
        for _ in range(2):
            prepared = await asyncio.wait_for(transport.prepare(LETTER), PATIENT.answer)
            assert isinstance(prepared, Prepared)
            await prepared.abandon()
        assert server.connections == 0
        assert isinstance(await hand_over(transport), Accepted)
        assert len(server.heard) == 1
        await transport.aclose()

    with gateway(who) as server:
        asyncio.run(scenario(server))


@pytest.mark.parametrize("who", ALL)
def test_an_api_that_cannot_be_reached_has_nothing(who: str) -> None:
    with gateway(who) as server:
        url = server.url
    outcome = sent(who, url)
    assert isinstance(outcome, Deferred)
    assert outcome.slow_down
    assert "Connection refused" in outcome.reason
    nowhere = sent(who, "https://api.invalid")
    assert isinstance(nowhere, Deferred)
    assert nowhere.slow_down


@pytest.mark.parametrize("who", ALL)
def test_a_certificate_that_nobody_vouches_for_gets_not_a_byte_and_a_known_one_does(
    who: str, trusted: Certificates
) -> None:
    with gateway(who, tls=trusted.self_signed) as server:
        outcome = sent(who, f"https://127.0.0.1:{server.port}")
        assert isinstance(outcome, Deferred)
        assert "certificate" in outcome.reason
        assert server.heard == []
    with gateway(who, tls=trusted.good) as server:
        assert sent(who, f"https://127.0.0.1:{server.port}") == Accepted(RECEIPTS[who])


def test_a_message_that_an_api_cannot_carry_is_refused_before_anything_is_sent() -> None:
    with gateway("postmark") as server:
        outcome = sent("postmark", server.url, replace(LETTER, recipient="no address"))
        assert isinstance(outcome, Refused)
        assert server.connections == 0


# What arrives


@pytest.mark.parametrize("who", ["ses", "mailgun"])
def test_finished_mime_arrives_byte_for_byte_where_the_provider_takes_it(who: str) -> None:
    with gateway(who) as server:
        assert isinstance(sent(who, server.url), Accepted)
    heard = server.heard[0]
    if who == "ses":
        assert heard.path == "/v2/email/outbound-emails"
        content = heard.json
        assert content["Destination"] == {"ToAddresses": ["alice@customer.test"]}
        assert b64decode(str(content["Content"]["Raw"]["Data"])) == LETTER.data  # type: ignore[index]
        assert "sesame" not in str(heard.headers)
    else:
        assert heard.path == "/mg.acme.test/messages.mime"
        parts = message_from_bytes(
            b"Content-Type: " + heard.headers["Content-Type"].encode() + b"\r\n\r\n" + heard.body
        )
        form = {part.get_param("name", header="content-disposition"): part for part in parts.get_payload()}  # type: ignore[union-attr]
        assert form.keys() == {"to", "message"}
        assert form["to"].get_payload() == "alice@customer.test"  # type: ignore[union-attr]
        assert LETTER.data in heard.body


def by_name(pairs: object) -> dict[str, str]:
    assert isinstance(pairs, list)
    return {pair["Name"]: pair["Value"] for pair in pairs}


CARRIED = {
    "list-unsubscribe": f"<{URL}>",
    "list-unsubscribe-post": "List-Unsubscribe=One-Click",
    "auto-submitted": "auto-generated",
    "feedback-id": "1:2:3:cocoonmail",
    "x-auto-response-suppress": "All",
}
OURS = {"message-id": "<tok-123@acme.test>"}


@pytest.mark.parametrize("who", ["postmark", "resend", "sendgrid", "brevo"])
def test_subject_bodies_and_headers_survive_an_api_of_values(who: str) -> None:
    with gateway(who) as server:
        assert isinstance(sent(who, server.url), Accepted)
    told = server.heard[0].json
    read = {"postmark": read_postmark, "resend": read_resend, "sendgrid": read_sendgrid, "brevo": read_brevo}[who]
    values, headers = read(told)
    assert values == (RENDERED.subject, RENDERED.text, RENDERED.html, "alice@customer.test", "help@acme.test")
    kept = {name.lower(): value for name, value in headers.items()}
    assert {name: kept.get(name) for name in CARRIED} == CARRIED
    if who in ("postmark", "sendgrid"):
        assert kept["message-id"] == OURS["message-id"]


def read_postmark(told: dict[str, object]) -> tuple[tuple[object, ...], dict[str, str]]:
    headers = by_name(told["Headers"])
    assert headers["X-PM-KeepID"] == "true"
    return (told["Subject"], told["TextBody"], told["HtmlBody"], told["To"], told["ReplyTo"]), headers


def read_resend(told: dict[str, object]) -> tuple[tuple[object, ...], dict[str, str]]:
    return (told["subject"], told["text"], told["html"], told["to"][0], told["reply_to"][0]), told["headers"]  # type: ignore[index, return-value]


def read_sendgrid(told: dict[str, object]) -> tuple[tuple[object, ...], dict[str, str]]:
    text, html = (part["value"] for part in told["content"])  # type: ignore[attr-defined]
    to = told["personalizations"][0]["to"][0]["email"]  # type: ignore[index]
    return (told["subject"], text, html, to, told["reply_to_list"][0]["email"]), told["headers"]  # type: ignore[index, return-value]


def read_brevo(told: dict[str, object]) -> tuple[tuple[object, ...], dict[str, str]]:
    to = told["to"][0]["email"]  # type: ignore[index]
    return (told["subject"], told["textContent"], told["htmlContent"], to, told["replyTo"]["email"]), told["headers"]  # type: ignore[index, return-value]


@pytest.mark.parametrize(
    "name", [NAME, "Acme", "Acme, Inc.", "Łódź Sp. z o.o.", "株式会社アクメ", "", 'Say "hi"', "a@b"]
)
@pytest.mark.parametrize("who", ["postmark", "resend", "sendgrid", "brevo"])
def test_the_senders_name_survives(who: str, name: str) -> None:
    data = build(replace(RENDERED, from_name=name), HEADERS)
    with gateway(who) as server:
        assert isinstance(sent(who, server.url, replace(LETTER, data=data)), Accepted)
    told = server.heard[0].json
    given = told.get("From") or told.get("from") or told.get("sender")
    if isinstance(given, dict):
        assert (decoded(given.get("name", "")), given["email"]) == (name, "hello@acme.test")
    else:
        shown, where = parseaddr(str(given))
        assert (decoded(shown), where) == (name, "hello@acme.test")


def decoded(name: str) -> str:
    """As a reader of the email sees it: Brevo drops some names that are not encoded as in a header."""
    return str(make_header(decode_header(name))) if "=?" in name else name


# Keys


def test_resends_key_is_the_message_id_at_every_attempt() -> None:
    with gateway("resend", api.CLOSE) as server:
        assert sent("resend", server.url) == Accepted(RECEIPTS["resend"])
        assert sent("resend", server.url) == Accepted(RECEIPTS["resend"])
    assert [heard.headers["Idempotency-Key"] for heard in server.heard] == ["tok-123@acme.test"] * 3
    assert len({heard.body for heard in server.heard}) == 1


def test_brevos_key_names_the_hand_over_and_is_a_uuid() -> None:
    with gateway("brevo", api.CLOSE) as server:
        assert sent("brevo", server.url) == Accepted(RECEIPTS["brevo"])
        assert sent("brevo", server.url) == Accepted(RECEIPTS["brevo"])
    keys = [dict(heard.json["headers"])["idempotencyKey"] for heard in server.heard]  # type: ignore[call-overload]
    assert keys[0] == keys[1] != keys[2]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", keys[0])


@pytest.mark.parametrize("who", [who for who in ALL if who not in KEYED])
def test_without_a_key_nothing_is_asked_twice(who: str) -> None:
    with gateway(who, api.CLOSE) as server:
        assert isinstance(sent(who, server.url), Unknown)
    assert len(server.heard) == 1


def test_a_redirect_is_not_followed() -> None:
    with gateway("postmark") as elsewhere:
        moved = Fault("moved", lambda talk: talk.answer(307, b"", {"Location": elsewhere.url}))
        with gateway("postmark", moved) as server:
            assert isinstance(sent("postmark", server.url), Deferred)
        assert elsewhere.heard == []


# Connections


def test_a_kept_connection_carries_the_next_message_and_an_old_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: Gateway) -> None:
        transport = EspTransport(settings_of("postmark", server.url), PATIENT, at_once=1)
        assert isinstance(await hand_over(transport), Accepted)
        assert isinstance(await hand_over(transport), Accepted)
        assert server.connections == 1
        monkeypatch.setattr("cocoonmail.transports.esp.wire.IDLE_MAX", -1.0)
        assert isinstance(await hand_over(transport), Accepted)
        assert server.connections == 2
        await transport.aclose()

    with gateway("postmark") as server:
        asyncio.run(scenario(server))


def test_no_more_requests_than_allowed_are_under_way_and_closing_lets_them_arrive() -> None:
    async def scenario(server: Gateway) -> None:
        transport = EspTransport(settings_of("resend", server.url), PATIENT, at_once=1)
        first = await transport.prepare(LETTER)
        waiting = asyncio.create_task(hand_over(transport))
        await asyncio.sleep(0.05)
        assert server.connections == 0
        await transport.aclose()
        assert isinstance(first, Prepared)
        await first.abandon()
        assert await asyncio.wait_for(waiting, PATIENT.answer) == Accepted(RECEIPTS["resend"])
        assert len(server.heard) == 1

    with gateway("resend") as server:
        asyncio.run(scenario(server))


def test_ses_without_its_package_defers_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cocoonmail.transports.esp.providers.find_spec", lambda name: None)
    outcome = sent("ses", "http://127.0.0.1:9")
    assert isinstance(outcome, Deferred)
    assert "boto3" in outcome.reason


def test_a_urls_transport_is_the_providers() -> None:
    with gateway("postmark") as server:
        settings = parse_transport_url(f"postmark://sesame?api={server.url}")
        assert settings == TransportSettings("esp", esp=EspSettings("postmark", "sesame", api=server.url))

        async def scenario() -> Outcome:
            transport = open_transport(settings)
            prepared = await transport.prepare(LETTER)
            assert isinstance(prepared, Prepared)
            return await prepared.commit()

        assert asyncio.run(scenario()) == Accepted(RECEIPTS["postmark"])
    assert server.heard[0].headers["X-Postmark-Server-Token"] == "sesame"


def test_what_is_told_of_a_conversation_holds_no_key() -> None:
    for who in PROVIDERS:
        with gateway(who) as server:
            assert "sesame" not in sent(who, server.url).conversation
