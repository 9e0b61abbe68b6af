"""Merging an email with one contact's facts: nothing half-rendered leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cocoonmail.emails.compose import Kind
from cocoonmail.emails.render import LINE_MAX, Held, Rendered, render
from tests.emails.letters import FACTS, MARKDOWN, MJML, compiled, facts, held, sent, text


def test_every_field_may_hold_merge_tags() -> None:
    draft = replace(
        MARKDOWN,
        subject="{{ event.amountPaidDisplay }} from {{ workspace.name }}",
        preview="Hi {{ contact.firstName }}",
        body="Thank you, {{ contact.firstName }}.",
        from_name="{{ workspace.name }} Billing",
        from_email="billing+{{ event.amountPaid }}@acme.test",
        reply_to="{{ contact.owner | default: 'help@acme.test' }}",
    )
    mail = sent(draft)
    assert mail.subject == "€19.99 from Acme"
    assert (mail.from_name, mail.from_email) == ("Acme Billing", "billing+1999@acme.test")
    assert (mail.reply_to, mail.preview) == ("help@acme.test", "Hi Alice")


@pytest.mark.parametrize(
    ("field", "called"),
    [
        ("subject", "subject"),
        ("preview", "preview text"),
        ("body", "body"),
        ("from_name", "sender's name"),
        ("from_email", "sender's address"),
        ("reply_to", "reply-to address"),
    ],
)
def test_a_missing_value_holds_the_message_and_names_the_place(field: str, called: str) -> None:
    draft = replace(MARKDOWN, **{field: "x {{ event.note }}"})  # type: ignore[arg-type]
    for absent in ({}, {"note": None}, {"note": ""}, {"note": "  "}):
        reason = f"event.note has no value and the email gives no fallback (in the {called})"
        assert held(draft, facts(**absent)) == reason


@pytest.mark.parametrize(
    ("changes", "event", "reason"),
    [
        ({"subject": "{% if event.no %}x{% endif %}"}, {}, "the subject is empty"),
        ({"body": "{% if event.no %}x{% endif %}"}, {}, "the email is empty"),
        ({"body": "{{ event.note }}"}, {"note": "{{ contact.firstName }}"}, "the body still contains {{ or {%"),
        ({"subject": "{{ event.note }}"}, {"note": "{% x"}, "the subject still contains {{ or {%"),
        ({"from_email": ""}, {}, "the email has no sender's address: choose a sender in Settings or in the email"),
        ({"from_email": "acme"}, {}, "the sender's address is not an email address: acme"),
        ({"reply_to": "a@b.test, c@d.test"}, {}, "the reply-to address is not an email address: a@b.test, c@d.test"),
        ({"body": "{{ event.note | plus: 1 }}"}, {"note": "many"}, "plus: 'many' is not a number (in the body)"),
    ],
)
def test_nothing_half_rendered_leaves(changes: dict[str, str], event: dict[str, Any], reason: str) -> None:
    assert held(replace(MARKDOWN, **changes), facts(**event)) == reason  # type: ignore[arg-type]


def test_marketing_without_an_address_or_a_way_out_is_held() -> None:
    draft = replace(MARKDOWN, kind=Kind.MARKETING)
    nowhere = {**FACTS, "workspace": {"name": "Acme", "address": "  "}}
    assert held(draft, nowhere) == "a marketing email must carry your postal address: add it in Settings"
    endless = {name: value for name, value in FACTS.items() if name != "unsubscribe_url"}
    assert held(draft, endless) == "a marketing email must carry an unsubscribe link, and this message has none"


def test_marketing_whose_own_way_out_was_left_out_is_held() -> None:
    body = text('News {% if event.no %}<a href="{{ unsubscribe_url }}">No more</a>{% endif %}')
    reason = held(replace(MJML, kind=Kind.MARKETING, body=body))
    assert reason == "the unsubscribe link is missing from the finished email"


def test_transactional_needs_no_address() -> None:
    assert sent(MARKDOWN, {"contact": {"email": "a@b.test"}, "event": {}, "workspace": {}}).text == "Hello"


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("a\r\nBcc: mallory@evil.test", "a Bcc: mallory@evil.test"),
        ("a\nb\rc\x00d\te\u2028f\u2029g\u0085h", "a b cd e f gh"),
        ("\u202egpj.exe\u202c and \u2066this\u2069", "gpj.exe  and  this"),
        ("\U0001f389 emoji ü", "\U0001f389 emoji ü"),
        ("x" * 2000, "x" * (LINE_MAX - 1) + "…"),
    ],
)
def test_a_subject_is_one_plain_line(value: str, subject: str) -> None:
    assert sent(replace(MARKDOWN, subject="{{ event.note }}"), facts(note=value)).subject == subject


def test_plain_text_carries_no_html_escapes() -> None:
    mail = sent(replace(MARKDOWN, body="{{ event.note | escape }} {{ event.note }}"), facts(note="R&D <b> 'x'"))
    assert mail.text.startswith("R&D <b> 'x' R&D <b> 'x'")
    assert "R&amp;D &lt;b&gt;" in mail.html


def test_odd_facts_are_held_never_raised() -> None:
    email = compiled(
        replace(MARKDOWN, body="{{ event.x }}{{ event.x | upcase }}{% for i in event.x %}{{ i }}{% endfor %}")
    )
    odd: list[Any] = [{}, [], [[]], {"a": 1}, 1.5, True, 10**400, float("inf"), float("nan"), "\ud800", "x" * 10**6]
    for value in odd:
        assert isinstance(render(email, facts(x=value)), (Rendered, Held))
    assert isinstance(render(email, {}), Held)
