"""Promises of the Settings page's provider form: tried before it is trusted, its key kept and never shown."""

from __future__ import annotations

import re

import pytest

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.transport import limits_of, transport_of, transport_url
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.providers import PROVIDERS
from tests.people import People, Person
from tests.transports.gateway import RECEIPTS, gateway, say

pytestmark = pytest.mark.django_db

PAGE = "/settings/transport"
NEEDS = {
    "ses": {"access_key": "AKIA1", "aws_region": "eu-west-1"},
    "mailgun": {"domain": "mg.acme.test", "mailgun_region": "eu"},
}
KEY = "sesame-opens"


def form(provider: str, **changes: str) -> dict[str, str]:
    """What a browser posts: all fields, also those that are hidden."""
    hidden = {"host": "", "port": "587", "security": "starttls", "username": "", "password": ""}
    blank = {
        "access_key": "",
        "aws_region": "",
        "domain": "",
        "mailgun_region": "us",
        "api": "",
        "requests": "8",
        "pace": "",
    }
    return {"kind": "esp", **hidden, **blank, "provider": provider, "key": KEY, **NEEDS.get(provider, {}), **changes}


def stored(person: Person) -> Workspace:
    return Workspace.objects.get(pk=person.workspace.pk)


def tell(answer_to: Person, path: str, values: dict[str, str] | None = None) -> str:
    return answer_to.post(path, values or {}, follow=True).content.decode()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_stored_with_its_key_sealed_and_tried_by_one_email(alice: Person, provider: str) -> None:
    with gateway(provider) as server:
        html = tell(alice, PAGE, form(provider, api=server.url))
        assert "Saved. Send a test" in html
        assert KEY not in html + stored(alice).transport_sealed
        esp = transport_of(stored(alice)).esp
        assert esp is not None
        assert (esp.provider, esp.key, esp.api) == (provider, KEY, server.url)
        html = tell(alice, f"{PAGE}/tests")
    assert "The server took it" in html
    assert RECEIPTS[provider].strip("<>") in html
    assert KEY not in html
    assert b"alice" in server.heard[0].body or provider == "ses"
    assert len(server.heard) == 1


def test_a_providers_refusal_is_shown_in_its_words(alice: Person) -> None:
    with gateway("postmark", say(401, "10", "Bad or missing API token")) as server:
        tell(alice, PAGE, form("postmark", api=server.url))
        html = tell(alice, f"{PAGE}/tests")
    assert "It could not be sent" in html
    assert "Bad or missing API token" in html


def test_the_stored_provider_is_shown_again_without_its_key(alice: Person) -> None:
    tell(alice, PAGE, form("mailgun"))
    html = alice.get(PAGE).content.decode()
    assert '<option value="mailgun" selected>' in html
    assert 'value="mg.acme.test"' in html
    assert "A key for Mailgun is stored" in html
    assert KEY not in html


def test_a_key_left_blank_is_kept_for_the_same_account_only(alice: Person) -> None:
    tell(alice, PAGE, form("mailgun"))
    before = transport_url(stored(alice))
    assert "Saved" in tell(alice, PAGE, form("mailgun", key=""))
    changes = [{"domain": "mg.evil.test"}, {"api": "https://evil.test"}, {"mailgun_region": "us"}]
    for change in changes:
        assert "Write it once more" in tell(alice, PAGE, form("mailgun", key="", **change)), change
    assert "Write it once more" in tell(alice, PAGE, form("resend", key=""))
    assert transport_url(stored(alice)) == before
    tell(alice, PAGE, form("resend", key="another"))
    assert transport_of(stored(alice)).esp == EspSettings("resend", "another")


def test_a_providers_limits_are_kept_with_it_and_changed_without_its_key(alice: Person) -> None:
    assert 'value="8"' in alice.get(PAGE).content.decode()
    tell(alice, PAGE, form("mailgun", requests="2", pace="0.5"))
    assert limits_of(stored(alice)).transport == 0.5
    html = alice.get(PAGE).content.decode()
    assert re.search(r'name="requests" value="2"', html)
    assert re.search(r'name="pace" value="0.5"', html)
    assert re.search(r'name="connections" value="8"', html)
    assert not re.search(r'name="rate" value', html)
    assert "Saved" in tell(alice, PAGE, form("mailgun", key="", requests="", pace="9"))
    assert transport_url(stored(alice)) == f"mailgun://{KEY}@mg.acme.test?region=eu&rate=9"


@pytest.mark.parametrize(
    ("provider", "change"),
    [
        ("postmark", {"key": ""}),
        ("postmark", {"key": "two words"}),
        ("postmark", {"api": "http://mail.acme.test"}),
        ("postmark", {"api": "nowhere"}),
        ("postmark", {"requests": "101"}),
        ("postmark", {"pace": "fast"}),
        ("pigeon", {}),
        ("ses", {"access_key": ""}),
        ("ses", {"aws_region": "moon"}),
        ("mailgun", {"domain": ""}),
        ("mailgun", {"mailgun_region": "mars"}),
    ],
)
def test_a_provider_that_cannot_work_is_refused_and_the_old_transport_stays(
    alice: Person, provider: str, change: dict[str, str]
) -> None:
    html = tell(alice, PAGE, form(provider, **change))
    assert 'class="errorlist' in html
    assert stored(alice).transport_sealed == ""
    assert KEY not in html


def test_ses_without_its_package_is_refused_and_the_page_says_what_to_install(
    alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cocoonmail.transports.esp.providers.find_spec", lambda name: None)
    assert "pip install boto3" in tell(alice, PAGE, form("ses"))
    assert stored(alice).transport_sealed == ""


def test_going_back_to_smtp_or_to_capturing_forgets_the_provider(alice: Person) -> None:
    tell(alice, PAGE, form("postmark"))
    tell(alice, PAGE, {**form("postmark", key=""), "kind": "smtp", "host": "mx.acme.test"})
    assert transport_of(stored(alice)).kind == "smtp"
    tell(alice, PAGE, form("postmark"))
    tell(alice, PAGE, {**form("postmark", key=""), "kind": "capture"})
    assert stored(alice).transport_sealed == ""


def test_nobody_sets_a_provider_without_the_right(everybody: People) -> None:
    for who in (everybody.bob, everybody.vera):
        assert who.post(PAGE, form("postmark")).status_code == 403
    assert stored(everybody.alice).transport_sealed == ""
