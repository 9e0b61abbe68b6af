"""Letting ourselves in: which mechanism, what each one says, and that nothing secret is shown or believed unproven."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace

import pytest

from cocoonmail.transports import probe
from cocoonmail.transports.address import Auth, Security, TransportSettings
from cocoonmail.transports.base import Accepted, Deferred
from cocoonmail.transports.smtp.conversation import Conversation
from cocoonmail.transports.smtp.login import NotWelcome, log_in
from cocoonmail.transports.smtp.saslprep import Prohibited, saslprep
from cocoonmail.transports.smtp.scram import Distrust, read_challenge, scram_sha_256
from cocoonmail.transports.smtp.wire import Wire
from tests.transports.certificates import Certificates
from tests.transports.clock import run
from tests.transports.login_faults import REPEAT_PROOF
from tests.transports.real import MECHANISMS, PASSWORD, USER, mail_server
from tests.transports.scripted import Script, say, scripted
from tests.transports.tokens import REFRESH, SECRET, answer, token_server

pytestmark = [
    pytest.mark.one_database,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]


def where(port: int, security: Security = Security.NONE, auth: Auth = Auth.PASSWORD) -> TransportSettings:
    return TransportSettings("smtp", "127.0.0.1", port, security, USER, PASSWORD, auth=auth)


# Which mechanism


@pytest.mark.parametrize(
    ("offered", "auth", "used"),
    [
        ("LOGIN PLAIN SCRAM-SHA-256 XOAUTH2", Auth.PASSWORD, "SCRAM-SHA-256"),
        ("LOGIN PLAIN XOAUTH2", Auth.PASSWORD, "PLAIN"),
        ("LOGIN XOAUTH2", Auth.PASSWORD, "LOGIN"),
        ("LOGIN PLAIN SCRAM-SHA-256", Auth.PLAIN, "PLAIN"),
        ("LOGIN PLAIN SCRAM-SHA-256 XOAUTH2", Auth.XOAUTH2, "XOAUTH2"),
    ],
)
def test_the_best_mechanism_of_those_that_are_offered_and_asked_for_is_used(
    offered: str, auth: Auth, used: str
) -> None:
    async def scenario() -> None:
        async with mail_server(login=offered) as inbox:
            inbox.tokens.good.add(PASSWORD)
            outcome = await probe(where(inbox.port, auth=auth))
            assert isinstance(outcome, Accepted)
            assert f"C: AUTH {used} ********" in outcome.conversation or f"C: AUTH {used}\n" in outcome.conversation

    run(scenario())


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        (Auth.PASSWORD, "no kind of login that we know, only: GSSAPI, XOAUTHX."),
        (Auth.PLAIN, "no PLAIN or LOGIN, only: GSSAPI, XOAUTHX."),
        (Auth.XOAUTH2, "no XOAUTH2, only: GSSAPI, XOAUTHX."),
    ],
)
def test_logins_that_the_server_words_unlike_ours_are_named(auth: Auth, words: str) -> None:
    async def scenario() -> None:
        async with scripted(Script(extensions=["AUTH GSSAPI XOAUTHX"])) as server:
            assert await probe(where(server.port, auth=auth)) == Deferred(f"The server offers {words}", slow_down=True)

    run(scenario())


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_or_token_is_said_in_the_servers_words(mechanism: str, trusted: Certificates) -> None:
    async def scenario() -> None:
        async with mail_server(trusted.good, login=mechanism) as inbox:
            auth = Auth.XOAUTH2 if mechanism == "XOAUTH2" else Auth.PASSWORD
            settings = replace(where(inbox.port, Security.STARTTLS, auth), password="wrong horse")
            words = "The server refused the login: 535 5.7.8 Authentication credentials invalid"
            outcome = await probe(settings)
            assert outcome == Deferred(words, slow_down=True)
            assert "horse" not in outcome.conversation

    run(scenario())


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_what_is_too_long_for_a_command_waits_for_its_turn(mechanism: str) -> None:
    async def scenario() -> None:
        async with mail_server(login=mechanism) as inbox:
            auth = Auth.XOAUTH2 if mechanism == "XOAUTH2" else Auth.PASSWORD
            token = "x" * 4000
            inbox.tokens.good.add(token)
            outcome = await probe(replace(where(inbox.port, auth=auth), password=token))
            if mechanism == "XOAUTH2":
                assert isinstance(outcome, Accepted)
            else:
                assert isinstance(outcome, Deferred)
                assert outcome.reason.startswith("The server refused the login: 535 5.7.8")
            assert "xxx" not in outcome.conversation

    run(scenario())


# What is never shown, and never said


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_no_password_is_in_any_outcome_even_where_the_server_repeats_it(mechanism: str) -> None:
    plain = "AGFsaWNlQGFjbWUudGVzdABjb3JyZWN0IGhvcnNlL2JhdHRlcnkgw6k="
    encoded = "Y29ycmVjdCBob3JzZS9iYXR0ZXJ5IMOp"

    async def scenario() -> None:
        auth = Auth.XOAUTH2 if mechanism == "XOAUTH2" else Auth.PASSWORD
        script = Script({"AUTH": say(f"535 Not {plain} nor {encoded} nor {PASSWORD}")}, [f"AUTH {mechanism}"])
        async with scripted(script) as server:
            outcome = await probe(where(server.port, auth=auth))
            assert isinstance(outcome, Deferred)
            shown = repr(outcome) + outcome.conversation
            assert PASSWORD not in shown
            assert encoded not in shown
            if mechanism == "PLAIN":
                assert plain in "\n".join(server.commands)
                assert plain not in shown

    run(scenario())


def test_no_password_goes_in_clear_to_a_server_that_hides_its_starttls() -> None:
    async def scenario() -> None:
        async with scripted(Script(extensions=["AUTH PLAIN LOGIN"])) as server:
            outcome = await probe(where(server.port, Security.STARTTLS))
            assert isinstance(outcome, Deferred)
            assert "does not offer STARTTLS" in outcome.reason
            assert [command.split()[0] for command in server.commands] == ["EHLO"]

    run(scenario())


def test_a_login_is_never_begun_on_a_link_that_should_be_encrypted_and_is_not() -> None:
    async def scenario() -> None:
        async with scripted() as server:
            wire = Wire(Conversation())
            await asyncio.get_running_loop().create_connection(lambda: wire, "127.0.0.1", server.port)
            with pytest.raises(NotWelcome):
                await log_in(wire, where(server.port, Security.STARTTLS), "PLAIN", 5)
            wire.abort()
            assert server.commands == []

    run(scenario())


def test_no_proof_is_shown_even_where_the_server_repeats_it() -> None:
    async def scenario() -> None:
        async with scripted(Script({"AUTH": REPEAT_PROOF}, ["AUTH SCRAM-SHA-256"])) as server:
            outcome = await probe(where(server.port))
            assert isinstance(outcome, Deferred)
            assert outcome.reason == "The server refused the login: 535 Not ******** nor ********"
            assert outcome.conversation.splitlines()[-2] == "S: 535 Not ******** nor ********"

    run(scenario())


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "XOAUTH2"])
def test_no_challenge_is_shown_for_passwords_could_be_tried_against_it(mechanism: str) -> None:
    async def scenario() -> None:
        async with mail_server(login=mechanism) as inbox:
            auth = Auth.XOAUTH2 if mechanism == "XOAUTH2" else Auth.PASSWORD
            conversation = (await probe(where(inbox.port, auth=auth))).conversation
            assert "S: 334 ********" in conversation
            said = [line for line in conversation.splitlines() if line.startswith(("C: ", "S: 334"))]
            assert not [line for line in said if line.split()[1] not in ("EHLO", "AUTH", "334", "********", "QUIT")]

    run(scenario())


# SCRAM-SHA-256

ROUNDS = "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
NONCE = "rOprNGfwEbeRWgbNEkqO"


def test_the_standards_own_example_comes_out() -> None:
    """RFC 7677 §3."""
    dialogue = scram_sha_256("user", "pencil", NONCE)
    assert next(dialogue) == f"n,,n=user,r={NONCE}".encode()
    whole = NONCE + "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert dialogue.send(f"r={whole},{ROUNDS}".encode()) == f"c=biws,r={whole},{proof}".encode()
    assert dialogue.send(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""
    with pytest.raises(StopIteration):
        dialogue.send(None)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([None], "let us in without a signature"),
        ([f"r={NONCE}x,{ROUNDS}", None], "let us in without a signature"),
        ([f"r={NONCE}x,{ROUNDS}", f"v={b64encode(bytes(32)).decode()}"], "its signature is wrong"),
        ([f"r={NONCE}x,{ROUNDS}", "v="], "its signature is wrong"),
        ([f"r={NONCE}x,{ROUNDS}", "v=é"], "cannot be read"),
        ([f"r={NONCE}x,{ROUNDS}", ""], "its signature is wrong"),
        ([f"r={NONCE}x,{ROUNDS}", "e=invalid-proof"], "refused the login: invalid-proof"),
    ],
)
def test_a_server_that_does_not_prove_itself_is_not_believed(answers: list[str | None], words: str) -> None:
    dialogue = scram_sha_256("user", "pencil", NONCE)
    next(dialogue)
    for said in answers[:-1]:
        dialogue.send((said or "").encode())
    last = answers[-1]
    with pytest.raises(Distrust, match=words):
        dialogue.send(None if last is None else last.encode())


@pytest.mark.parametrize(
    ("challenge", "words"),
    [
        (f"r={NONCE},{ROUNDS}", "another login"),
        (f"r=x{NONCE},{ROUNDS}", "another login"),
        (f"r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095", "4095 iterations .* from 4,096 to 1,000,000"),
        (f"r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001", "1000001 iterations"),
        (f"r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=" + "9" * 400, "9999 iterations"),
        (f"r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=٤٠٩٦", "iterations"),
        (f"r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-4096", "iterations"),
        (f"r={NONCE}x,s=!,i=4096", "cannot be read"),
        (f"m=new,r={NONCE}x,{ROUNDS}", "cannot be read"),
        (f"{ROUNDS},r={NONCE}x", "cannot be read"),
        ("", "cannot be read"),
        ("v=", "cannot be read"),
    ],
)
def test_a_challenge_that_is_not_ours_or_asks_too_little_or_too_much_is_not_answered(
    challenge: str, words: str
) -> None:
    with pytest.raises(Distrust, match=words):
        read_challenge(challenge, NONCE)


def test_a_user_name_with_the_mechanisms_own_signs_is_one_name() -> None:
    assert next(scram_sha_256("a=b,c", "x", "n")) == b"n,,n=a=3Db=2Cc,r=n"


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("e\u0301", "é"),
        ("\u0627\u0628", "\u0627\u0628"),
        ("", ""),
    ],
)
def test_a_password_is_hashed_as_everybody_else_would_write_it(text: str, prepared: str) -> None:
    """RFC 4013 §3, and more."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u06271", "\u0627a\u0628", "\ue000", "\ufffd", "\U000e0041"])
def test_characters_that_nobody_can_type_alike_are_refused_in_words(text: str) -> None:
    with pytest.raises(Prohibited):
        saslprep(text)
    with pytest.raises(Distrust, match="password has characters that SCRAM-SHA-256 does not allow"):
        next(scram_sha_256("user", text))


# XOAUTH2, its tokens traded


def test_a_message_goes_out_with_a_token_that_a_refresh_token_was_traded_for(trusted: Certificates) -> None:
    async def scenario() -> None:
        async with mail_server(trusted.good, login="XOAUTH2") as inbox, token_server(trusted.good) as provider:
            inbox.tokens.good.add("token-1")
            settings = replace(
                where(inbox.port, Security.STARTTLS, Auth.XOAUTH2), password=REFRESH, oauth=provider.oauth
            )
            for _ in range(2):
                outcome = await probe(settings)
                assert outcome == Accepted(f"Connected to 127.0.0.1, port {inbox.port} (TLSv1.3), logged in as {USER}.")
                shown = repr(outcome) + outcome.conversation
                assert not [secret for secret in (REFRESH, SECRET, "token-1") if secret in shown]
            assert len(provider.asked) == 1

    run(scenario())


def test_a_token_that_the_mail_server_does_not_take_is_not_used_again() -> None:
    async def scenario() -> None:
        async with mail_server(login="XOAUTH2") as inbox, token_server() as provider:
            inbox.tokens.good.add("token-2")
            settings = replace(where(inbox.port, auth=Auth.XOAUTH2), password=REFRESH, oauth=provider.oauth)
            refused = await probe(settings)
            assert isinstance(refused, Deferred)
            assert refused.slow_down
            assert "535" in refused.reason
            assert isinstance(await probe(settings), Accepted)

    run(scenario())


def test_a_message_waits_where_the_provider_gives_no_token() -> None:
    async def scenario() -> None:
        async with mail_server(login="XOAUTH2") as inbox:
            async with token_server(says=answer(400, {"error": "invalid_grant"})) as provider:
                settings = replace(where(inbox.port, auth=Auth.XOAUTH2), password=REFRESH, oauth=provider.oauth)
                outcome = await probe(settings)
            assert outcome == Deferred(
                "127.0.0.1 gave no access token: invalid_grant. The refresh token is no longer good: allow access "
                "once more, and enter the new one.",
                slow_down=True,
            )
            assert "C: AUTH" not in outcome.conversation

    run(scenario())
