"""Connections are kept, but never one too many, too long or too dead."""

from __future__ import annotations

import asyncio

import pytest

from cocoonmail.transports import open_transport
from cocoonmail.transports.address import CAPTURE, TransportSettings
from cocoonmail.transports.base import Accepted, Connection, Deferred, Envelope, Handover, Outcome, Prepared, Transport
from cocoonmail.transports.smtp.pool import SmtpPool
from tests.transports.clock import StandingLoop, leap, run
from tests.transports.scripted import CLOSE, TAKEN, Script, ScriptedServer, say_and_hang_up, scripted

pytestmark = pytest.mark.one_database

MESSAGE = Envelope("hello@acme.test", "alice@customer.test", b"Subject: Welcome\n\nDear Alice,\nYours, Alice\n")


def pool(server: ScriptedServer, max_connections: int = 8, messages_per_connection: int = 100) -> SmtpPool:
    settings = TransportSettings("smtp", "127.0.0.1", server.port)
    return SmtpPool(settings, max_connections=max_connections, messages_per_connection=messages_per_connection)


async def committed(handover: Handover) -> Outcome:
    return await handover.commit() if isinstance(handover, Prepared) else handover


async def sent(way: Transport | Connection) -> Outcome:
    return await committed(await way.prepare(MESSAGE))


async def gone(server: ScriptedServer) -> None:
    """Until the server has seen every connection end."""
    while server.talks:
        await asyncio.wait(server.talks)


def test_messages_one_after_another_use_one_connection_up_to_its_limit() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server, messages_per_connection=3)
            assert [await sent(transport) for _ in range(7)] == [Accepted(TAKEN)] * 7
            assert server.connections == 3
            await transport.aclose()
            assert server.commands.count("QUIT") == 3
            assert len(server.taken) == 7

    run(scenario())


def test_many_messages_at_once_open_no_more_connections_than_allowed() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server, max_connections=3)
            prepared = [asyncio.create_task(transport.prepare(MESSAGE)) for _ in range(3)]
            await asyncio.wait(prepared)
            waiting = asyncio.create_task(sent(transport))
            await asyncio.sleep(0)
            assert not waiting.done()
            for task in prepared:
                assert await committed(await task) == Accepted(TAKEN)
            assert await waiting == Accepted(TAKEN)
            assert await asyncio.gather(*(sent(transport) for _ in range(20))) == [Accepted(TAKEN)] * 20
            assert server.connections == 3
            await transport.aclose()

    run(scenario())


def test_a_kept_connection_that_died_is_replaced_and_the_message_goes_out_once() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            assert await sent(transport) == Accepted(TAKEN)
            server.script.faults = {"MAIL": CLOSE}  # As one that closed while we were writing
            prepared = asyncio.create_task(transport.prepare(MESSAGE))
            while server.connections < 2:
                await asyncio.sleep(0)
            server.script.faults = {}
            assert await committed(await prepared) == Accepted(TAKEN)
            assert len(server.taken) == 2
            await transport.aclose()

    run(scenario())


def test_a_fresh_connection_that_dies_too_is_not_tried_a_third_time() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            assert await sent(transport) == Accepted(TAKEN)
            server.script.faults = {"MAIL": CLOSE}
            outcome = await sent(transport)
            assert outcome == Deferred("The connection was lost before the server answered MAIL FROM.", slow_down=True)
            assert server.connections == 2
            await transport.aclose()

    run(scenario())


def test_a_connection_that_died_after_mail_was_accepted_is_not_retried_at_once() -> None:
    async def scenario() -> None:
        async with scripted(Script(extensions=[])) as server:
            transport = pool(server)
            assert await sent(transport) == Accepted(TAKEN)
            server.script.faults = {"RCPT": CLOSE}
            assert isinstance(await sent(transport), Deferred)
            assert server.connections == 1
            await transport.aclose()

    run(scenario())


def test_a_connection_on_which_the_server_said_goodbye_meanwhile_is_not_used() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            server.script.faults = {"dot": say_and_hang_up(f"{TAKEN}\r\n421 4.4.2 Idle too long")}
            assert await sent(transport) == Accepted(TAKEN)
            server.script.faults = {}
            assert await sent(transport) == Accepted(TAKEN)
            assert server.connections == 2
            await transport.aclose()

    run(scenario())


def test_an_idle_connection_is_closed_politely_after_its_time() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            assert await sent(transport) == Accepted(TAKEN)
            leap(29)
            for _ in range(5):
                await asyncio.sleep(0)  # Whatever is due by now is done.
            assert await sent(transport) == Accepted(TAKEN)
            assert server.connections == 1
            leap(31)
            await gone(server)
            assert server.commands[-1] == "QUIT"
            assert await sent(transport) == Accepted(TAKEN)
            assert server.connections == 2
            await transport.aclose()

    run(scenario(), StandingLoop)


def test_an_abandoned_message_frees_its_place_and_its_connection_is_closed() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server, max_connections=1)
            for _ in range(3):
                handover = await transport.prepare(MESSAGE)
                assert isinstance(handover, Prepared)
                await handover.abandon()
                with pytest.raises(RuntimeError):
                    await handover.commit()
            assert await sent(transport) == Accepted(TAKEN)
            assert server.connections == 4
            assert (server.dots, len(server.taken)) == (1, 1)
            await transport.aclose()

    run(scenario())


def test_settling_a_message_twice_makes_no_room_for_one_connection_too_many() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server, max_connections=1)
            first = await transport.prepare(MESSAGE)
            assert isinstance(first, Prepared)
            await first.commit()
            with pytest.raises(RuntimeError):
                await first.commit()
            second, third = await transport.prepare(MESSAGE), asyncio.create_task(transport.prepare(MESSAGE))
            for _ in range(200):
                await asyncio.sleep(0)
            assert not third.done()
            assert await committed(second) == Accepted(TAKEN)
            assert await committed(await third) == Accepted(TAKEN)
            await transport.aclose()

    run(scenario())


def test_a_message_that_its_caller_forgot_is_never_finished_by_the_next_one() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server, max_connections=1)
            async with transport.connection() as connection:
                assert isinstance(await connection.prepare(MESSAGE), Prepared)
            async with transport.connection() as connection:
                assert await sent(connection) == Accepted(TAKEN)
                assert await sent(connection) == Accepted(TAKEN)
            await transport.aclose()
            assert server.connections == 2
            assert server.dots == 2

    run(scenario())


def test_a_caller_that_is_cancelled_amid_a_hand_over_leaves_no_connection_behind() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server, max_connections=1)
            task = asyncio.create_task(transport.prepare(MESSAGE))
            while "DATA" not in server.commands:
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await gone(server)
            assert server.dots == 0
            assert await sent(transport) == Accepted(TAKEN)
            await transport.aclose()

    run(scenario())


def test_a_transport_that_is_closed_lets_what_is_under_way_arrive() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            handover = await transport.prepare(MESSAGE)
            await transport.aclose()
            assert await committed(handover) == Accepted(TAKEN)
            await gone(server)
            assert server.commands[-1] == "QUIT"

    run(scenario())


def test_captured_mail_takes_the_same_two_steps() -> None:
    async def scenario() -> None:
        transport = open_transport(CAPTURE)
        assert await sent(transport) == Accepted("captured")
        async with transport.connection() as connection:
            handover = await connection.prepare(MESSAGE)
            assert isinstance(handover, Prepared)
            await handover.abandon()
        await transport.aclose()

    run(scenario())
