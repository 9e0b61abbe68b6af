"""What people write for a provider, and what it means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoonmail.transports.address import TransportSettings, keep_secrets, parse_transport_url, to_url
from cocoonmail.transports.esp.address import EXAMPLES, KEY, EspSettings
from cocoonmail.transports.esp.providers import PROVIDERS
from cocoonmail.transports.options import CONNECTIONS, CONNECTIONS_MAX

pytestmark = pytest.mark.one_database

READINGS = {
    "postmark://0A1b-22": EspSettings("postmark", "0A1b-22"),
    "resend://re_AbC_123": EspSettings("resend", "re_AbC_123"),
    "resend://re_AbC_123/": EspSettings("resend", "re_AbC_123"),
    "sendgrid://SG.Ab-c.D_e": EspSettings("sendgrid", "SG.Ab-c.D_e"),
    "brevo://xkeysib-%2F%40%3A": EspSettings("brevo", "xkeysib-/@:"),
    "mailgun://Key-1@mg.Acme.test": EspSettings("mailgun", "Key-1", domain="mg.acme.test", region="us"),
    "mailgun://k@mg.acme.test?region=eu": EspSettings("mailgun", "k", domain="mg.acme.test", region="eu"),
    "ses://AKIA1:wJal%2Fr+x=@eu-west-1": EspSettings("ses", "wJal/r+x=", access_key="AKIA1", region="eu-west-1"),
    "postmark://k?api=http://127.0.0.1:8080/": EspSettings("postmark", "k", api="http://127.0.0.1:8080"),
    "postmark://k?api=https%3A%2F%2Fmail.acme.test%2Fv3": EspSettings("postmark", "k", api="https://mail.acme.test/v3"),
}


@pytest.mark.parametrize("url", READINGS)
def test_a_providers_url_means_what_the_document_says(url: str) -> None:
    assert parse_transport_url(url) == TransportSettings("esp", esp=READINGS[url])


@pytest.mark.parametrize("scheme", PROVIDERS)
def test_each_provider_has_an_example_that_can_be_read(scheme: str) -> None:
    assert parse_transport_url(EXAMPLES[scheme]).kind == "esp"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postmark://a b", "no spaces"),
        ("postmark://a%20b", "without spaces"),
        ("postmark://a%0d%0aX-Evil:%201", "control characters"),
        ("postmark://%ff", "percent-encoded UTF-8"),
        ("postmark://kéy", "without spaces"),
        ("postmark://sesame@host", "Write postmark://KEY"),
        ("postmark://a/b", "%2F"),
        ("postmark://a#b", "%23"),
        ("resend://k?region=eu", "no option 'region'"),
        ("resend://k?api=https://a.test&api=https://b.test", "given once"),
        ("resend://k?api=http://mail.acme.test", "https://"),
        ("resend://k?api=https://user:pw@a.test", "https://"),
        ("resend://k?api=https://a.test:0", "https://"),
        ("resend://k?api=https://a.test:x", "https://"),
        ("resend://k?api=ftp://a.test", "https://"),
        ("resend://k?api=https://[", "https://"),
        ("resend://sesame?rate=fast", "messages per second"),
        ("resend://sesame?connections=0", "whole number from 1 to 100"),
        ("resend://sesame?per_connection=5", "no option 'per_connection'"),
        ("mailgun://sesame", "Write mailgun://KEY@"),
        ("mailgun://k@localhost", "domain that you send from"),
        ("mailgun://k@mg.acme.test?region=mars", "us or eu"),
        ("ses://AKIA:sesame@nowhere", "region, such as eu-west-1"),
        ("ses://:sesame@eu-west-1", "access key"),
        ("pigeon://k", "postmark://TOKEN"),
    ],
)
def test_a_bad_url_of_a_provider_is_refused_in_words_that_repeat_no_key(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")) as caught:
        parse_transport_url(url)
    assert "sesame" not in str(caught.value)


keys = st.from_regex(KEY, fullmatch=True)
settings = st.one_of(
    st.builds(EspSettings, st.sampled_from(["postmark", "resend", "sendgrid", "brevo"]), keys),
    st.builds(
        EspSettings, st.just("ses"), keys, access_key=keys, region=st.sampled_from(["eu-west-1", "us-gov-east-1"])
    ),
    st.builds(
        EspSettings, st.just("mailgun"), keys, domain=st.just("mg.acme.test"), region=st.sampled_from(["us", "eu"])
    ),
    st.builds(
        EspSettings,
        st.just("brevo"),
        keys,
        api=st.sampled_from(["https://a.test/v3?", "http://[::1]:80"]).map(lambda u: u.rstrip("?")),
    ),
)


@given(settings, st.integers(1, CONNECTIONS_MAX), st.sampled_from([None, 0.001, 0.5, 10.0]))
def test_every_providers_settings_survive_being_written_as_a_url(
    esp: EspSettings, connections: int, rate: float | None
) -> None:
    wanted = TransportSettings("esp", esp=esp, connections=connections, rate=rate)
    assert parse_transport_url(to_url(wanted, with_password=True)) == wanted


def test_a_providers_limits_are_written_as_every_transports() -> None:
    read = parse_transport_url("mailgun://k@mg.acme.test?region=eu&connections=2&rate=0.5")
    assert (read.connections, read.rate) == (2, 0.5)
    read = parse_transport_url("postmark://k")
    assert (read.connections, read.rate) == (CONNECTIONS, None)


@pytest.mark.parametrize(
    "url", ["postmark://sesame", "mailgun://sesame@mg.acme.test?region=eu", "ses://AKIA:sesame@eu-west-1"]
)
def test_a_key_is_in_no_url_unless_asked_for_and_in_no_repr(url: str) -> None:
    read = parse_transport_url(url)
    assert "sesame" not in to_url(read) + repr(read)


@pytest.mark.parametrize("url", [*EXAMPLES.values(), "postmark://KEY?api=https://gateway.acme.test"])
def test_a_key_that_was_left_out_is_put_back_for_the_same_account_whatever_its_limits(url: str) -> None:
    stored = parse_transport_url(url)
    asked = replace(parse_transport_url(to_url(stored)), connections=3, rate=2.0)
    assert asked.esp is not None
    assert "needs its" in asked.esp.missing
    assert keep_secrets(asked, stored) == replace(stored, connections=3, rate=2.0)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("postmark://k", "resend://"),
        ("postmark://k", "postmark://?api=https://evil.test"),
        ("mailgun://k@mg.acme.test", "mailgun://@mg.evil.test"),
        ("mailgun://k@mg.acme.test", "mailgun://@mg.acme.test?region=eu"),
        ("ses://A:k@eu-west-1", "ses://B@eu-west-1"),
        ("ses://A:k@eu-west-1", "ses://A@us-east-1"),
        ("smtp://a:k@mail.acme.test", "postmark://"),
        ("postmark://k", "smtp://a@mail.acme.test"),
        ("postmark://k", "postmark://another"),
    ],
)
def test_a_key_goes_to_no_other_provider_account_or_address(stored: str, asked: str) -> None:
    settings = parse_transport_url(asked)
    assert keep_secrets(settings, parse_transport_url(stored)) == settings
