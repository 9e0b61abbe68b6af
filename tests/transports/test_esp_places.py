"""Trouble with a provider slows its transport, as with a mail server, and no message pays for it (promise S8)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from cocoonmail.transports import open_transport, parse_transport_url
from cocoonmail.transports.base import Accepted, Connection, Deferred, Envelope, Outcome, Paused, Prepared, Refused
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.transport import EspTransport
from cocoonmail.transports.esp.wire import Patience
from tests.transports.clock import leap, run
from tests.transports.gateway import CLOSE, RECEIPTS, Gateway, gateway, say

pytestmark = pytest.mark.one_database

PAUSE = 60.0  # Seconds, of which none passes unless a test leaps
LETTER = Envelope(
    "hello@acme.test", "alice@customer.test", b"From: hello@acme.test\r\nSubject: Hi\r\n\r\nDear Alice\r\n"
)
TAKEN = Accepted(RECEIPTS["postmark"])
BUSY = say(429, text="Too many")


@pytest.fixture(autouse=True)
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cocoonmail.transports.backoff.PAUSE_FIRST", PAUSE)


def transport(server: Gateway, at_once: int = 8) -> EspTransport:
    return EspTransport(EspSettings("postmark", "sesame", api=server.url), Patience(30, 60, repeats=()), at_once)


async def handed_over(connection: Connection, envelope: Envelope = LETTER) -> Outcome:
    handover = await connection.prepare(envelope)
    return await handover.commit() if isinstance(handover, Prepared) else handover


async def sent(way: EspTransport, envelope: Envelope = LETTER) -> Outcome:
    """As the sender does it."""
    async with way.connection() as connection:
        return await handed_over(connection, envelope)


def played(scenario: Coroutine[Any, Any, None]) -> None:
    run(scenario)


def test_trouble_pauses_the_transport_and_a_probe_finds_the_provider_well_again() -> None:
    async def scenario(server: Gateway) -> None:
        way = transport(server)
        for _ in range(2):
            assert isinstance(await sent(way), Deferred)
        with pytest.raises(Paused) as paused:
            await sent(way)
        assert 0 < paused.value.seconds <= PAUSE
        assert len(server.heard) == 2
        leap(paused.value.seconds)
        assert [await sent(way) for _ in range(3)] == [TAKEN] * 3
        await way.aclose()

    with gateway("postmark", BUSY, BUSY) as server:
        played(scenario(server))


@pytest.mark.parametrize("trouble", [BUSY, CLOSE, say(401, "10", "Bad token")])
def test_after_the_first_trouble_half_as_many_are_on_their_way(trouble: object) -> None:
    async def scenario(server: Gateway) -> None:
        way = transport(server, at_once=2)
        assert not isinstance(await sent(way), Accepted)
        first = await way.prepare(LETTER)
        second = asyncio.create_task(way.prepare(LETTER))
        await asyncio.sleep(0.02)
        assert not second.done()
        assert isinstance(first, Prepared)
        await first.abandon()
        last = await second
        assert isinstance(last, Prepared)
        await last.abandon()
        await way.aclose()

    with gateway("postmark", trouble) as server:  # type: ignore[arg-type]
        played(scenario(server))


def test_what_is_wrong_with_a_message_slows_nothing() -> None:
    async def scenario(server: Gateway) -> None:
        way = transport(server, at_once=2)
        for _ in range(4):
            assert not isinstance(await sent(way), Accepted)
            assert isinstance(await sent(way, replace(LETTER, recipient="no address")), Refused)
        both = [await way.prepare(LETTER) for _ in range(2)]
        assert all(isinstance(one, Prepared) for one in both)

    with gateway("postmark", *[say(422, "406", "Inactive recipient"), say(422, "400", "No such sender")] * 2) as server:
        played(scenario(server))


def test_a_turn_ends_with_its_caller_whatever_became_of_the_message() -> None:
    async def scenario(server: Gateway) -> None:
        way = transport(server, at_once=1)
        async with way.connection() as connection:
            waiting = asyncio.create_task(sent(way))
            await asyncio.sleep(0.02)
            assert not waiting.done()
            assert isinstance(await connection.prepare(LETTER), Prepared)
        assert await waiting == TAKEN
        assert len(server.heard) == 1

    with gateway("postmark") as server:
        played(scenario(server))


def test_who_gives_up_waiting_for_a_turn_takes_none_with_him_and_keeps_nothing_open() -> None:
    async def scenario(server: Gateway) -> None:
        way = transport(server, at_once=1)
        first = await way.prepare(LETTER)
        waiting = asyncio.create_task(sent(way))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert isinstance(first, Prepared)
        assert await first.commit() == TAKEN
        assert await sent(way) == TAKEN
        await way.aclose()
        with pytest.raises(RuntimeError, match="after shutdown"):
            await sent(way)

    with gateway("postmark") as server:
        played(scenario(server))


def test_a_provider_that_lacks_its_package_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        settings = EspSettings("ses", "sesame", access_key="A", region="eu-west-1")
        way = EspTransport(settings, Patience())
        for _ in range(2):
            assert isinstance(await sent(way), Deferred)
        with pytest.raises(Paused):
            await sent(way)

    monkeypatch.setattr("cocoonmail.transports.esp.providers.find_spec", lambda name: None)
    played(scenario())


def test_a_urls_connections_are_how_many_requests_are_under_way() -> None:
    async def scenario(server: Gateway) -> None:
        way = open_transport(parse_transport_url(f"postmark://sesame?api={server.url}&connections=2"))
        both = [await way.prepare(LETTER) for _ in range(2)]
        third = asyncio.create_task(way.prepare(LETTER))
        await asyncio.sleep(0.02)
        assert not third.done()
        for one in [*both, third]:
            prepared = await one if isinstance(one, asyncio.Task) else one
            assert isinstance(prepared, Prepared)
            assert await prepared.commit() == TAKEN
        await way.aclose()

    with gateway("postmark") as server:
        played(scenario(server))
