"""Promises of Settings, Domains: records that work when they are pasted, and a switch that waits for them."""

from __future__ import annotations

import re
from html import unescape

import pytest

from cocoonmail.emails.dkimkeys import to_text
from cocoonmail.emails.domains import add_pair, keys_of, records_of, switch_on
from cocoonmail.emails.models import SendingDomain
from cocoonmail.emails.transport import set_transport
from cocoonmail.kit.clock import database_now
from tests.nameserver import name_server
from tests.people import Person

pytestmark = pytest.mark.django_db


def say(person: Person, path: str, **values: str) -> str:
    return unescape(person.post(path, values, follow=True).content.decode())


def shown(person: Person, path: str) -> str:
    return unescape(person.get(path).content.decode())


def pair_of(person: Person, domain: str = "acme.test") -> SendingDomain:
    return add_pair(person.workspace, domain, database_now())


def path(pair: SendingDomain, verb: str = "") -> str:
    return f"/settings/domains/{pair.pk}{verb}"


def signing() -> list[str]:
    return list(SendingDomain.objects.filter(enabled=True).values_list("selector", flat=True))


def test_a_domain_becomes_two_records_that_can_be_copied(alice: Person) -> None:
    assert 'value="acme.test"' in shown(alice, "/settings/domains"), "The sender's domain is proposed."
    html = say(alice, "/settings/domains", domain="Acme.test")
    pair = SendingDomain.objects.get()
    for record in records_of(pair):
        assert f'data-copy="{record.host}"' in html
        assert f'data-copy="{record.value}"' in html
    strings = re.findall(r'"([^"]+)"', html.partition(f"{pair.selector}r._domainkey.acme.test. IN TXT ")[2])[:2]
    assert "".join(strings) == pair.rsa_record
    assert signing() == []


def test_a_mailbox_providers_domain_is_refused_with_the_reason(alice: Person) -> None:
    html = say(alice, "/settings/domains", domain="gmail.com")
    assert "gmail.com belongs to a mailbox provider" in html
    assert not SendingDomain.objects.exists()


def test_the_switch_waits_until_the_records_are_seen(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = pair_of(alice)
    records = {record.name: [record.value] for record in records_of(pair)}
    assert "Check the DNS first" in say(alice, path(pair, "/on"))
    with name_server({}, monkeypatch):
        assert "Not there yet" in say(alice, path(pair, "/check"))
    assert "Check the DNS first" in say(alice, path(pair, "/on"))
    assert signing() == []
    with name_server({**records, "_dmarc.acme.test": ["v=DMARC1; p=reject"]}, monkeypatch):
        html = say(alice, path(pair, "/check"))
    assert "you can switch signing on" in html
    assert "v=DMARC1; p=reject" in html
    say(alice, path(pair, "/on"))
    assert signing() == [pair.selector]
    say(alice, path(pair, "/off"))
    assert signing() == []


def test_one_of_two_records_is_not_enough(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = pair_of(alice)
    rsa, _ = records_of(pair)
    with name_server({rsa.name: [rsa.value]}, monkeypatch):
        say(alice, path(pair, "/check"))
    say(alice, path(pair, "/on"))
    assert signing() == []


def test_signing_anyway_has_to_be_said(alice: Person) -> None:
    pair = pair_of(alice)
    assert "Switch signing on anyway" in shown(alice, path(pair))
    say(alice, path(pair, "/on"), anyway="yes")
    assert signing() == [pair.selector]


def test_new_keys_take_over_only_when_they_are_switched_on(alice: Person) -> None:
    old = pair_of(alice)
    switch_on(old)
    html = say(alice, path(old, "/rotate"))
    new = SendingDomain.objects.exclude(pk=old.pk).get()
    assert f"{new.selector}r._domainkey" in html
    assert f"{old.selector}</a> signs for acme.test now" in html
    assert signing() == [old.selector]
    say(alice, path(new, "/on"), anyway="yes")
    assert signing() == [new.selector]


def test_removing_names_what_it_destroys_and_destroys_it(alice: Person) -> None:
    pair = pair_of(alice)
    switch_on(pair)
    html = shown(alice, path(pair))
    assert f"the private keys {pair.selector}r and {pair.selector}e" in html
    assert "the signature on mail from acme.test" in html
    say(alice, path(pair, "/remove"))
    assert not SendingDomain.objects.exists()


def test_private_keys_are_on_no_page(alice: Person) -> None:
    pair = pair_of(alice)
    pages = shown(alice, path(pair)) + shown(alice, "/settings/domains")
    for key in keys_of(pair):
        for line in to_text(key.private).splitlines():
            assert line not in pages
    assert pair.rsa_sealed[:40] not in pages


def test_vera_sees_the_records_and_no_button(vera: Person) -> None:
    html = shown(vera, path(pair_of(vera)))
    assert "_domainkey" in html
    assert 'action="/settings/domains' not in html


def test_what_the_dns_says_is_shown_as_text(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = pair_of(alice)
    evil = "<script>alert(1)</script>"
    with name_server({"acme.test": [f"v=spf1 {evil}"]}, monkeypatch):
        say(alice, path(pair, "/check"))
    html = alice.get(path(pair)).content.decode()
    assert evil not in html
    assert evil in unescape(html)


def test_a_mailbox_providers_address_is_a_sender_only_through_its_own_server(alice: Person) -> None:
    fields = {"sender_name": "A", "address": "x", "name": "Acme", "time_zone": "UTC", "reply_to": ""}
    assert "own servers send it (DMARC)" in unescape(say(alice, "/settings", **fields, sender_email="acme@gmail.com"))
    workspace = alice.workspace
    set_transport(workspace, "smtp://acme:pw@smtp.gmail.com:587")
    workspace.save()
    assert "Saved." in say(alice, "/settings", **fields, sender_email="acme@gmail.com")
