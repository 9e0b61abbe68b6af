"""A server that breaks down is left alone, asked by one message at a time, and served in full once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cocoonmail.transports.address import TransportSettings
from cocoonmail.transports.backoff import GOOD_PER_STEP, PAUSE_FIRST
from cocoonmail.transports.base import Accepted, Deferred, Outcome, Paused
from cocoonmail.transports.smtp.pool import SmtpPool
from tests.house import free_port
from tests.transports.clock import StandingLoop, leap, run
from tests.transports.scripted import CLOSE, TAKEN, Fault, ScriptedServer, say_and_hang_up, scripted
from tests.transports.test_pool import MESSAGE, committed, pool, sent

pytestmark = pytest.mark.one_database

GONE = say_and_hang_up("421 4.3.2 Shutting down")
MOST = 8


async def tried(transport: SmtpPool) -> Outcome | float:
    """One message through a connection of its own, as the stage sends it; the seconds of a pause instead."""
    try:
        async with transport.connection() as connection:
            return await sent(connection)
    except Paused as pause:
        return pause.seconds


@asynccontextmanager
async def broken(server: ScriptedServer, **faults: Fault) -> AsyncIterator[SmtpPool]:
    """A transport to a server with these faults, after the trouble that pauses it."""
    transport = pool(server)
    server.script.faults = faults
    for _ in range(2):
        outcome = await tried(transport)
        assert isinstance(outcome, Deferred)
        assert outcome.slow_down
    yield transport
    await transport.aclose()


@pytest.mark.parametrize(
    "faults",
    [{point: fault} for fault in (GONE, CLOSE) for point in ("banner", "EHLO", "MAIL", "RCPT", "DATA", "dot")],
    ids=str,
)
def test_whoever_comes_after_two_troubles_costs_the_server_no_connection(faults: dict[str, Fault]) -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            server.script.faults = faults
            for _ in range(2):
                assert not isinstance(await tried(transport), float | Accepted)
            met = server.connections
            waits = await asyncio.gather(*(tried(transport) for _ in range(50)))
            assert all(isinstance(wait, float) and 0 < wait <= PAUSE_FIRST for wait in waits)
            assert server.connections == met
            await transport.aclose()

    run(scenario())


def test_a_probe_that_fails_doubles_the_pause_and_one_that_works_ends_it() -> None:
    async def scenario() -> None:
        async with scripted() as server, broken(server, banner=GONE) as transport:
            for pause in (2, 4, 8):
                leap(pause / 2)
                met = server.connections
                outcomes = await asyncio.gather(*(tried(transport) for _ in range(20)))
                assert server.connections == met + 1
                assert sum(isinstance(outcome, Deferred) for outcome in outcomes) == 1
                assert {outcome for outcome in outcomes if isinstance(outcome, float)}
                assert await tried(transport) == pause
            leap(8)
            server.script.faults = {}
            assert await asyncio.gather(*(tried(transport) for _ in range(20))) == [Accepted(TAKEN)] * 20

    run(scenario(), StandingLoop)


def test_a_server_that_is_back_gets_its_connections_back_step_by_step() -> None:
    async def scenario() -> None:
        async with scripted() as server, broken(server, MAIL=GONE) as transport:
            server.script.faults = {}
            leap(PAUSE_FIRST)
            seen = []
            for _ in range(5):
                seen.append(await most_at_once(transport))
                for _ in range(GOOD_PER_STEP):
                    assert await tried(transport) == Accepted(TAKEN)
            assert seen == [1, 1, 2, 4, MOST]

    run(scenario())


async def most_at_once(transport: SmtpPool) -> int:
    """How many callers have a place at the same time, of many who want one."""
    got = 0
    hold = asyncio.Event()

    async def visit() -> None:
        nonlocal got
        async with transport.connection():
            got += 1
            await hold.wait()

    visits = [asyncio.create_task(visit()) for _ in range(3 * MOST)]
    await asyncio.sleep(0.01)
    number = got
    hold.set()
    await asyncio.gather(*visits)
    return number


def test_where_no_server_listens_the_words_say_so_and_the_transport_rests() -> None:
    async def scenario() -> None:
        port = free_port()
        transport = SmtpPool(TransportSettings("smtp", "127.0.0.1", port))
        refused = f"127.0.0.1, port {port}, refused the connection: no mail server listens there."
        for _ in range(2):
            assert await tried(transport) == Deferred(refused, slow_down=True)
        assert isinstance(await tried(transport), float)
        with pytest.raises(Paused):
            await transport.prepare(MESSAGE)

    run(scenario())


def test_what_is_under_way_when_the_pause_begins_still_arrives() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            transport = pool(server)
            prepared = await transport.prepare(MESSAGE)
            server.script.faults = {"banner": GONE}
            for _ in range(2):
                assert isinstance(await tried(transport), Deferred)
            assert isinstance(await tried(transport), float)
            assert await committed(prepared) == Accepted(TAKEN)
            await transport.aclose()

    run(scenario())
