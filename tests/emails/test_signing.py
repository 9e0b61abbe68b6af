"""Mail is signed by the pair that is switched on for its domain, and by nobody else's."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import dkim as verifier
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails import domains, signing
from cocoonmail.emails.dkim import Key
from cocoonmail.emails.dkimkeys import to_text
from cocoonmail.emails.domains import NotADomain, add_pair, domain_name, keys_of, records_of, switch_off, switch_on
from cocoonmail.emails.freemail import is_free_mail, may_send
from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.models import SendingDomain
from cocoonmail.emails.render import Rendered
from cocoonmail.emails.signing import RING_LIFE, refresh, signer_of
from cocoonmail.kit.secrets import Unsealable
from tests.people import workspace

SENT = datetime(2026, 1, 8, 9, 30, 1, tzinfo=UTC)
database = pytest.mark.django_db


@pytest.fixture
def acme(db: None) -> Workspace:
    return workspace("Acme")


def pair(acme: Workspace, domain: str = "acme.test", *, on: bool = True) -> SendingDomain:
    made = add_pair(acme, domain, SENT)
    if on:
        switch_on(made)
    return made


def letter(sender: str) -> bytes:
    return build(
        Rendered("Hi", "<p>Hi</p>", "Hi", "Acme", sender, "", ""), Headers("<1@acme.test>", SENT, "a@example.com")
    )


def signed_by(acme: Workspace, sender: str) -> str:
    """The domain and the selectors of the signatures on mail from this address, each verified; "" for none."""
    signer = signer_of(acme.pk, sender)
    if signer is None:
        return ""
    data = signer(letter(sender), SENT) + letter(sender)
    dns = {r.name + ".": r.value for one in SendingDomain.objects.filter(workspace=acme) for r in records_of(one)}
    for index in (0, 1):
        assert verifier.DKIM(data).verify(idx=index, dnsfunc=lambda name, timeout=5: dns[name.decode()].encode())
    found = re.findall(rb" d=(\S+); s=(\S+);", data)
    return " ".join([found[0][0].decode(), *(selector.decode() for _, selector in found)])


def forget() -> None:
    """As if the keys had been read too long ago."""
    signing._rings.clear()


@database
def test_both_keys_of_the_pair_sign_its_domain_and_what_lies_in_it(acme: Workspace) -> None:
    one = pair(acme)
    by_acme = f"acme.test {one.selector}r {one.selector}e"
    assert signed_by(acme, "hello@acme.test") == by_acme
    assert signed_by(acme, "hello@News.Acme.test") == by_acme
    assert signed_by(acme, "hello@a.b.acme.test") == by_acme


@database
def test_mail_from_elsewhere_is_signed_by_nobody(acme: Workspace) -> None:
    pair(acme)
    pair(acme, "mail.acme.org")
    for sender in (
        "a@notacme.test",
        "a@acme.org",
        "a@acme.test.evil.example",
        "a@test",
        "acme.test",
        "",
        "a@[1.2.3.4]",
    ):
        assert signer_of(acme.pk, sender) is None, sender


@database
def test_the_nearest_domain_signs(acme: Workspace) -> None:
    pair(acme)
    pair(acme, "mail.acme.test")
    assert signed_by(acme, "a@mail.acme.test").startswith("mail.acme.test ")
    assert signed_by(acme, "a@x.mail.acme.test").startswith("mail.acme.test ")
    assert signed_by(acme, "a@news.acme.test").startswith("acme.test ")


@database
def test_an_international_domain_signs_for_either_spelling(acme: Workspace) -> None:
    pair(acme, domain_name("Bücher.example"))
    assert signed_by(acme, "a@bücher.example").startswith("xn--bcher-kva.example ")
    assert signed_by(acme, "a@xn--bcher-kva.example").startswith("xn--bcher-kva.example ")


@database
def test_nothing_signs_before_it_is_switched_on_or_for_another_workspace(acme: Workspace) -> None:
    one = pair(acme, on=False)
    assert signed_by(acme, "a@acme.test") == ""
    switch_on(one)
    forget()
    assert signed_by(acme, "a@acme.test") != ""
    assert signer_of(workspace("Evil").pk, "a@acme.test") is None


@database
def test_a_new_pair_takes_over_when_it_is_switched_on_and_not_before(acme: Workspace) -> None:
    old = pair(acme)
    new = pair(acme, on=False)
    assert old.selector != new.selector
    assert old.selector in signed_by(acme, "a@acme.test")
    switch_on(new)
    forget()
    assert new.selector in signed_by(acme, "a@acme.test")
    switch_on(old)
    forget()
    assert old.selector in signed_by(acme, "a@acme.test")
    assert SendingDomain.objects.filter(enabled=True).count() == 1
    switch_off(old)
    forget()
    assert signed_by(acme, "a@acme.test") == ""


@database
def test_the_database_refuses_a_second_pair_that_signs(acme: Workspace) -> None:
    pair(acme)
    second = pair(acme, on=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        SendingDomain.objects.filter(pk=second.pk).update(enabled=True)


@database
def test_a_change_counts_within_ten_seconds_and_the_keys_are_not_read_for_every_message(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: object
) -> None:
    now = [0.0]
    monkeypatch.setattr(signing, "monotonic", lambda: now[0])
    one = pair(acme)
    assert signer_of(acme.pk, "a@acme.test")
    switch_off(one)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert signer_of(acme.pk, "a@acme.test")
    now[0] += RING_LIFE + 0.1
    assert signer_of(acme.pk, "a@acme.test") is None
    assert RING_LIFE < 10


@database
def test_on_a_loop_what_was_last_read_counts_and_refresh_reads_it_anew(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(signing, "monotonic", lambda: now[0])
    one = pair(acme)
    refresh([acme.pk, acme.pk])
    now[0] += 100

    async def signs() -> bool:
        return signer_of(acme.pk, "a@acme.test") is not None

    switch_off(one)
    assert asyncio.run(signs())
    refresh([acme.pk])
    assert not asyncio.run(signs())


@database
def test_no_private_key_is_in_the_database_and_none_opens_as_the_other(acme: Workspace) -> None:
    one = pair(acme)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM emails_sendingdomain")
        row = repr(cursor.fetchall())
    for key in keys_of(one):
        for text in private_texts(key):
            assert text not in row
    one.rsa_sealed, one.ed25519_sealed = one.ed25519_sealed, one.rsa_sealed
    with pytest.raises(Unsealable):
        keys_of(one)


def private_texts(key: Key) -> list[str]:
    """How a private key would show: as PEM (the half behind the modulus, which is public), as hexadecimal."""
    raw = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    lines = to_text(key.private).splitlines()
    return ["PRIVATE KEY", *(line for line in lines[-12:-1] if len(line) >= 64), raw[-24:].hex()]


@database
def test_keys_that_cannot_be_opened_let_no_mail_go_unsigned(acme: Workspace) -> None:
    pair(acme)
    domains._opened.cache_clear()
    with override_settings(SECRET_KEYS=["another key of the installation" * 2]):
        from cocoonmail.kit import secrets

        secrets._box.cache_clear()
        try:
            with pytest.raises(Unsealable):
                signer_of(acme.pk, "a@acme.test")
            assert signer_of(acme.pk, "a@elsewhere.test") is None
        finally:
            secrets._box.cache_clear()


@database
def test_a_workspace_has_only_so_many_pairs(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "PAIRS_MAX", 1)
    pair(acme)
    with pytest.raises(NotADomain, match="at most 1 key pairs"):
        pair(acme)
    pair(workspace("Other"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme.test", "acme.test"),
        (" ACME.Test. ", "acme.test"),
        ("hello@mail.acme.test", "mail.acme.test"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_is_taken_in_one_form(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "acme", "https://acme.test", "a b.test", "acme.test\r\nx", "-a.test", "a..test", "[127.0.0.1]",
     "x." * 99 + "y.test", "gmail.com", "me@GMail.com",
     "yahoo.co.uk", "hotmail.fr", "outlook.com", "icloud.com", "web.de"],
)  # fmt: skip
def test_what_is_no_domain_of_ones_own_is_refused(text: str) -> None:
    with pytest.raises(NotADomain):
        domain_name(text)


def test_a_providers_addresses_leave_by_its_own_servers_only() -> None:
    assert may_send("gmail.com", "smtp.gmail.com")
    assert may_send("hotmail.fr", "smtp-mail.Outlook.com")
    assert not may_send("gmail.com", "smtp.notgmail.com")
    assert not may_send("gmail.com", "")
    assert may_send("acme.test", "")
    assert not is_free_mail("mygmail.com")
    assert not is_free_mail("yahoo.agency")
