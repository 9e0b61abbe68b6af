"""Mailbox providers whose domains nobody else can send from."""

from __future__ import annotations

import re

# The end of the name of a provider's own mail servers, and the domains that only they may send from.
_PROVIDERS = {
    "163.com": "163.com",
    "aol.com": "aol.com",
    "fastmail.com": "fastmail.com",
    "gmail.com": "gmail.com googlemail.com",
    "gmx.com": "gmx.com",
    "gmx.net": "gmx.net gmx.de gmx.at gmx.ch",
    "mail.com": "mail.com",
    "mail.ru": "mail.ru",
    "me.com": "icloud.com mac.com me.com",
    "outlook.com": "hotmail.com live.com live.co.uk live.de live.fr live.nl msn.com outlook.com outlook.de outlook.fr",
    "protonmail.ch": "pm.me proton.me protonmail.com",
    "qq.com": "qq.com",
    "t-online.de": "t-online.de",
    "web.de": "web.de",
    "yahoo.com": "rocketmail.com yahoo.com ymail.com",
    "yandex.com": "yandex.com",
    "yandex.ru": "yandex.ru",
}
_SERVERS = {domain: servers for servers, domains in _PROVIDERS.items() for domain in domains.split()}
# These two have a domain in nearly every country: yahoo.co.uk, hotmail.fr.
_NATIONAL = re.compile(r"(yahoo|hotmail)\.(?:com?\.)?[a-z]{2}")


def is_free_mail(domain: str) -> bool:
    """Whether a domain, in lower-case ASCII, is a mailbox provider's."""
    return _servers(domain) is not None


def may_send(domain: str, host: str) -> bool:
    """Whether mail from this domain is believed that leaves by the server `host`, as far as a provider decides it."""
    servers = _servers(domain)
    return servers is None or f".{host.lower()}".endswith(f".{servers}")


def _servers(domain: str) -> str | None:
    national = _NATIONAL.fullmatch(domain)
    return _SERVERS[f"{national[1]}.com"] if national else _SERVERS.get(domain)
