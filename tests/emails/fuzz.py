"""Hostile contacts and templates by seed, and what an independent reader must find in the message made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from cocoonmail.emails.compose import Compiled, Draft, Kind
from cocoonmail.emails.liquid import fill
from cocoonmail.emails.mime import Headers, build, needs_smtputf8
from cocoonmail.emails.render import Held, Rendered, render, render_encoded
from cocoonmail.transports.base import Envelope
from tests.emails.letters import MARKDOWN, MJML, compiled, text

SENT = datetime(2026, 12, 3, 9, 30, 1, tzinfo=UTC)
URL = "https://mail.acme.test/unsubscribe/1.2.3?x=1&y=2"

_NASTY = [
    "\r\n", "\n", "\r", "\x00", "\t", " ", ".", "\r\n.\r\n", "\n.\n", "\n..\n", "\nFrom me", "From ", "=?utf-8?q?x?=",
    "=", "=\n", "--", "\u2028", "\u0085", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\udfff", "\ufffe",
    "é", "e\u0301", "\U0001f389", "日本語", "שלום", "مرحبا", "x" * 998, "y" * 2_000, "a,b", '"', "'", "\\",
    "<x@y.test>", "Bcc: m@evil.test", "\r\nBcc: m@evil.test\r\n", "\r\n\r\n<html>", "\nTo: m@evil.test", ";", ":", "(",
    ")", "@", "&",
    "<b>", "</p>", "<script>", "{ {", "% }", "&amp;", "&#0;", "]]>", "-->", "%0d%0a", "\x1b[31m", "Alice", "word ",
]  # fmt: skip
_LOCALS = ["alice", "o'hara", "a.b+c", "x!#$%&*/=?^_`{|}~-", "a" * 64, "ålice", "日本", '"quoted name"', '"a\\"b"', "0"]
_DOMAINS = ["example.com", "bücher.example", "xn--bcher-kva.example", "EXAMPLE.com", "a.b.c.example", "日本.example"]


def drafts() -> list[Compiled]:
    """Published emails of both languages and kinds, that print values wherever one can stand."""
    lines: dict[str, Any] = {
        "subject": "{{ contact.firstName | default: 'Hi' }} {{ event.note | default: '-' }}",
        "preview": "{{ event.note | default: '-' }}",
        "from_name": "{{ contact.lastName | default: 'Acme' }}",
        "reply_to": "help@acme.test",
    }
    body = "Hi {{ contact.firstName | default: 1 }},\n\n{{ event.note | default: 1 }}\n\n{{ event.more | default: 1 }}"
    html = (
        "<p title=\"{{ event.note | default: '-' }}\">{{ contact.firstName | default: 'you' }}</p>"
        "<pre>{{ event.note | default: '-' }}</pre>"
        "{% for one in event.list %}<i>{{ one | default: '-' }}</i>{% endfor %}"
        "<a href=\"https://a.test/?q={{ event.note | default: '-' | url_encode }}\">x</a>"
    )
    made: list[Draft] = [replace(MARKDOWN, body=body, **lines), replace(MJML, body=text(html), **lines)]
    return [compiled(replace(draft, kind=kind)) for draft in made for kind in Kind]


@dataclass(frozen=True)
class Sample:
    """One message: what it is made of, and its bytes in their envelope."""

    email: Compiled
    facts: dict[str, Any]
    rendered: Rendered
    envelope: Envelope


def _as_it_leaves(email: Compiled, facts: dict[str, Any], headers: Headers) -> bytes:
    """The bytes of the quick way, which is the one that mail takes."""
    quick = render_encoded(email, facts)
    assert not isinstance(quick, Held)
    return build(*((quick, headers) if isinstance(quick, Rendered) else (quick[0], headers, quick[1])))


def samples(number: int, seed: int = 0) -> Iterator[Sample | Held]:
    """That many, the same for the same seed."""
    random, emails = Random(seed), drafts()
    for _ in range(number):
        email, facts, to = random.choice(emails), _facts(random), _address(random)
        rendered = render(email, facts)
        if isinstance(rendered, Held):
            yield rendered
            continue
        url = URL if email.kind is Kind.MARKETING else ""
        headers = Headers(f"<{random.getrandbits(64):x}@acme.test>", SENT, to, url, "1:2:3:cocoonmail")
        envelope = Envelope(rendered.from_email, to, _as_it_leaves(email, facts, headers), needs_smtputf8(to))
        yield Sample(email, facts, rendered, envelope)


def expected(sample: Sample, field: str) -> str:
    """What a reader must see of a field: its template filled with the values, on one line where it is a header."""
    filled = fill(getattr(sample.email, field), sample.facts, html=field == "html")
    assert isinstance(filled, str)
    return filled


def shown(value: str) -> str:
    """What must be seen of a value somewhere: its characters that are text, without white space; "" for none."""
    if not value.strip():
        return ""
    return "".join(re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", " ", value).split())


def words(text: str) -> list[str]:
    """The words of a text, without what no header may hold."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+", " ", text).split()


def _facts(random: Random) -> dict[str, Any]:
    contact = {"email": "alice@example.com", "firstName": _text(random), "lastName": _text(random)}
    event = {"note": _text(random), "more": _text(random), "list": [_text(random) for _ in range(random.randint(0, 3))]}
    workspace = {"name": _text(random) + "Acme", "address": "1 Main St\n0150 Oslo" + _text(random)}
    return {"contact": contact, "event": event, "workspace": workspace, "unsubscribe_url": URL}


def _text(random: Random) -> str:
    return "".join(_bit(random) for _ in range(random.choice((0, 1, 2, 4, 9))))


def _bit(random: Random) -> str:
    if random.random() < 0.8:
        return random.choice(_NASTY)
    return "".join(chr(random.randrange(random.choice((0x80, 0x800, 0x11_0000)))) for _ in range(random.randint(1, 6)))


def _address(random: Random) -> str:
    return f"{random.choice(_LOCALS)}@{random.choice(_DOMAINS)}"
