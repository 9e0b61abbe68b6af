"""What people write for a transport, and what it means."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoonmail.transports import options
from cocoonmail.transports.address import (
    CAPTURE,
    Auth,
    OAuth,
    Security,
    TransportSettings,
    keep_secrets,
    parse_transport_url,
    to_url,
)
from cocoonmail.transports.smtp.scram import ITERATIONS_MAX, ITERATIONS_MIN

pytestmark = pytest.mark.one_database

PLAIN, STARTTLS, TLS = Security.NONE, Security.STARTTLS, Security.TLS

GOOGLE = "https%3A%2F%2Foauth2.googleapis.com%2Ftoken"
READINGS = {
    "capture": CAPTURE,
    "smtp://mail.acme.test": TransportSettings("smtp", "mail.acme.test", 587, STARTTLS),
    "smtp://mail.acme.test:2525": TransportSettings("smtp", "mail.acme.test", 2525, STARTTLS),
    "smtps://mail.acme.test": TransportSettings("smtp", "mail.acme.test", 465, TLS),
    "smtps://Mail.Acme.Test/": TransportSettings("smtp", "mail.acme.test", 465, TLS),
    "smtp://127.0.0.1:2525": TransportSettings("smtp", "127.0.0.1", 2525, PLAIN),
    "smtp://127.8.9.1": TransportSettings("smtp", "127.8.9.1", 25, PLAIN),
    "smtp://localhost": TransportSettings("smtp", "localhost", 25, PLAIN),
    "smtp://[::1]:2525": TransportSettings("smtp", "::1", 2525, PLAIN),
    "smtp://localhost.acme.test": TransportSettings("smtp", "localhost.acme.test", 587, STARTTLS),
    "smtp://127.0.0.1.acme.test": TransportSettings("smtp", "127.0.0.1.acme.test", 587, STARTTLS),
    "smtp://localhost?security=starttls": TransportSettings("smtp", "localhost", 587, STARTTLS),
    "smtp://mail.acme.test?security=none": TransportSettings("smtp", "mail.acme.test", 25, PLAIN),
    "smtp://mail.acme.test?security=tls": TransportSettings("smtp", "mail.acme.test", 465, TLS),
    "smtps://mail.acme.test?verify=off": TransportSettings("smtp", "mail.acme.test", 465, TLS, allow_self_signed=True),
    "smtps://mail.acme.test?verify=on": TransportSettings("smtp", "mail.acme.test", 465, TLS),
    "smtps://hello%40acme.test:p%2F%40%3A%C3%A9@mail.acme.test": TransportSettings(
        "smtp", "mail.acme.test", 465, TLS, "hello@acme.test", "p/@:é"
    ),
    "smtp://hello@acme.test:a@b@mail.acme.test": TransportSettings(
        "smtp", "mail.acme.test", 587, STARTTLS, "hello@acme.test", "a@b"
    ),
    "smtps://a:b@mail.acme.test?auth=password": TransportSettings("smtp", "mail.acme.test", 465, TLS, "a", "b"),
    "smtps://a:b@mail.acme.test?auth=plain": TransportSettings(
        "smtp", "mail.acme.test", 465, TLS, "a", "b", auth=Auth.PLAIN
    ),
    "smtps://a:token@mail.acme.test?auth=xoauth2": TransportSettings(
        "smtp", "mail.acme.test", 465, TLS, "a", "token", auth=Auth.XOAUTH2
    ),
    f"smtp://a:refresh@mail.acme.test?auth=xoauth2&token_url={GOOGLE}&client_id=me&client_secret=a%2Bb": (
        TransportSettings(
            *("smtp", "mail.acme.test", 587, STARTTLS, "a", "refresh"),
            auth=Auth.XOAUTH2,
            oauth=OAuth("https://oauth2.googleapis.com/token", "me", "a+b"),
        )
    ),
    "smtps://mail.acme.test?connections=1&per_connection=1&rate=0.5": TransportSettings(
        "smtp", "mail.acme.test", 465, TLS, connections=1, per_connection=1, rate=0.5
    ),
    "smtps://mail.acme.test?connections=100&per_connection=10000&rate=10000": TransportSettings(
        "smtp", "mail.acme.test", 465, TLS, connections=100, per_connection=10_000, rate=10_000
    ),
}


@pytest.mark.parametrize("url", READINGS)
def test_a_url_means_what_the_document_says(url: str) -> None:
    assert parse_transport_url(url) == READINGS[url]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "smtp://host:port"),
        ("mail.acme.test", "smtp://host:port"),
        ("http://mail.acme.test", "smtp://host:port"),
        ("smtp:mail.acme.test", "smtp://host:port"),
        ("smtp://", "smtp://host:port"),
        ("smtp://:2525", "no host name"),
        ("smtp://mail acme", "no spaces"),
        ("smtp://mail.acme.test\r\nRCPT", "no spaces"),
        ("smtp://[::1", "not a URL"),
        ("smtp://mail.acme.test:0", "1 to 65535"),
        ("smtp://mail.acme.test:70000", "1 to 65535"),
        ("smtp://mail.acme.test:smtp", "1 to 65535"),
        ("smtp://a:p%0d%0aQUIT@mail.acme.test", "control characters"),
        ("smtp://a%00b:p@mail.acme.test", "control characters"),
        ("smtp://a:%ff@mail.acme.test", "percent-encoded UTF-8"),
        ("smtp://a:p/q@mail.acme.test", "%2F"),
        ("smtp://a:pq#r@mail.acme.test", "%2F"),
        ("smtp://mail.acme.test/inbox", "%2F"),
        ("smtp://mail.acme.test?tls=off", "no option 'tls'"),
        ("smtp://mail.acme.test?security=ssl", "one of tls, starttls, none"),
        ("smtp://mail.acme.test?verify=", "one of on, off"),
        ("smtp://mail.acme.test?verify=on&verify=off", "given once"),
        ("smtps://mail.acme.test?security=none", "write smtp://"),
        ("smtps://mail.acme.test?auth=cram-md5", "one of password, plain, xoauth2"),
        ("smtps://mail.acme.test?auth=xoauth2", "needs a user name"),
        (f"smtps://a@mail.acme.test?token_url={GOOGLE}", "goes with ?auth=xoauth2"),
        ("smtps://a@mail.acme.test?client_secret=x", "goes with ?auth=xoauth2"),
        (f"smtps://a@mail.acme.test?auth=xoauth2&token_url={GOOGLE}", "go together"),
        ("smtps://a@mail.acme.test?auth=xoauth2&client_id=me", "go together"),
        ("smtps://a@mail.acme.test?auth=xoauth2&client_id=me&client_secret=a%0d%0ab", "control characters"),
        *(
            (f"smtps://a@mail.acme.test?auth=xoauth2&client_id=me&token_url={url}", words)
            for url, words in [
                ("oauth2.googleapis.com", "looks like https://oauth2"),
                ("https%3A%2F%2F", "looks like https://oauth2"),
                ("https%3A%2F%2Fa.test%3A70000", "looks like https://oauth2"),
                ("https%3A%2F%2Fa.test%3A0", "looks like https://oauth2"),
                ("https%3A%2F%2F%5B%3A%3A1", "looks like https://oauth2"),
                ("https%3A%2F%2Fme%3Apw%40a.test%2Ftoken", "looks like https://oauth2"),
                ("https%3A%2F%2Fa.test%2Fa%20b", "looks like https://oauth2"),
                ("http%3A%2F%2Fa.test%2Ftoken", "begins with https://"),
                ("file%3A%2F%2Fa.test%2Ftoken", "begins with https://"),
            ]
        ),
        *(
            (f"smtps://mail.acme.test?{name}={value}", words)
            for name, words in [("connections", "from 1 to 100"), ("per_connection", "from 1 to 10,000")]
            for value in ["", "0", "-1", "1.5", "10001", "9" * 4000, "%D9%A1", "1e1", "many"]
        ),
        *(
            (f"smtps://mail.acme.test?rate={value}", "from 0.001 to 10,000")
            for value in ["", "0", "0.0001", "-1", "10000.1", "1e3", "nan", "inf", ".5", "1.", "1,5", "%D9%A1"]
        ),
    ],
)
def test_a_bad_url_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        parse_transport_url(url)


text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
hosts = st.one_of(
    st.sampled_from(["mail.acme.test", "localhost", "xn--bcher-kva.test"]),
    st.ip_addresses(v=4).map(lambda address: str(IPv4Address(address))),
    st.ip_addresses(v=6).map(lambda address: str(IPv6Address(address))),
)
token_urls = st.sampled_from(
    ["https://oauth2.googleapis.com/token", "https://a.test:8443/t?x=1&y=%20", "http://[::1]:8080"]
)


@given(
    host=hosts,
    port=st.integers(1, 65535),
    security=st.sampled_from(Security),
    username=text.filter(bool),
    password=text,
    allow=st.booleans(),
    auth=st.one_of(
        st.tuples(st.sampled_from(Auth), st.none()),
        st.tuples(st.just(Auth.XOAUTH2), st.builds(OAuth, token_urls, text.filter(bool), text)),
    ),
    limits=st.tuples(
        st.integers(1, 100),
        st.integers(1, 10_000),
        st.one_of(st.none(), st.integers(1, 10_000_000).map(lambda thousandths: thousandths / 1000)),
    ),
)
def test_every_setting_survives_being_written_as_a_url(
    *,
    host: str,
    port: int,
    security: Security,
    username: str,
    password: str,
    allow: bool,
    auth: tuple[Auth, OAuth | None],
    limits: tuple[int, int, float | None],
) -> None:
    settings = TransportSettings("smtp", host, port, security, username, password, allow, *auth)
    settings = replace(settings, connections=limits[0], per_connection=limits[1], rate=limits[2])
    assert parse_transport_url(to_url(settings, with_password=True)) == settings


def test_a_password_is_in_no_url_unless_asked_for_and_in_no_repr() -> None:
    settings = parse_transport_url("smtps://alice:sesame-opens@mail.acme.test")
    assert to_url(settings) == "smtps://alice@mail.acme.test"
    assert "sesame" not in repr(settings)


def test_a_clients_secret_is_in_no_url_unless_asked_for_and_in_no_repr() -> None:
    url = f"smtp://a:refresh@mail.acme.test?auth=xoauth2&token_url={GOOGLE}&client_id=me&client_secret=sesame"
    settings = parse_transport_url(url)
    assert to_url(settings, with_password=True) == url
    assert to_url(settings) == f"smtp://a@mail.acme.test?auth=xoauth2&token_url={GOOGLE}&client_id=me"
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "smtp://a:sesame/x@mail.test",
        "smtp://a:sesame@mail.test:port",
        "smtp//a:sesame@b",
        "smtp://a@b?client_secret=sesame",
        "smtp://a@b?auth=xoauth2&client_secret=%00sesame",
    ],
)
def test_a_refusal_does_not_repeat_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_transport_url(url)
    assert "sesame" not in str(caught.value)


FULL = f"smtp://a:refresh@mail.acme.test?auth=xoauth2&token_url={GOOGLE}&client_id=me&client_secret=sesame"


@pytest.mark.parametrize("change", [("mail.acme.test?", "mail.acme.test?rate=5&"), ("smtp://", "smtps://"), ("x", "x")])
def test_secrets_left_blank_are_kept_whatever_else_changes(change: tuple[str, str]) -> None:
    stored = parse_transport_url(FULL)
    asked = parse_transport_url(to_url(stored).replace(*change))
    kept = keep_secrets(asked, stored)
    assert kept.password == "refresh"
    assert kept.oauth == stored.oauth
    assert to_url(kept) == to_url(asked)


@pytest.mark.parametrize(
    "change",
    [("mail.acme.test", "mail.evil.test"), ("a@", "eve@"), ("oauth2.", "evil."), ("=me", "=you"), (GOOGLE, GOOGLE * 2)],
)
def test_secrets_go_nowhere_else(change: tuple[str, str]) -> None:
    asked = parse_transport_url(to_url(parse_transport_url(FULL)).replace(*change))
    assert keep_secrets(asked, parse_transport_url(FULL)) == asked


def test_a_password_is_no_token_and_a_token_no_password() -> None:
    password, token = parse_transport_url("smtp://a:pw@b.test"), parse_transport_url("smtp://a:t@b.test?auth=xoauth2")
    for stored, asked in [(password, token), (token, password)]:
        assert keep_secrets(parse_transport_url(to_url(asked)), stored).password == ""


def test_the_document_tells_the_limits_as_they_are() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "sending.md").read_text()
    for name, least, most, usual in [
        ("connections", "1", f"{options.CONNECTIONS_MAX:,}", f"{options.CONNECTIONS:,}"),
        ("per_connection", "1", f"{options.PER_CONNECTION_MAX:,}", f"{options.PER_CONNECTION:,}"),
        ("rate", f"{options.RATE_MIN}", f"{options.RATE_MAX:,.0f}", "no limit"),
    ]:
        assert re.search(rf"\| `{name}` \| [^|]+ \| {least} \| {most} \| {usual} \|", text)
    assert f"{ITERATIONS_MIN:,} to {ITERATIONS_MAX:,} iterations" in text
