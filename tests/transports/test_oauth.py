"""Access tokens: asked for when they are needed and not before, and every trouble in words without a secret."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cocoonmail.transports.options import OAuth
from cocoonmail.transports.smtp.oauth import WHAT_TO_DO, Answer, NoToken, Source, Token, keeper, trade
from tests.transports.certificates import Certificates
from tests.transports.clock import leap, run
from tests.transports.tokens import CLIENT, REFRESH, SECRET, Says, TokenServer, answer, raw, token_server

pytestmark = pytest.mark.one_database


async def token(provider: TokenServer) -> str:
    answered = await keeper(Source(provider.oauth, REFRESH)).answer()
    assert isinstance(answered, Token)
    return answered.text


async def trouble(provider: TokenServer) -> str:
    answered = await trade(provider.oauth, REFRESH)
    assert isinstance(answered, NoToken)
    return answered.words


def test_a_refresh_token_is_traded_as_the_standard_says(trusted: Certificates) -> None:
    """RFC 6749 §6."""

    async def scenario() -> None:
        async with token_server(trusted.good) as provider:
            assert await token(provider) == "token-1"
            [asked] = provider.asked
            assert asked == {
                "grant_type": "refresh_token",
                "refresh_token": REFRESH,
                "client_id": CLIENT,
                "client_secret": SECRET,
            }
            [head] = provider.heads
            assert head.startswith("POST /token HTTP/1.1\r\n")
            assert "\r\nContent-Type: application/x-www-form-urlencoded\r\n" in head
            assert f"\r\nHost: 127.0.0.1:{provider.port}\r\n" in head

    run(scenario())


def test_a_client_without_a_secret_sends_none() -> None:
    async def scenario() -> None:
        async with token_server() as provider:
            await trade(OAuth(provider.oauth.token_url, CLIENT), REFRESH)
            assert "client_secret" not in provider.asked[0]

    run(scenario())


def test_many_connections_at_once_ask_once() -> None:
    async def scenario() -> None:
        async with token_server() as provider:
            assert set(await asyncio.gather(*(token(provider) for _ in range(50)))) == {"token-1"}
            assert len(provider.asked) == 1

    run(scenario())


@pytest.mark.parametrize(
    ("life", "seconds"), [(3600, 3540), ("3600", 3540), (30, 15), (None, 540), ("soon", 540), (10**30, 86_340)]
)
def test_a_token_is_kept_until_shortly_before_its_end(life: Any, seconds: int) -> None:
    async def scenario() -> None:
        async with token_server(life=life) as provider:
            assert await token(provider) == "token-1"
            leap(seconds - 5)
            assert await token(provider) == "token-1"
            leap(10)
            assert await token(provider) == "token-2"

    run(scenario())


def test_a_new_refresh_token_takes_the_old_ones_place() -> None:
    async def scenario() -> None:
        async with token_server(rotates=True) as provider:
            for _ in range(3):
                await token(provider)
                leap(3600)
            assert [asked["refresh_token"] for asked in provider.asked] == [REFRESH, "refresh-1", "refresh-2"]

    run(scenario())


def test_two_sources_have_tokens_of_their_own() -> None:
    async def scenario() -> None:
        async with token_server() as provider:
            await token(provider)
            other = await keeper(Source(provider.oauth, "another")).answer()
            assert isinstance(other, Token)
            assert other.text == "token-2"

    run(scenario())


def test_after_trouble_the_provider_is_left_alone_for_some_seconds() -> None:
    async def scenario() -> None:
        async with token_server(says=answer(503, "<h1>Busy</h1>")) as provider:
            kept = keeper(Source(provider.oauth, REFRESH))
            for _ in range(10):
                assert isinstance(await kept.answer(), NoToken)
            assert len(provider.asked) == 1
            provider.says = None
            leap(5)
            assert isinstance(await kept.answer(), Token)

    run(scenario())


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    leap(11)
    await reader.read()


async def half_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"access_token":')


async def endless_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 100_000)


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mx.test ESMTP\r\n")


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            answer(400, {"error": "invalid_grant", "error_description": "Expired or revoked."}),
            f"invalid_grant. Expired or revoked. {WHAT_TO_DO['invalid_grant']}",
        ),
        (answer(401, {"error": "invalid_client"}), "invalid_client. The client's id or secret is wrong."),
        (answer(400, {"error": "interaction_required"}), "interaction_required."),
        (answer(200, {"error": "invalid_scope"}), "invalid_scope. The refresh token was not made for sending mail."),
        (answer(400, {"error": "x", "error_description": f"Bad {REFRESH} of {SECRET}"}), "x. Bad ******** of ********"),
        (answer(400, {"error": "\x1b[31m\r\nx"}), "[31m  x."),
        (answer(500, "<h1>Oh</h1>"), "it answered HTTP 500."),
        (answer(302, ""), "it answered HTTP 302."),
        (answer(400, "[" * 100_00), "it answered HTTP 400."),
        (answer(200, {}), "its answer has none."),
        (answer(200, "[]"), "its answer has none."),
        (answer(200, "not json"), "its answer has none."),
        (answer(200, {"access_token": 7}), "its answer has none."),
        (answer(200, {"access_token": "a\x01auth=b"}), "its answer has none."),
        (answer(200, {"access_token": "x" * 8193}), "its answer has none."),
        (raw(200, ""), "its answer has none."),
        (hang_up, "its answer is not HTTP."),
        (half_an_answer, "its answer is not HTTP."),
        (endless_answer, "its answer is not HTTP."),
        (no_http, "its answer is not HTTP."),
        (never_answer, "it did not answer within 10 seconds."),
    ],
)
def test_every_trouble_is_said_in_words_without_a_secret(says: Says, words: str) -> None:
    async def scenario() -> None:
        async with token_server(says=says) as provider:
            assert await trouble(provider) == f"127.0.0.1 gave no access token: {words}"

    run(scenario())


def test_a_provider_that_is_not_there_is_said() -> None:
    async def scenario() -> None:
        async with token_server() as provider:
            pass
        assert "gave no access token: it could not be reached (" in await trouble(provider)

    run(scenario())


@pytest.mark.parametrize("kind", ["self_signed", "for_another_host", "expired"])
def test_no_refresh_token_goes_to_a_provider_whose_certificate_proves_nothing(kind: str, trusted: Certificates) -> None:
    async def scenario() -> None:
        async with token_server(getattr(trusted, kind)) as provider:
            assert "gave no access token: its certificate cannot be verified" in await trouble(provider)
            assert provider.asked == []

    run(scenario())


def test_a_token_and_what_it_comes_from_are_in_no_repr() -> None:
    shown: list[Answer | Source] = [Token("sesame", 1.0, "sesame"), Source(OAuth("u", "c", "sesame"), "sesame")]
    assert "sesame" not in repr(shown)
