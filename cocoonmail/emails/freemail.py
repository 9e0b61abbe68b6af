"""Domains of mailboxes for everybody: what they send leaves by their own servers only."""

from __future__ import annotations

# Of these, receivers throw away or mark as spam what others send (their DMARC policy, RFC 7489 section 6.3).
DOMAINS = frozenset(
    "aol.com att.net bellsouth.net bluewin.ch bt.com btinternet.com comcast.net cox.net daum.net duck.com email.com "
    "fastmail.com fastmail.fm free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com "
    "hanmail.net hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it hushmail.com "
    "icloud.com inbox.ru laposte.net libero.it list.ru live.co.uk live.com live.fr live.nl mac.com mail.com mail.ru "
    "me.com msn.com naver.com online.no orange.fr outlook.com outlook.de outlook.fr pm.me proton.me protonmail.com "
    "qq.com rediffmail.com rocketmail.com sbcglobal.net sfr.fr sina.com t-online.de terra.com.br tutanota.com tuta.com "
    "uol.com.br verizon.net virgilio.it wanadoo.fr web.de wp.pl yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com "
    "yahoo.com.br yahoo.de yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru ymail.com zoho.com 126.com 163.com".split()
)


def trouble(email: str) -> str:
    """Why nobody sends from this address but its provider, as a sentence; "" where there is no such reason."""
    domain = email.strip().rpartition("@")[2].lower().rstrip(".")
    if domain not in DOMAINS:
        return ""
    return (
        f"Mail from {domain} is refused unless {domain}'s own servers send it (DMARC): "
        "use an address at a domain of your own"
    )
