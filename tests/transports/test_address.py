"""What people write for a transport, and what it means."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoonmail.transports.address import CAPTURE, Security, TransportSettings, parse_transport_url, to_url

pytestmark = pytest.mark.one_database

PLAIN, STARTTLS, TLS = Security.NONE, Security.STARTTLS, Security.TLS

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


@given(
    host=hosts,
    port=st.integers(1, 65535),
    security=st.sampled_from(Security),
    username=text.filter(bool),
    password=text,
    allow=st.booleans(),
)
def test_every_setting_survives_being_written_as_a_url(
    *, host: str, port: int, security: Security, username: str, password: str, allow: bool
) -> None:
    settings = TransportSettings("smtp", host, port, security, username, password, allow)
    assert parse_transport_url(to_url(settings, with_password=True)) == settings


def test_a_password_is_in_no_url_unless_asked_for_and_in_no_repr() -> None:
    settings = parse_transport_url("smtps://alice:sesame-opens@mail.acme.test")
    assert to_url(settings) == "smtps://alice@mail.acme.test"
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize("url", ["smtp://a:sesame/x@mail.test", "smtp://a:sesame@mail.test:port", "smtp//a:sesame@b"])
def test_a_refusal_does_not_repeat_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_transport_url(url)
    assert "sesame" not in str(caught.value)
