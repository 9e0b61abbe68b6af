"""Mail that leaves and arrives: a real mail server, in clear, by STARTTLS and by TLS, with and without a login."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cocoonmail.transports import open_transport, probe
from cocoonmail.transports.address import Security, TransportSettings
from cocoonmail.transports.base import Accepted, Deferred, Envelope, Outcome, Prepared, Refused
from tests.transports.certificates import Certificates
from tests.transports.clock import run
from tests.transports.real import PASSWORD, USER, mail_server

pytestmark = [
    pytest.mark.one_database,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

ALLOW = "switch on 'Accept a self-signed certificate' for this transport."


def transport_settings(port: int, security: Security, *, login: bool = False, allow: bool = False) -> TransportSettings:
    return TransportSettings("smtp", "127.0.0.1", port, security, *((USER, PASSWORD) if login else ("", "")), allow)


async def send(where: TransportSettings, envelope: Envelope) -> Outcome:
    transport = open_transport(where)
    handover = await transport.prepare(envelope)
    outcome = await handover.commit() if isinstance(handover, Prepared) else handover
    await transport.aclose()
    return outcome


def letter(text: str = "Dear Alice,\n.\n..\nYours") -> bytes:
    mime = EmailMessage(policy=policy.SMTP)
    mime["Subject"], mime["From"], mime["To"] = "Welcome", "hello@acme.test", "alice@customer.test"
    mime.set_content(text)
    return mime.as_bytes()


@pytest.mark.parametrize("security", Security)
@pytest.mark.parametrize("login", ["", "PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_a_message_arrives_as_it_was_written(security: Security, login: str, trusted: Certificates) -> None:
    async def scenario() -> None:
        tls = None if security is Security.NONE else trusted.good
        async with mail_server(tls, implicit=security is Security.TLS, login=login) as inbox:
            where = transport_settings(inbox.port, security, login=bool(login))
            outcome = await send(where, Envelope("bounce@acme.test", "alice@customer.test", letter()))
            assert outcome == Accepted("250 2.0.0 Ok: queued as 1")
            [arrived] = inbox.envelopes
            assert (arrived.mail_from, arrived.rcpt_tos) == ("bounce@acme.test", ["alice@customer.test"])
            assert arrived.content == letter()
            assert inbox.encrypted == [security is not Security.NONE]
            assert inbox.logins == [USER if login else None]

    run(scenario())


def test_letters_outside_ascii_arrive_in_addresses_and_headers() -> None:
    async def scenario() -> None:
        async with mail_server() as inbox:
            data = "Subject: Grüße\r\n\r\nÅ\r\n".encode()
            envelope = Envelope("hello@acme.test", "élise@bücher.test", data, smtputf8=True)
            assert isinstance(await send(transport_settings(inbox.port, Security.NONE), envelope), Accepted)
            [arrived] = inbox.envelopes
            assert arrived.rcpt_tos == ["élise@xn--bcher-kva.test"]
            assert arrived.content == data
            assert arrived.smtp_utf8

    run(scenario())


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(st.characters(codec="ascii"), max_size=80).map(lambda text: f".{text}"), max_size=10))
def test_any_text_arrives_whole_and_as_one_message(lines: list[str]) -> None:
    async def scenario() -> None:
        async with mail_server() as inbox:
            data = "Subject: x\n\n" + "\n".join(lines) + "\n"
            envelope = Envelope("a@acme.test", "b@customer.test", data.encode())
            assert isinstance(await send(transport_settings(inbox.port, Security.NONE), envelope), Accepted)
            [arrived] = inbox.envelopes
            assert isinstance(arrived.content, bytes)
            expected = data.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
            assert arrived.content == expected.encode()

    run(scenario())


def test_a_message_of_ten_megabytes_arrives_over_tls(trusted: Certificates) -> None:
    async def scenario() -> None:
        async with mail_server(trusted.good, implicit=True) as inbox:
            data = letter("Dear Alice, this goes on.\n" * 400_000)
            envelope = Envelope("hello@acme.test", "alice@customer.test", data)
            assert isinstance(await send(transport_settings(inbox.port, Security.TLS), envelope), Accepted)
            content = inbox.envelopes[0].content
            assert isinstance(content, bytes)
            assert message_from_bytes(content)["Subject"] == "Welcome"
            assert content == data

    run(scenario())


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize(
    ("certificate", "trouble"),
    [
        ("self_signed", "is self-signed"),
        ("expired", "has expired"),
        ("for_another_host", "is for another address"),
    ],
)
def test_a_certificate_that_proves_nothing_is_refused_in_words_and_accepted_where_asked_for(
    certificate: str, trouble: str, security: Security, trusted: Certificates
) -> None:
    async def scenario() -> None:
        context: ssl.SSLContext = getattr(trusted, certificate)
        async with mail_server(context, implicit=security is Security.TLS, login="PLAIN") as inbox:
            envelope = Envelope("hello@acme.test", "alice@customer.test", letter())
            refused = await send(transport_settings(inbox.port, security, login=True), envelope)
            assert isinstance(refused, Deferred)
            assert refused.slow_down
            assert refused.reason.startswith(f"The server's certificate {trouble}.")
            assert refused.reason.endswith(ALLOW)
            assert inbox.envelopes == []
            allowed = await send(transport_settings(inbox.port, security, login=True, allow=True), envelope)
            assert isinstance(allowed, Accepted)
            assert inbox.encrypted == [True]

    run(scenario())


def test_an_authority_that_the_machine_does_not_know_is_refused(made: Certificates) -> None:
    async def scenario() -> None:
        async with mail_server(made.good, implicit=True) as inbox:
            outcome = await probe(transport_settings(inbox.port, Security.TLS))
            assert isinstance(outcome, Deferred)
            assert "an authority that this machine does not know" in outcome.reason

    run(scenario())


def test_testing_a_connection_says_what_works_and_shows_the_conversation(trusted: Certificates) -> None:
    async def scenario() -> None:
        async with mail_server(trusted.good, login="PLAIN") as inbox:
            outcome = await probe(transport_settings(inbox.port, Security.STARTTLS, login=True))
            words = f"Connected to 127.0.0.1, port {inbox.port} (TLSv1.3), logged in as {USER}."
            assert outcome == Accepted(words)
            assert outcome.conversation.splitlines()[-2:] == ["C: QUIT", "S: 221 Bye"]
            assert "-- encrypted with TLSv1.3" in outcome.conversation
            assert "C: AUTH PLAIN ********" in outcome.conversation
            assert inbox.envelopes == []

    run(scenario())


def test_testing_a_connection_without_tls_at_the_far_end_does_not_wait_for_minutes() -> None:
    async def scenario() -> None:
        async with mail_server() as inbox:
            outcome = await probe(transport_settings(inbox.port, Security.TLS))
            assert isinstance(outcome, Deferred)
            assert "does not answer with TLS at this port" in outcome.reason

    run(scenario())


def test_an_address_that_would_inject_a_command_is_refused_before_anything_is_said() -> None:
    async def scenario() -> None:
        async with mail_server() as inbox:
            envelope = Envelope("hello@acme.test", "a@b.test>\r\nRCPT TO:<eve@evil.test", letter())
            assert isinstance(await send(transport_settings(inbox.port, Security.NONE), envelope), Refused)
            assert inbox.envelopes == []

    run(scenario())


def test_hundreds_of_messages_at_once_each_arrive_once() -> None:
    async def scenario() -> None:
        async with mail_server() as inbox:
            transport = open_transport(transport_settings(inbox.port, Security.NONE))

            async def one(number: int) -> Outcome:
                envelope = Envelope("hello@acme.test", f"person{number}@customer.test", letter(str(number)))
                handover = await transport.prepare(envelope)
                return await handover.commit() if isinstance(handover, Prepared) else handover

            outcomes = await asyncio.gather(*(one(number) for number in range(400)))
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
            recipients = sorted(envelope.rcpt_tos[0] for envelope in inbox.envelopes)
            assert recipients == sorted(f"person{number}@customer.test" for number in range(400))
            await transport.aclose()

    run(scenario())
