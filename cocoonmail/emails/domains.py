"""The domains that a workspace sends from: their key pairs are made, switched on, replaced."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db import connection, transaction

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.emails.dkim import Key, PrivateKey
from cocoonmail.emails.dkimkeys import from_text, new_ed25519, new_rsa, record_of, to_text
from cocoonmail.emails.freemail import is_free_mail
from cocoonmail.emails.models import SendingDomain
from cocoonmail.kit.secrets import seal, unseal

PAIRS_MAX = 100  # Key pairs of one workspace
KEYS_KEPT = 1000  # Private keys that a process keeps parsed, which takes longer than signing
DOMAIN_MAX = 200  # Characters, so that the selector in front of it still makes a name of the DNS (253)

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_RSA, _ED25519 = "sending_domain:rsa", "sending_domain:ed25519"


class NotADomain(ValueError):
    """This domain cannot be one that you send from. The message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """A TXT record to add to the DNS. `kind` is rsa or ed25519, `host` the name without the domain."""

    kind: str
    host: str
    name: str
    value: str


def domain_name(text: str) -> str:
    """The domain in lower-case ASCII; of an address, that behind its @. Raises NotADomain."""
    domain = text.strip().rpartition("@")[2].rstrip(".")
    try:
        name = parse(f"x@{domain}").key.partition("@")[2]
    except NotAnAddress:
        raise NotADomain(
            "This is no domain. It looks like example.com, the part of your address behind the @."
        ) from None
    if len(name) > DOMAIN_MAX:
        raise NotADomain(f"A domain has at most {DOMAIN_MAX} characters here.")
    if is_free_mail(name):
        raise NotADomain(
            f"{name} belongs to a mailbox provider: nobody else can publish keys for it, and mail that claims to come "
            f"from it and does not leave through that provider counts as forged. Send from a domain of your own."
        )
    return name


def add_pair(workspace: Workspace, domain: str, now: datetime) -> SendingDomain:
    """A fresh key pair for a domain that `domain_name` gave, not switched on. Raises NotADomain: too many.

    The selector is drawn by lot, for a staging and a live installation often share a domain.
    """
    if SendingDomain.objects.filter(workspace=workspace).count() >= PAIRS_MAX:
        raise NotADomain(f"A workspace has at most {PAIRS_MAX} key pairs. Remove those that no longer sign.")
    rsa, ed25519 = new_rsa(), new_ed25519()
    return SendingDomain.objects.create(
        workspace=workspace,
        domain=domain,
        selector="cm" + "".join(secrets.choice(_LETTERS) for _ in range(6)),
        rsa_sealed=seal(to_text(rsa), _RSA),
        rsa_record=record_of(rsa),
        ed25519_sealed=seal(to_text(ed25519), _ED25519),
        ed25519_record=record_of(ed25519),
        created_at=now,
    )


def records_of(pair: SendingDomain) -> list[Record]:
    """What has to stand in the DNS for the pair's signatures to be believed."""
    return [_record(pair, "rsa", pair.rsa_record), _record(pair, "ed25519", pair.ed25519_record)]


def _record(pair: SendingDomain, kind: str, value: str) -> Record:
    host = f"{_selector(pair, kind)}._domainkey"
    return Record(kind, host, f"{host}.{pair.domain}", value)


def _selector(pair: SendingDomain, kind: str) -> str:
    return pair.selector + kind[0]


def keys_of(pair: SendingDomain) -> Sequence[Key]:
    """The pair, ready to sign. Raises kit.secrets.Unsealable when the installation's key no longer fits."""
    private = {"rsa": _opened(pair.rsa_sealed, _RSA), "ed25519": _opened(pair.ed25519_sealed, _ED25519)}
    return [Key(pair.domain, _selector(pair, kind), key) for kind, key in private.items()]


@lru_cache(maxsize=KEYS_KEPT)
def _opened(sealed: str, purpose: str) -> PrivateKey:
    return from_text(unseal(sealed, purpose))


@transaction.atomic
def switch_on(pair: SendingDomain) -> None:
    """Sign with this pair from now on, and with no other of its domain."""
    for one in _locked(pair):
        if one.enabled != (one.pk == pair.pk):
            one.enabled = not one.enabled
            one.save(update_fields=["enabled"])


def _locked(pair: SendingDomain) -> list[SendingDomain]:
    """All pairs of the domain, the one that signs first, so that two people cannot switch two of them on at once."""
    same = SendingDomain.objects.filter(workspace=pair.workspace_id, domain=pair.domain).order_by("-enabled", "pk")
    return list(same.select_for_update() if connection.features.has_select_for_update else same)


def switch_off(pair: SendingDomain) -> None:
    """Do not sign with this pair any more."""
    SendingDomain.objects.filter(pk=pair.pk).update(enabled=False)


def signing_pair(pair: SendingDomain) -> SendingDomain | None:
    """The pair of the same domain that signs now, which may be this one."""
    return SendingDomain.objects.filter(workspace=pair.workspace_id, domain=pair.domain, enabled=True).first()
