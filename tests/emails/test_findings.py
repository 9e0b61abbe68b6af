"""What the DNS says is told in the words that help: asked of a real name server, over the wire."""

from __future__ import annotations

import pytest

from cocoonmail.emails.dkimkeys import new_ed25519, new_rsa, record_of
from cocoonmail.emails.dnslookup import LOOK_UP, TRY, resolver_of_this_machine
from cocoonmail.emails.domains import Record
from cocoonmail.emails.findings import Finding, State, check, keys_are_seen, read, stored
from tests.nameserver import BROKEN, SILENT, Zone, name_server

RSA = Record("rsa", "cm1r._domainkey", "cm1r._domainkey.mail.acme.test", record_of(new_rsa()))
ED25519 = Record("ed25519", "cm1e._domainkey", "cm1e._domainkey.mail.acme.test", record_of(new_ed25519()))
GOOD = {
    RSA.name: [RSA.value],
    ED25519.name: [ED25519.value],
    "mail.acme.test": ["google-site-verification=x", "v=spf1 include:_spf.relay.test ~all"],
    "_dmarc.mail.acme.test": ["v=DMARC1; p=reject"],
}
DMARC = "_dmarc.mail.acme.test"


def found(zone: Zone, patch: pytest.MonkeyPatch) -> dict[str, Finding]:
    with name_server(zone, patch):
        return {one.about: one for one in check("mail.acme.test", [RSA, ED25519])}


def test_a_domain_with_everything_has_everything_there(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found(GOOD, monkeypatch)
    assert {one.about: one.state for one in findings.values()} == dict.fromkeys(
        ["rsa", "ed25519", "spf", "dmarc"], State.THERE
    )
    assert keys_are_seen(list(findings.values()))
    assert read(stored(list(findings.values()))) == list(findings.values())


def test_a_domain_with_nothing_is_told_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = found({}, monkeypatch)
    assert {one.state for one in findings.values()} == {State.MISSING}
    assert "v=DMARC1; p=none at _dmarc.mail.acme.test" in findings["dmarc"].words
    assert not keys_are_seen(list(findings.values()))


KEY = RSA.value.partition("p=")[2]


@pytest.mark.parametrize(
    ("texts", "state", "words"),
    [
        ([RSA.value + ";"], State.THERE, "Our key"),
        ([f"v = DKIM1 ;k=rsa;\tp = {KEY[:100]} {KEY[100:]} ; n=note"], State.THERE, "Our key"),
        ([f"p={KEY}"], State.THERE, "Our key"),
        ([f"v=DKIM1; t=y:s; p={KEY}"], State.UNSURE, "t=y"),
        ([RSA.value, "v=DKIM1; p=abc"], State.MALFORMED, "2 TXT records"),
        (["hello"], State.MALFORMED, "no DKIM key"),
        ([f'"{RSA.value}"'.replace('"', "'")], State.MALFORMED, "no DKIM key"),
        ([f"k=rsa; v=DKIM1; p={KEY}"], State.MALFORMED, "begin with v=DKIM1"),
        ([f"v=DKIM2; p={KEY}"], State.MALFORMED, "begin with v=DKIM1"),
        ([f"v=DKIM1; h=sha1; p={KEY}"], State.MALFORMED, "h= or s="),
        ([f"v=DKIM1; s=tlsrpt; p={KEY}"], State.MALFORMED, "h= or s="),
        ([f"v=DKIM1; p={KEY}; p=x"], State.MALFORMED, "no DKIM key"),
        ([RSA.value[:255]], State.MALFORMED, "cut off after 237 of 392"),
        (["v=DKIM1; p="], State.OTHER, "revoked"),
        ([record_of(new_rsa())], State.OTHER, "Another key"),
        ([ED25519.value], State.OTHER, "Another key"),
        ([BROKEN], State.UNANSWERED, "error"),
        ([SILENT], State.UNANSWERED, "no name server answered"),
    ],
)
def test_what_stands_where_our_key_should_is_told(
    texts: list[str], state: State, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = found({**GOOD, RSA.name: texts}, monkeypatch)["rsa"]
    assert (finding.state, words in finding.words) == (state, True), finding


def test_a_record_one_domain_too_deep_is_found_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = found({f"{RSA.name}.mail.acme.test": [RSA.value]}, monkeypatch)["rsa"]
    assert finding.state is State.MISSING
    assert "Enter only cm1r._domainkey as its name" in finding.words


@pytest.mark.parametrize(
    ("texts", "state", "words"),
    [
        (["v=spf10 x"], State.MISSING, "No SPF"),
        (["v=spf1 -all", "v=spf1 mx -all"], State.MALFORMED, "2 SPF records"),
        (["V=SPF1 mx +all"], State.MALFORMED, "every server"),
        (["v=spf1 mx -all"], State.THERE, "v=spf1 mx -all"),
        ([SILENT], State.UNANSWERED, "no name server"),
    ],
)
def test_spf_is_a_hint(texts: list[str], state: State, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = found({**GOOD, "mail.acme.test": texts}, monkeypatch)["spf"]
    assert (finding.state, words in finding.words) == (state, True), finding


@pytest.mark.parametrize(
    ("zone", "state", "words"),
    [
        ({DMARC: ["v=DMARC1; p=none; rua=mailto:x@acme.test"]}, State.THERE, "p=none"),
        ({DMARC: [], "_dmarc.acme.test": ["v=DMARC1; p=reject"]}, State.THERE, "at _dmarc.acme.test"),
        ({DMARC: ["v=DMARC1; p=none; adkim=s"]}, State.UNSURE, "key pair of its own"),
        ({DMARC: ["v=DMARC1; p=yes"]}, State.MALFORMED, "p=quarantine"),
        ({DMARC: ["v=DMARC1"]}, State.MALFORMED, "p=quarantine"),
        ({DMARC: ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, State.MALFORMED, "2 DMARC records"),
        ({DMARC: ["hello"]}, State.MISSING, "No DMARC"),
        ({DMARC: [BROKEN]}, State.UNANSWERED, "error"),
    ],
)
def test_dmarc_is_that_of_the_domain_or_of_one_above(
    zone: Zone, state: State, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = found({**GOOD, **zone}, monkeypatch)["dmarc"]
    assert (finding.state, words in finding.words) == (state, True), finding


def test_a_look_up_has_limits() -> None:
    resolver = resolver_of_this_machine()
    assert (resolver.timeout, resolver.lifetime) == (TRY, LOOK_UP)
