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
# Providers whose servers are named like their one domain.
_OTHERS = (
    "126.com att.net bellsouth.net bluewin.ch bt.com btinternet.com comcast.net cox.net daum.net duck.com "
    "email.com fastmail.fm free.fr freenet.de hanmail.net hey.com hushmail.com inbox.ru laposte.net "
    "libero.it list.ru naver.com online.no orange.fr rediffmail.com sbcglobal.net sfr.fr sina.com "
    "terra.com.br tuta.com tutanota.com uol.com.br verizon.net virgilio.it wanadoo.fr wp.pl zoho.com".split()
)
_SERVERS |= {domain: domain for domain in _OTHERS}
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


def trouble(email: str, host: str = "") -> str:
    """Why nobody sends from this address by the server `host`, as a sentence without its full stop; "" if one can."""
    domain = email.strip().rpartition("@")[2].lower().rstrip(".")
    if may_send(domain, host):
        return ""
    return (
        f"Mail from {domain} is refused unless {domain}'s own servers send it (DMARC): "
        "use an address at a domain of your own, or set up its mail server as the transport"
    )
