"""Bad templates and bad values, one by one as the list of bad input numbers them (B93 to B106): what each gets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.compose import Draft, Kind, check
from cocoonmail.emails.liquid import Unfilled, fill
from cocoonmail.emails.mime import Headers, build, needs_smtputf8
from cocoonmail.emails.models import Email, EmailVersion
from cocoonmail.emails.publish import publish
from cocoonmail.transports.base import Envelope, Refused
from cocoonmail.transports.smtp.body import wire_body
from cocoonmail.transports.smtp.transaction import Transaction, plan
from cocoonmail.web.shared.framed import framed
from tests.emails.letters import FACTS, MARKDOWN, MJML, column, compiled, facts, held, problems, sent, text

NOW = datetime(2026, 12, 3, 9, 30, tzinfo=UTC)
MARKETING = replace(MJML, kind=Kind.MARKETING)

Rows = list[tuple[str, Any, Any]]


def named(rows: Rows) -> pytest.MarkDecorator:
    """The rows as parameters, each test named by its first value."""
    return pytest.mark.parametrize(("given", "expected"), [row[1:] for row in rows], ids=[row[0] for row in rows])


def mjml(content: str) -> Draft:
    return replace(MJML, body=text(content))


def bytes_of(draft: Draft, given: dict[str, Any] | None = None, to: str = "alice@example.com") -> bytes:
    return build(sent(draft, given), Headers("<1@acme.test>", NOW, to))


def read(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


# What cannot be published, and where the author is told that it stands

BLOCKED: Rows = [
    ("B93 unknown variable", mjml("\nHi {{ customer.name }}"), (2, 7, "There is no customer.name")),
    ("B93 unknown filter", mjml("\nHi {{ contact.email | shout }}"), (2, 23, "There is no filter 'shout'")),
    ("B93 unknown tag", mjml("\nHi {% shout %}"), (2, 7, "Unexpected tag 'shout'")),
    ("B93 unclosed tag", mjml("\nHi {% if event.a %}x"), (2, 4, "Expected tag endif")),
    ("B93 unclosed braces", mjml("\nHi {{ contact.email"), (2, 4, "Expected '}}'")),
    ("B95 include", mjml("{% include 'a' %}"), (1, None, "Unexpected tag 'include'")),
    ("B95 render", mjml("{% render 'a' %}"), (1, None, "Unexpected tag 'render'")),
    ("B95 layout", mjml("{% layout 'a' %}"), (1, None, "Unexpected tag 'layout'")),
    ("B96 settings", mjml("{{ settings.SECRET_KEY }}"), (1, None, "There is no settings.SECRET_KEY")),
    ("B96 self", mjml("{{ self }}"), (1, None, "There is no self")),
    ("B97 javascript", mjml('\n<a href="javascript:alert(1)">x</a>'), (2, 4, "href: only http, https, mailto and tel")),
    ("B97 in entities", mjml('<a href="&#106;ava&#x73;cript&colon;x()">x</a>'), (1, None, "href: only http")),
    ("B97 in pieces", mjml('<a href="ja{% if event.a %}va{% endif %}script:x">x</a>'), (1, None, "href: only http")),
    ("B97 with a tab", mjml('<a href="java\tscript:x">x</a>'), (1, None, "href: only http")),
    ("B97 other schemes", mjml('<a href="ftp://a.test">x</a>'), (1, None, "href: only http")),
    ("B97 data", mjml('<img src="data:image/svg+xml,x" />x'), (1, None, "src: only http")),
    ("B97 srcset", mjml('<img srcset="https://a.test/a.png 1x, javascript:x 2x" />x'), (1, None, "srcset: only http")),
    ("B97 no quotes", mjml("<a href={{ event.note }}>x</a>"), (1, None, "An attribute's value with Liquid")),
    ("B100 script", mjml("\n<script>x</script>x"), (2, 1, "<script>:")),
    ("B100 script in SVG", mjml("<svg><script>x</script></svg>x"), (1, None, "<script>:")),
    ("B100 script for Outlook", mjml("<!--[if mso]><script>x</script><![endif]-->x"), (1, None, "<script>:")),
    ("B100 iframe", mjml("<iframe src='https://a.test'></iframe>x"), (1, None, "<iframe>:")),
    ("B100 object", mjml("<object data='x'></object>x"), (1, None, "<object>:")),
    ("B100 refresh", mjml('<meta http-equiv="&#82;efresh" content="0" />x'), (1, None, "A message cannot send")),
    ("B100 handler", mjml('<img src="https://a.test/a.png" OnError="x" />x'), (1, None, "onerror:")),
    ("B100 srcdoc", mjml('<b srcdoc="x">x</b>'), (1, None, "srcdoc:")),
    ("B100 in mj-raw", replace(MJML, body=column("<mj-raw><iframe></iframe></mj-raw>x")), (1, None, "<iframe>:")),
    ("B101 a source without end", mjml("x" * 400_000), (None, None, "This is longer than 300000 characters")),
    ("B101 a data: URI of 5 MB", mjml('<img src="data:image/png,' + "A" * 5_000_000), (None, None, "This is")),
    ("B104 gmail", replace(MARKDOWN, from_email="me@gmail.com"), (None, None, "Mail from gmail.com is refused")),
    ("B104 in capitals", replace(MARKDOWN, from_email=" Me@YAHOO.com."), (None, None, "Mail from yahoo.com is")),
]  # fmt: skip


@named(BLOCKED)
def test_it_cannot_be_published_and_its_author_is_told_where(
    given: Draft, expected: tuple[int | None, int | None, str]
) -> None:
    line, column, message = expected
    found = [one for one in problems(given) if one.message.startswith(message)]
    assert found, problems(given)
    assert found[0].line == line
    assert column is None or found[0].column is not None
    assert not found[0].warning


# What is said, and published all the same

WARNED: Rows = [
    ("B93 no fallback", mjml("{{ event.note }}"), "Without event.note the message is held"),
    ("B100 form", mjml("<form action='https://a.test'>x</form>"), "<form>: many mail programs leave it out"),
    ("B100 SVG", mjml("<svg></svg>x"), "<svg>: many mail programs"),
    ("B101 more than 102 kB", mjml("word " * 25_000), "Gmail shows only the first 102 kB"),
    ("B101 more than 500 images", mjml('<img src="https://a.test/a.png" />' * 501 + "x"), "More than 500 images"),
    ("B101 a picture in the text", mjml('<img src="data:image/png;base64,AA" />x'), "images that are part of the text"),
]  # fmt: skip


@named(WARNED)
def test_it_is_published_and_its_author_is_warned(given: Draft, expected: str) -> None:
    assert any(one.warning and expected in one.message for one in check(given)), check(given)
    assert compiled(given)


# What is held back when it is sent

GO = mjml('<a href="{{ event.note }}">x</a>')
FROM = replace(MARKDOWN, from_email="{{ event.note }}")
HELD: Rows = [
    ("B93 at send", (mjml("{{ event.note }}"), {}), "event.note has no value"),
    ("B96 class", (mjml("{{ contact.__class__ }}"), {}), "contact.__class__ has no value"),
    ("B96 class of text", (mjml("{{ contact.email.__class__.__mro__ }}"), {}), "has no value"),
    ("B97 javascript", (GO, {"note": "javascript:x"}), "does not begin with https"),
    ("B97 in capitals", (GO, {"note": " JaVa\tScript:x"}), "does not begin with https"),
    ("B97 data", (mjml('<img src="{{ event.note }}" />x'), {"note": "data:text/html,x"}), "does not begin with https"),
    ("B97 style", (mjml('<b style="color:{{ event.note }}">x</b>'), {"note": "</style>"}), "inside a style"),
    ("B97 style's url", (mjml('<b style="a:url({{ event.note }})">x</b>'), {"note": "x)"}), "does not begin with"),
    ("B99 two addresses", (FROM, {"note": "a@b.test, c@d.test"}), "is not an"),
    ("B99 two lines", (FROM, {"note": "a@b.test\r\nBcc: c@d.test"}), "is not an"),
    ("B99 reply-to", (replace(FROM, from_email="a@b.test", reply_to="{{ event.note }}"), {"note": "a, b"}), "is not"),
    ("B101 6 MB", (mjml("{% for i in (1..99) %}{{ event.note }}{% endfor %}"), {"note": "x" * 60_000}), "is longer"),
]  # fmt: skip


@named(HELD)
def test_its_message_is_held_with_the_reason(given: tuple[Draft, dict[str, Any]], expected: str) -> None:
    draft, event = given
    assert expected in held(draft, facts(**event))


BURNING: Rows = [
    ("B94 an empty loop", "{% for i in (1..1000000000) %}{% endfor %}", "a range is longer than 10000"),
    ("B94 five deep", "{% for i in (1..99) %}" * 5 + "{% endfor %}" * 5 + " " * 500, "its loops go round more than"),
    ("B94 join", "{{ (1..100000000) | join }}", "a range is longer than 10000"),
    ("B94 sort", "{{ (1..100000000) | sort }}", "a range is longer than 10000"),
    ("B94 reverse", "{{ (1..100000000) | reverse }}", "a range is longer than 10000"),
    ("B95 append doubling", "{% assign s = 'x' %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}", ""),
]  # fmt: skip


@named(BURNING)
def test_what_would_burn_time_or_memory_is_stopped(given: str, expected: str) -> None:
    result = fill(given, FACTS, html=True)
    assert isinstance(result, Unfilled)
    assert result.reason.startswith(expected)


# What is sent, and how it reads

NOTE = mjml('<b title="{{ event.note }}">{{ event.note }}</b>')
LINK = mjml('<a href="https://a.test/?q={{ event.note }}">x</a>')

ESCAPED: Rows = [
    ("B97 script", (NOTE, "<script>x</script>"), r"&lt;script&gt;x&lt;/script&gt;</b>"),
    ("B97 quote in an attribute", (NOTE, '" onclick="x'), r'title="&#34; onclick=&#34;x"'),
    ("B97 end of a style", (NOTE, "</style>"), r"&lt;/style&gt;</b>"),
    ("B97 end of CDATA", (NOTE, "]]>"), r"\]\]&gt;</b>"),
    ("B97 quote in a link", (LINK, '"><script>'), r'href="https://a.test/\?q=&#34;&gt;&lt;script&gt;"'),
]


@named(ESCAPED)
def test_a_value_is_escaped_for_its_place(given: tuple[Draft, str], expected: str) -> None:
    draft, note = given
    assert re.search(expected, sent(draft, facts(note=note)).html)


SUBJECTS: Rows = [
    ("B98 CR and LF", "a\r\nBcc: m@evil.test", "a Bcc: m@evil.test"),
    ("B98 U+2028", "a\u2028Bcc: m@evil.test", "a Bcc: m@evil.test"),
    ("B98 NUL", "a\x00b", "ab"),
    ("B98 tab", "a\tb", "a b"),
    ("B98 2,000 characters", "x" * 2_000, "x" * 249 + "…"),
    ("B98 RTL override", "\u202egpj.exe", "gpj.exe"),
    ("B98 emoji", "\U0001f389 ü", "\U0001f389 ü"),
    ("B98 looks encoded", "=?utf-8?q?x?=", "=?utf-8?q?x?="),
]
HEADERS = {"From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
           "Content-Type"}  # fmt: skip


@named(SUBJECTS)
def test_a_value_in_a_header_is_one_line_of_one_header(given: str, expected: str) -> None:
    message = read(bytes_of(replace(MARKDOWN, subject="{{ event.note }}"), facts(note=given)))
    assert message["Subject"] == expected
    assert set(message.keys()) == HEADERS
    assert len(message.keys()) == len(HEADERS)


NAMES: Rows = [
    ("B99 comma", "Acme, Inc.", "Acme, Inc."),
    ("B99 quote", 'The "Acme"', 'The "Acme"'),
    ("B99 angle brackets", "Acme <x@y.test>", "Acme <x@y.test>"),
    ("B99 CRLF", "Acme\r\nBcc: m@evil.test", "Acme Bcc: m@evil.test"),
    ("B99 backslash", "Acme\\", "Acme\\"),
]


@named(NAMES)
def test_a_display_name_is_a_name_and_no_second_address(given: str, expected: str) -> None:
    message = read(bytes_of(replace(MARKDOWN, from_name="{{ event.note }}"), facts(note=given)))
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (expected, "hello@acme.test")
    assert set(message.keys()) == HEADERS


LINES: Rows = [
    ("B103 over 998 characters", "x" * 5_000, None),
    ("B103 bare LF", "a\nb", None),
    ("B103 bare CR", "a\rb", "a\nb"),
    ("B103 begins with a dot", ".a\n..b", None),
    ("B103 only a dot", "a\n.\nb", None),
    ("B103 From", "a\nFrom b", None),
]


@named(LINES)
def test_a_line_arrives_as_it_was_and_breaks_nothing_on_its_way(given: str, expected: str | None) -> None:
    data = bytes_of(mjml("<pre>{{ event.note }}</pre>"), facts(note=given))
    on_the_wire = wire_body(data).split(b"\r\n")
    assert max(map(len, on_the_wire)) <= 998
    assert b"." not in on_the_wire
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", data)
    assert not re.search(rb"^From ", data, re.MULTILINE)
    plain = read(data).get_body(("plain",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n").startswith((expected or given) + "\n")


def test_b100_a_preview_runs_nothing_and_is_nobody() -> None:
    policy = framed("<script>x</script>")["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    for forbidden in ("allow-scripts", "allow-same-origin", "allow-forms", "script-src"):
        assert forbidden not in policy
    assert "default-src 'none'" in policy


WITHOUT_AN_EXIT: Rows = [
    ("B102 none", "News", None),
    ("B102 in an HTML comment", "<!-- {{ unsubscribe_url }} -->News", None),
    ("B102 in a Liquid comment", "{% comment %}{{ unsubscribe_url }}{% endcomment %}News", None),
]


@named(WITHOUT_AN_EXIT)
def test_marketing_without_a_way_out_is_given_one(given: str, expected: None) -> None:
    mail = sent(replace(MARKETING, body=text(given)))
    assert mail.html.count('href="https://mail.acme.test/unsubscribe/1.2.3?x=1&amp;y=2"') == 1
    assert mail.text.count("Unsubscribe: https://mail.acme.test/unsubscribe/1.2.3?x=1&y=2") == 1


def test_b102_a_way_out_that_a_condition_takes_away_holds_the_message() -> None:
    body = text('News{% if event.no %}<a href="{{ unsubscribe_url }}">x</a>{% endif %}')
    assert held(replace(MARKETING, body=body)) == "the unsubscribe link is missing from the finished email"


@pytest.mark.django_db
def test_b104_an_email_that_takes_a_free_mail_sender_from_its_workspace_is_not_published() -> None:
    acme = Workspace.objects.create(name="Acme", sender_email="acme@gmail.com", address="1 Main St")
    email = Email.objects.create(workspace=acme, name="News", subject="News", body="Hello")
    found = publish(email, NOW)
    assert isinstance(found, list)
    assert found[0].field == "from_email"
    assert "gmail.com's own servers send it (DMARC)" in found[0].message
    acme.sender_email = "hello@acme.test"
    assert isinstance(publish(email, NOW), EmailVersion)


def test_b105_a_local_part_outside_ascii_needs_a_server_that_takes_it_and_is_told() -> None:
    envelope = Envelope("a@acme.test", "ål@example.com", b"x", needs_smtputf8("ål@example.com"))
    without = plan(envelope, {"8BITMIME": ""})
    assert isinstance(without, Refused)
    assert "does not offer SMTPUTF8" in without.reason
    taken = plan(envelope, {"8BITMIME": "", "SMTPUTF8": ""})
    assert isinstance(taken, Transaction)
    assert taken.steps[0].line.endswith(" SMTPUTF8")


UNTOUCHED: Rows = [
    ("B106 mailto", "mailto:help@acme.test?subject=Hi", 1),
    ("B106 anchor", "#top", 1),
    ("B106 query", "https://a.test/?url=https%3A%2F%2Fb.test", 1),
    ("B106 4 kB", "https://a.test/" + "p" * 4_000, 1),
    ("B106 500 times", "https://a.test/x", 500),
]


@named(UNTOUCHED)
def test_a_link_leaves_as_it_was_written(given: str, expected: int) -> None:
    mail = sent(mjml(f'<a href="{given}">x</a>' * expected))
    assert mail.html.count(f'href="{given}"') == expected


MERGED: dict[str, Callable[[str], str]] = {
    "B106 template-only": lambda url: url,
    "B106 a value with a query": lambda url: f"{url}?a=1&b=%2F#c",
}


@pytest.mark.parametrize("made", MERGED.values(), ids=MERGED)
def test_a_link_that_is_a_value_leaves_as_the_value_says(made: Callable[[str], str]) -> None:
    url = made("https://invoice.example/i/1")
    mail = sent(mjml('<a href="{{ event.note }}">Pay</a>'), facts(note=url))
    assert f'href="{url.replace("&", "&amp;")}"' in mail.html
    assert f"Pay: {url}" in mail.text
