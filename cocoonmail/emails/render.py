"""Merges a published email with one contact's facts: the finished texts, or why the message is held.

Nothing half-rendered leaves: a value without a fallback, an empty body, Liquid in the result, or a marketing email
without an address or a way out is a Held. `render` is what holds; `render_encoded` is a quicker way to the same result
that leaves everything odd to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Final, TextIO, cast

from cocoonmail.emails import liquid, mime, plaintext, quotedprintable
from cocoonmail.emails.budget import OUTPUT_MAX
from cocoonmail.emails.content import Compiled, Kind
from cocoonmail.emails.footer import SEPARATOR

LINE_MAX = 250  # characters of a subject, a name, a preview; longer ones are cut, for they come from merge values


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message's texts, ready for `mime.build`. Header fields are one line without control characters."""

    subject: str
    html: str
    text: str
    from_name: str
    from_email: str
    reply_to: str
    preview: str


@dataclass(frozen=True, slots=True)
class Held:
    """Why this message is not sent, in words for the person who wrote the email."""

    reason: str
    fenced: bool = False  # It took too much to fill in


# What is filled in, whether it is HTML, and what a person calls it.
_PARTS: Final = (
    ("subject", False, "subject"),
    ("from_name", False, "sender's name"),
    ("from_email", False, "sender's address"),
    ("reply_to", False, "reply-to address"),
    ("preview", False, "preview text"),
    ("html", True, "body"),
    ("text", False, "plain-text body"),
)
# Line ends of every kind, other control characters, marks that turn text around, and lone surrogates.
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")


def render(compiled: Compiled, facts: Mapping[str, Any]) -> Rendered | Held:
    """The email for these facts.

    `facts` holds plain JSON values: `contact`, `event` and `workspace` (`name`, `address`) as dicts, and for marketing
    `unsubscribe_url`. None and blank text count as missing. The result depends on nothing else.
    """
    filled: dict[str, str] = {}
    for name, html, called in _PARTS:
        text = liquid.fill(getattr(compiled, name), facts, html=html)
        if isinstance(text, liquid.Unfilled):
            return _unlawful(compiled, facts) or Held(f"{text.reason} (in the {called})", text.fenced)
        filled[name] = text
    rendered = _finished(filled)
    held = _unlawful(compiled, facts) or _unfinished(compiled, facts, rendered)
    held = held or _without_exit(compiled, rendered, facts)
    return held or rendered


def render_encoded(compiled: Compiled, facts: Mapping[str, Any]) -> tuple[Rendered, bytes] | Rendered | Held:
    """The same email, its HTML in quoted-printable beside it (and then not in it) where that could be had at once.

    Of the HTML's literal parts nothing is looked at or encoded: that was done when its template was parsed.
    """
    html = liquid.fill_into(_writer, compiled.html, facts, html=True)
    if not isinstance(html, quotedprintable.Writer) or html.braces or _is_foreign(compiled.html):
        return render(compiled, facts)
    filled = {"html": ""}
    for name, _, _ in _PARTS:
        if name != "html":
            text = liquid.fill(getattr(compiled, name), facts, html=False)
            if isinstance(text, liquid.Unfilled):
                return render(compiled, facts)
            filled[name] = text
    rendered = _finished(filled)
    held = _unlawful(compiled, facts) or _unfinished(compiled, facts, rendered)
    if held or not _shows_exit(compiled, rendered.text, html, facts):
        return render(compiled, facts)
    return rendered, html.getvalue()


def _writer() -> TextIO:
    return cast(TextIO, quotedprintable.Writer(OUTPUT_MAX))


def _finished(filled: dict[str, str]) -> Rendered:
    """The filled texts as they go out."""
    for name, text in filled.items():
        if name not in ("html", "text"):
            line = one_line(text)
            filled[name] = _shortened(line) if name in ("subject", "from_name", "preview") else line
    filled["text"] = plaintext.tidy(filled["text"])
    return Rendered(**filled)


@lru_cache(maxsize=512)
def _is_foreign(source: str) -> bool:
    """Whether base64 would be shorter than quoted-printable."""
    return len(source.encode()) > quotedprintable.FOREIGN * len(source)


def _shows_exit(compiled: Compiled, text: str, html: quotedprintable.Writer, facts: Mapping[str, Any]) -> bool:
    """Whether a marketing email has its unsubscribe link as a value of its own; True for other mail."""
    url = str(facts.get("unsubscribe_url"))
    return compiled.kind is not Kind.MARKETING or (url in text and escape(url) in html.values)


def one_line(text: str) -> str:
    """Text that can stand in a header: on one line, without control and turning characters (RFC 5322 section 2.2)."""
    return _NOT_IN_A_LINE.sub(" ", text).strip() if not text.isprintable() else text.strip()


def _shortened(line: str) -> str:
    return line if len(line) <= LINE_MAX else line[: LINE_MAX - 1].rstrip() + "…"


def _unlawful(compiled: Compiled, facts: Mapping[str, Any]) -> Held | None:
    if compiled.kind is not Kind.MARKETING:
        return None
    if not str((facts.get("workspace") or {}).get("address") or "").strip():
        return Held("a marketing email must carry your postal address: add it in Settings")
    if not facts.get("unsubscribe_url"):
        return Held("a marketing email must carry an unsubscribe link, and this message has none")
    return None


def _is_footed(compiled: Compiled, facts: Mapping[str, Any]) -> bool:
    """Whether the plain text ends with a footer (emails.footer)."""
    return compiled.kind is Kind.MARKETING or bool(str((facts.get("workspace") or {}).get("name") or "").strip())


def _is_footer_alone(text: str) -> bool:
    """Whether nothing stands before the footer: a body may begin with its separator too, and then it comes twice."""
    return f"{text}\n".startswith(SEPARATOR.lstrip("\n")) and SEPARATOR not in text


def _unfinished(compiled: Compiled, facts: Mapping[str, Any], rendered: Rendered) -> Held | None:
    if not rendered.subject:
        return Held("the subject is empty")
    if not rendered.text or (_is_footed(compiled, facts) and _is_footer_alone(rendered.text)):
        return Held("the email is empty")
    for name, _, called in _PARTS:
        value = getattr(rendered, name)
        if "{{" in value or "{%" in value:
            return Held(f"the {called} still contains {{{{ or {{%")
    if not rendered.from_email:
        return Held("the email has no sender's address: choose a sender in Settings or in the email")
    for name, called in (("from_email", "sender's address"), ("reply_to", "reply-to address")):
        value = getattr(rendered, name)
        if value and mime.address(value) is None:
            return Held(f"the {called} is not an email address: {value[:80]}")
    return None


def _without_exit(compiled: Compiled, rendered: Rendered, facts: Mapping[str, Any]) -> Held | None:
    if compiled.kind is not Kind.MARKETING:
        return None
    url = str(facts["unsubscribe_url"])
    if url in rendered.text and (escape(url) in rendered.html or url in rendered.html):
        return None
    return Held("the unsubscribe link is missing from the finished email")
