"""Promises of the transport page's "More options": other logins, and how much goes out at once."""

from __future__ import annotations

import pytest

from cocoonmail.emails.transport import set_transport, transport_of, transport_url
from cocoonmail.transports import Auth, OAuth
from tests.people import Person
from tests.transports.real import PASSWORD, USER
from tests.transports.threaded import in_a_thread
from tests.transports.tokens import CLIENT, REFRESH, SECRET, token_server
from tests.web.test_settings import say, server, smtp, stored

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.one_database,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

PAGE = "/settings/transport"
TOKEN_URL = "https://oauth2.googleapis.com/token"
OAUTH = {"auth": "xoauth2", "token_url": TOKEN_URL, "client_id": CLIENT, "client_secret": SECRET, "token": REFRESH}
GMAIL = smtp(587, host="smtp.gmail.test", security="starttls", username="hello@acme.test", **OAUTH)
BLANK = {"token": "", "client_secret": ""}


def test_a_test_goes_out_with_a_token_of_the_provider(alice: Person) -> None:
    with in_a_thread(token_server()) as tokens, server(login="XOAUTH2") as inbox:
        inbox.tokens.good.add("token-1")
        fields = smtp(inbox.port, username=USER, **OAUTH) | {"token_url": tokens.oauth.token_url}
        html = say(alice, PAGE, fields) + say(alice, PAGE + "/tests")
    assert "The server took it" in html
    assert [asked["refresh_token"] for asked in tokens.asked] == [REFRESH]
    assert not [secret for secret in (REFRESH, SECRET, "token-1") if secret in html]


def test_a_test_goes_out_by_scram_and_the_page_tells_nothing_to_try_passwords_against(alice: Person) -> None:
    with server(login="SCRAM-SHA-256") as inbox:
        say(alice, PAGE, smtp(inbox.port, username=USER, password=PASSWORD))
        html = say(alice, PAGE + "/tests")
    assert "The server took it" in html
    assert "AUTH SCRAM-SHA-256 ********" in html
    assert "S: 334 ********" in html


def test_tokens_and_secrets_are_kept_when_left_blank_and_never_shown(alice: Person) -> None:
    html = say(alice, PAGE, GMAIL)
    say(alice, PAGE, {**GMAIL, **BLANK, "port": "2525"})
    kept = transport_of(stored(alice))
    assert (kept.auth, kept.port, kept.password) == (Auth.XOAUTH2, 2525, REFRESH)
    assert kept.oauth == OAuth(TOKEN_URL, CLIENT, SECRET)
    html += alice.get(PAGE).content.decode()
    assert not [secret for secret in (REFRESH, SECRET) if secret in html]
    assert html.count("Leave this blank to keep it.") == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token_url": "https://evil.test/token"}, "Enter the refresh token."),
        ({"client_id": "another"}, "Enter the refresh token."),
        ({"host": "smtp.evil.test"}, "Enter the refresh token."),
        ({"username": "eve@acme.test"}, "Enter the refresh token."),
        ({"token_url": "", "client_id": ""}, "Enter the refresh token."),
        ({"auth": "password"}, "Enter the password."),
        ({"auth": ""}, "Enter the password."),
    ],
)
def test_a_stored_token_goes_to_no_other_place_than_it_was_entered_for(
    alice: Person, change: dict[str, str], words: str
) -> None:
    say(alice, PAGE, GMAIL)
    before = transport_url(stored(alice))
    assert words in say(alice, PAGE, {**GMAIL, **BLANK, **change})
    assert transport_url(stored(alice)) == before


def test_a_stored_client_secret_does_not_follow_to_another_provider(alice: Person) -> None:
    say(alice, PAGE, GMAIL)
    say(alice, PAGE, {**GMAIL, "client_secret": "", "token_url": "https://other.test/token"})
    assert transport_of(stored(alice)).oauth == OAuth("https://other.test/token", CLIENT)


def test_a_stored_password_is_not_sent_as_a_token(alice: Person) -> None:
    say(alice, PAGE, {**GMAIL, "auth": "password", "password": "hunter2"})
    for change in ({}, {"token_url": "", "client_id": ""}):
        assert "Enter the refresh token." in say(alice, PAGE, {**GMAIL, **BLANK, **change})


def test_a_token_without_an_address_is_used_as_it_is(alice: Person) -> None:
    say(alice, PAGE, {**GMAIL, "token_url": "", "client_id": "", "token": "access"})
    kept = transport_of(stored(alice))
    assert (kept.auth, kept.oauth, kept.password) == (Auth.XOAUTH2, None, "access")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"username": ""}, "OAuth 2 needs the mailbox"),
        ({"token": ""}, "Enter the refresh token."),
        ({"client_id": ""}, "go together"),
        ({"token_url": ""}, "go together"),
        ({"token_url": "http://oauth2.googleapis.com/token"}, "A token address begins with https://"),
        ({"token_url": "oauth2.googleapis.com"}, "A token address looks like https://"),
        ({"token": "x" * 4097}, "at most 4096 characters"),
        ({"auth": "kerberos"}, "kerberos is not one of the available choices"),
        *(({"connections": value}, "A whole number from 1 to 100.") for value in ["0", "101", "1.5", "-1", "many"]),
        *(({"per_connection": value}, "A whole number from 1 to 10,000.") for value in ["0", "10001", "x"]),
        *(
            ({"rate": value}, "A number from 0.001 to 10,000, such as 10 or 0.5.")
            for value in ["0", "-1", "0.0001", "10000.5", "123456", "1e9", "NaN", "Infinity", "0,5", "fast"]
        ),
    ],
)
def test_a_wrong_value_is_said_in_words_with_the_options_open(
    alice: Person, change: dict[str, str], words: str
) -> None:
    html = say(alice, PAGE, {**GMAIL, **change})
    assert words in html
    assert '<details class="more" open><summary>More options' in html
    assert stored(alice).transport_sealed == ""


@pytest.mark.parametrize("rate", ["0.5", "10", "10000", "0.001", "2.50"])
def test_limits_are_stored_and_shown(alice: Person, rate: str) -> None:
    html = say(alice, PAGE, smtp(25, connections="3", per_connection="50", rate=rate))
    kept = transport_of(stored(alice))
    assert (kept.connections, kept.per_connection, kept.rate) == (3, 50, float(rate))
    for name, value in {"connections": "3", "per_connection": "50", "rate": f"{float(rate):g}"}.items():
        assert f'name="{name}" value="{value}"' in html


def test_limits_left_blank_are_the_usual_ones(alice: Person) -> None:
    say(alice, PAGE, smtp(25, connections="", per_connection="", rate=""))
    kept = transport_of(stored(alice))
    assert (kept.connections, kept.per_connection, kept.rate) == (8, 100, None)


def test_the_options_stay_closed_until_one_is_used(alice: Person) -> None:
    say(alice, PAGE, smtp(25))
    assert '<details class="more"><summary>More options' in alice.get(PAGE).content.decode()
    set_transport(alice.workspace, "smtp://127.0.0.1?rate=2")
    alice.workspace.save()
    assert '<details class="more" open><summary>More options' in alice.get(PAGE).content.decode()
