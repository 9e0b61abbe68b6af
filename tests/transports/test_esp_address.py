"""What people write for a provider, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoonmail.transports.address import TransportSettings, parse_transport_url, to_url
from cocoonmail.transports.esp.address import EXAMPLES, KEY, EspSettings
from cocoonmail.transports.esp.providers import PROVIDERS

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
        ("postmark://", "needs its server API token"),
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
        ("mailgun://sesame", "Write mailgun://KEY@"),
        ("mailgun://k@localhost", "domain that you send from"),
        ("mailgun://k@mg.acme.test?region=mars", "us or eu"),
        ("mailgun://@mg.acme.test", "needs its sending API key"),
        ("ses://AKIA@eu-west-1", "needs its secret access key"),
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


@given(settings)
def test_every_providers_settings_survive_being_written_as_a_url(esp: EspSettings) -> None:
    wanted = TransportSettings("esp", esp=esp)
    url = to_url(wanted, with_password=True)
    if len(url) <= 2048:
        assert parse_transport_url(url) == wanted


@pytest.mark.parametrize(
    "url", ["postmark://sesame", "mailgun://sesame@mg.acme.test?region=eu", "ses://AKIA:sesame@eu-west-1"]
)
def test_a_key_is_in_no_url_unless_asked_for_and_in_no_repr(url: str) -> None:
    read = parse_transport_url(url)
    assert "sesame" not in to_url(read) + repr(read)
    with pytest.raises(ValueError, match="needs its"):
        parse_transport_url(to_url(read))
