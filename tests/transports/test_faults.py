"""Each fault of a mail server, at each command, really happens here and has exactly its outcome."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from cocoonmail.transports.address import Auth, TransportSettings
from cocoonmail.transports.base import Accepted, Deferred, Envelope, Handover, Outcome, Prepared, Refused, Unknown
from cocoonmail.transports.smtp.connection import SmtpConnection
from cocoonmail.transports.smtp.opening import NotOpened
from tests.transports import scripted as server
from tests.transports.certificates import Certificates
from tests.transports.clock import run
from tests.transports.faults import NEVER, ROWS, Row, documented, slow
from tests.transports.scripted import Fault, Script, ScriptedServer, say, scripted

pytestmark = pytest.mark.one_database

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sending.md"
MESSAGE = Envelope("hello@acme.test", "alice@customer.test", b"Subject: Welcome\n\nDear Alice,\n" + server.LAST_WORDS)
# More than the system's buffers on both sides hold, so that a server that does not read is noticed.
BIG_MESSAGE = replace(MESSAGE, data=b"Subject: Welcome\n\n" + b"Dear Alice,\n" * 700_000 + server.LAST_WORDS)

CASES = [(row, fault) for row in ROWS for fault in row.faults]


@pytest.mark.parametrize("pipelining", [True, False], ids=["at once", "in turn"])
@pytest.mark.parametrize(("row", "fault"), CASES, ids=[f"{row.when}: {fault.label}" for row, fault in CASES])
def test_each_fault_has_exactly_its_outcome(row: Row, fault: Fault, pipelining: bool, trusted: Certificates) -> None:
    outcome, mail_server = run(hand_over(row, fault, pipelining, trusted))
    assert outcome == with_answer(row.outcome, fault)
    if row.point != "dot" and not isinstance(outcome, Accepted):
        assert mail_server.dots == 0
    if isinstance(outcome, Deferred | Refused):
        assert mail_server.taken == []


async def hand_over(row: Row, fault: Fault, pipelining: bool, trusted: Certificates) -> tuple[Outcome, ScriptedServer]:
    offered = [
        "8BITMIME",
        "SIZE 10000000",
        *(["PIPELINING"] if pipelining else []),
        *([f"AUTH {row.login}"] if row.login else []),
    ]
    script = Script({row.point: fault}, offered, tls=trusted.good, careless=row.careless)
    async with scripted(script) as mail_server:
        settings = TransportSettings("smtp", "127.0.0.1", mail_server.port, row.security, *login(row), auth=auth(row))
        try:
            connection = await SmtpConnection.open(settings)
        except NotOpened as trouble:
            return trouble.outcome, mail_server
        handover = await connection.prepare(BIG_MESSAGE if row.big else MESSAGE)
        await the_mark_is_written(connection, row)
        outcome = await committed(handover)
        assert outcome.conversation.startswith("-- connecting to 127.0.0.1")
        connection.abort()
        return outcome, mail_server


async def committed(handover: Handover) -> Outcome:
    return await handover.commit() if isinstance(handover, Prepared) else handover


def auth(row: Row) -> Auth:
    return Auth.XOAUTH2 if row.login == "XOAUTH2" else Auth.PASSWORD


def login(row: Row) -> tuple[str, str]:
    return ("alice", "correct horse") if row.login else ("", "")


async def the_mark_is_written(connection: SmtpConnection, row: Row) -> None:
    """Meanwhile the server's doings arrive. Where something is to arrive, it does so before the dot."""
    for _ in range(10_000 if row.point == "mark" else 0):
        if connection._wire.lost or connection._wire.unread:
            return
        await asyncio.sleep(0)


def with_answer(outcome: Outcome, fault: Fault) -> Outcome:
    """The outcome with the fault's answer in its words, and that answer's enhanced status code."""
    answer = fault.label.strip("`")
    match outcome:
        case Accepted(receipt=receipt):
            return Accepted(receipt)
        case Unknown(reason=reason):
            return Unknown(reason.format(answer=answer))
        case Deferred(reason=reason) | Refused(reason=reason):
            session = re.match("The server (ended|wants|put off|refused the [srm])", reason)
            return replace(outcome, reason=reason.format(answer=answer), status=answer.split()[1] if session else "")


def test_a_server_that_refuses_the_connection_defers_the_message() -> None:
    async def scenario() -> None:
        async with scripted() as mail_server:
            port = mail_server.port
        with pytest.raises(NotOpened) as caught:
            await SmtpConnection.open(TransportSettings("smtp", "127.0.0.1", port))
        assert caught.value.outcome == slow(
            f"127.0.0.1, port {port}, refused the connection: no mail server listens there."
        )

    run(scenario())


@pytest.mark.parametrize("point", ["MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("pipelining", [True, False], ids=["at once", "in turn"])
def test_after_a_refused_message_the_connection_carries_the_next_one(point: str, pipelining: bool) -> None:
    async def scenario() -> None:
        script = Script({point: NEVER[0]}, ["PIPELINING"] if pipelining else [])
        async with scripted(script) as mail_server:
            connection = await SmtpConnection.open(TransportSettings("smtp", "127.0.0.1", mail_server.port))
            assert isinstance(await committed(await connection.prepare(MESSAGE)), Refused)
            mail_server.script.faults = {}
            assert await committed(await connection.prepare(MESSAGE)) == Accepted(server.TAKEN)
            await connection.quit()
            assert mail_server.connections == 1
            assert mail_server.commands[-1] == "QUIT"

    run(scenario())


@pytest.mark.parametrize("point", ["MAIL", "RCPT", "DATA", "dot"])
def test_after_421_the_connection_is_used_no_more_even_where_the_server_leaves_it_open(point: str) -> None:
    async def scenario() -> None:
        async with scripted(Script({point: say("421 4.3.2 Shutting down")})) as mail_server:
            connection = await SmtpConnection.open(TransportSettings("smtp", "127.0.0.1", mail_server.port))
            assert isinstance(await committed(await connection.prepare(MESSAGE)), Deferred)
            assert not connection.usable

    run(scenario())


def test_an_abandoned_message_never_has_its_dot_sent() -> None:
    async def scenario() -> None:
        async with scripted() as mail_server:
            connection = await SmtpConnection.open(TransportSettings("smtp", "127.0.0.1", mail_server.port))
            handover = await connection.prepare(MESSAGE)
            assert isinstance(handover, Prepared)
            await handover.abandon()
            await asyncio.gather(*mail_server.talks)  # The server has seen the connection's end.
            assert mail_server.dots == 0
            assert not connection.usable
            with pytest.raises(RuntimeError):
                await handover.commit()

    run(scenario())


def test_a_server_that_wants_a_message_without_a_recipient_gets_no_byte_of_it() -> None:
    async def scenario() -> None:
        async with scripted(Script({"RCPT": NEVER[0]}, careless=True)) as mail_server:
            connection = await SmtpConnection.open(TransportSettings("smtp", "127.0.0.1", mail_server.port))
            assert isinstance(await connection.prepare(MESSAGE), Refused)
            assert not connection.usable
            await asyncio.gather(*mail_server.talks)
            assert mail_server.fragments == [b""]

    run(scenario())


def test_preparing_sends_everything_but_the_dot_and_committing_nothing_else() -> None:
    async def scenario() -> None:
        async with scripted() as mail_server:
            connection = await SmtpConnection.open(TransportSettings("smtp", "127.0.0.1", mail_server.port))
            handover = await connection.prepare(MESSAGE)
            assert isinstance(handover, Prepared)
            await handover.abandon()
            await asyncio.gather(*mail_server.talks)
            assert mail_server.fragments == [MESSAGE.data.replace(b"\n", b"\r\n")]

    run(scenario())


def test_the_document_shows_exactly_this_table() -> None:
    assert documented(ROWS) in DOCUMENT.read_text()
