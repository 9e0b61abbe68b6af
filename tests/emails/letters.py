"""Drafts and facts that the tests of emails share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cocoonmail.emails.compose import Compiled, Draft, Format, Kind, Problem, compile_email
from cocoonmail.emails.render import Held, Rendered, render

FACTS: dict[str, Any] = {
    "contact": {"email": "alice@example.com", "firstName": "Alice", "lastName": "", "plan": None},
    "event": {
        "amountPaid": 1999,
        "amountPaidDisplay": "€19.99",
        "invoiceUrl": "https://invoice.example/i/1?a=1&b=2",
        "lineItems": [{"description": "Seats", "quantity": 2}, {"description": "R&D <pack>", "quantity": 1}],
    },
    "workspace": {"name": "Acme", "address": "1 Main St\n0150 Oslo"},
    "unsubscribe_url": "https://mail.acme.test/unsubscribe/1.2.3?x=1&y=2",
}

MARKDOWN = Draft(
    subject="Your receipt",
    preview="",
    body="Hello",
    format=Format.MARKDOWN,
    kind=Kind.TRANSACTIONAL,
    from_name="Acme",
    from_email="hello@acme.test",
)
MJML = replace(MARKDOWN, format=Format.MJML)


def facts(**event: Any) -> dict[str, Any]:
    """The usual facts, with these event properties on top."""
    return {**FACTS, "event": {**FACTS["event"], **event}}


def column(content: str) -> str:
    """An MJML document with the content in its only column."""
    return f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"


def text(content: str) -> str:
    """An MJML document with the content in its only text."""
    return column(f"<mj-text>{content}</mj-text>")


def compiled(draft: Draft) -> Compiled:
    """The compiled draft, which must be free of problems."""
    result = compile_email(draft)
    assert isinstance(result, Compiled), result
    return result


def sent(draft: Draft, given: dict[str, Any] | None = None) -> Rendered:
    """The rendered draft, which must not be held."""
    result = render(compiled(draft), FACTS if given is None else given)
    assert isinstance(result, Rendered), result
    return result


def held(draft: Draft, given: dict[str, Any] | None = None) -> str:
    """Why the draft is held, which it must be."""
    result = render(compiled(draft), FACTS if given is None else given)
    assert isinstance(result, Held), result
    return result.reason


def problems(draft: Draft) -> list[Problem]:
    """Why the draft cannot be published, which it must not be."""
    result = compile_email(draft)
    assert not isinstance(result, Compiled)
    return result
