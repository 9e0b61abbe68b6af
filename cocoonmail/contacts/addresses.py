"""Email addresses: one normal form to match by, and a reason in words for what is none."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import idna

ADDRESS_MAX = 254  # Characters, RFC 5321 section 4.5.3.1.3
LOCAL_MAX = 64  # Octets, RFC 5321 section 4.5.3.1.1

_ATOM = re.compile(r"[^\s\x00-\x1f\x7f-\x9f()<>\[\]:;@\\,\"\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+\Z")

# Most domains need no more than this; the others are looked at by the IDNA rules, which take fifty times as long.
_PLAIN_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9]|-(?!-)){0,62}(?<!-)\.)+[a-z]{2,63}\Z", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """An address that mail can be sent to: `email` as written, `key` the form under which it is one contact."""

    email: str
    key: str


class NotAnAddress(ValueError):
    """The text is not one email address. The message says why."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Address:
    """The address in `text`, blanks around it ignored. Raises NotAnAddress.

    Two addresses are the same person when they differ only in case, in Unicode composition or in the spelling of an
    international domain. A +tag is kept: those are different addresses. Quoted local parts are refused, for hardly any
    mail system takes them and they hide the @ that counts.
    """
    email = unicodedata.normalize("NFC", text.strip())
    local, _, domain = email.rpartition("@")
    if not local or not domain:
        raise NotAnAddress(f"{_shown(text)} is not an email address")
    if len(email) > ADDRESS_MAX or len(local.encode("utf-8", "replace")) > LOCAL_MAX:
        raise NotAnAddress(f"{_shown(text)} is longer than an email address can be")
    if not _ATOM.match(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise NotAnAddress(f"{_shown(text)} is not one plain email address")
    return Address(email=f"{local}@{domain}", key=f"{local.casefold()}@{_ascii_domain(domain, text)}")


def _ascii_domain(domain: str, text: str) -> str:
    if _PLAIN_DOMAIN.match(domain):
        return domain.lower()
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise NotAnAddress(f"{_shown(text)} has a domain that cannot exist") from None
    if "." not in ascii_domain.strip("."):
        raise NotAnAddress(f"{_shown(text)} has no complete domain")
    return ascii_domain


def _shown(text: str) -> str:
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:80])
    return f"“{clean}”" if clean.strip() else "An empty text"
