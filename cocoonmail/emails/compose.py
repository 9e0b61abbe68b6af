"""Compiles an email when it is published: a draft in, Liquid templates for HTML and plain text out, or its problems.

MJML and Markdown are compiled once, with their Liquid taken out and put back; merging is all that is left to do for
each message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape

from cocoonmail.emails import budget, context, footer, freemail, liquid, markdown, mjml, plaintext
from cocoonmail.emails.content import Compiled, Draft, Format, Kind, Problem
from cocoonmail.emails.pieces import SOURCE_MAX, clean, mark, unclosed, unreadable, without_comments

__all__ = ["Compiled", "Draft", "Format", "Kind", "Problem", "check", "compile_email"]

# Gmail shows the first 102 kB of HTML and hides the rest behind a link.
HTML_WISE, HTML_MAX = 102_000, 400_000  # characters
BODY_MAX = 300_000  # characters of source
IMAGES_WISE = 500
LINE_MAX = 500  # characters of a subject or another one-line field
assert HTML_WISE < HTML_MAX <= SOURCE_MAX < budget.OUTPUT_MAX
assert LINE_MAX <= budget.LINE_MAX  # What is longer gets the time of a body.

_LINES = ("subject", "preview", "from_name", "from_email", "reply_to")
_PREVIEW = re.compile(r"<mj-preview[^>]*>(.*?)</mj-preview\s*>", re.DOTALL | re.IGNORECASE)
_BODY_END = re.compile(r"</mj-body\s*>(?!.*</mj-body)", re.DOTALL | re.IGNORECASE)
_HEAD = re.compile(r"<mj-head[^>/]*>", re.IGNORECASE)
_ROOT = re.compile(r"<mjml[^>/]*>", re.IGNORECASE)
_TITLE = re.compile(r"<mj-title[^>]*>(.*?)</mj-title\s*>", re.DOTALL | re.IGNORECASE)
# Invisible characters, so that an inbox does not go on with the first words of the body.
_PREVIEW_END = "\u034f\u200c\u00a0" * 60


def compile_email(draft: Draft, server: str = "") -> Compiled | list[Problem]:
    """The email ready to be merged, or every problem that keeps it from being published (warnings are left out).

    `server` is the host name of the mail server that it will leave by, "" where none is known.
    """
    problems = [problem for problem in _problems_of_source(draft, server) if not problem.warning]
    if problems:
        return problems
    compiled = _compiled(draft)
    return compiled if isinstance(compiled, Compiled) else [compiled]


def check(draft: Draft, server: str = "") -> list[Problem]:
    """All problems and warnings of a draft, for its editor, in the order of the fields and lines."""
    problems = list(_problems_of_source(draft, server))
    if any(not problem.warning for problem in problems):
        return problems
    compiled = _compiled(draft)
    if isinstance(compiled, Problem):
        return [*problems, compiled]
    return problems + list(_advice(draft, compiled))


def _problems_of_source(draft: Draft, server: str) -> Iterator[Problem]:
    for field in _LINES:
        yield from _problems_of_line(draft, field, server)
    yield from _problems_of_body(draft)


def _problems_of_line(draft: Draft, field: str, server: str) -> Iterator[Problem]:
    source = getattr(draft, field)
    yield from _problems_of_liquid(draft.kind, field, source)
    if field == "subject" and not source.strip():
        yield Problem(field, "Write a subject")
    if len(source) > LINE_MAX:
        yield Problem(field, f"This is longer than {LINE_MAX} characters")
    if field == "from_email" and (trouble := freemail.trouble(source, server)):
        yield Problem(field, trouble)


def _problems_of_liquid(kind: Kind, field: str, source: str) -> Iterator[Problem]:
    source = clean(source)
    source = source if unreadable(source) else without_comments(source)
    template = liquid.parse(source, False)
    if isinstance(template, liquid.Fault):
        index = unclosed(source) if template.line is None else None
        line, column = liquid.place(source, index) if index is not None else (template.line, template.column)
        yield Problem(field, _sentence(template.message), line, column)
        return
    for fault in liquid.unknown_names(source):
        yield Problem(field, fault.message, fault.line, fault.column)
    if kind is Kind.TRANSACTIONAL and "unsubscribe_url" in liquid.names(source):
        where = liquid.place(source, source.find("unsubscribe_url"))
        yield Problem(field, "Only marketing emails have an unsubscribe_url", *where)
    for fault in liquid.unguarded(source):
        yield Problem(field, fault.message, fault.line, fault.column, warning=True)


def _problems_of_body(draft: Draft) -> Iterator[Problem]:
    if len(draft.body) > BODY_MAX:
        yield Problem("body", f"This is longer than {BODY_MAX} characters")
        return
    faults = list(_problems_of_liquid(draft.kind, "body", draft.body))
    yield from faults
    if any(not fault.warning for fault in faults):
        return
    document = mark(_source(draft))
    troubles = mjml.troubles(document)
    for message, index, warning in troubles:
        # What was Markdown has no lines of its own in the MJML made from it.
        written = document.restore(document.text[:index]) if draft.format is Format.MJML else None
        line, column = liquid.place(written, len(written)) if written is not None else (None, None)
        yield Problem("body", message, line, column, warning)
    if all(warning for _, _, warning in troubles) and not plaintext.of(document).strip():
        yield Problem("body", "The email has no words. Write some, or give its images an alt text")


def _source(draft: Draft) -> str:
    """The body as MJML, without comments. A body that is MJML keeps its lines."""
    body = without_comments(clean(draft.body))
    if draft.format is Format.MJML:
        return body
    document = mark(body)
    return document.restore(markdown.to_mjml(document))


def _compiled(draft: Draft) -> Compiled | Problem:
    lines = {field: clean(getattr(draft, field)).strip() for field in _LINES}
    source = _source(draft)
    written = frozenset(liquid.names(source))
    found = _PREVIEW.search(source)
    preview = lines["preview"] or (unescape(found[1]).strip() if found else "")
    document = mark(_with_head(_with_footer(source, footer.html(draft.kind, written)), lines["subject"], preview))
    try:
        html = context.restore(document, mjml.to_html(document))
    except mjml.NotMjml as error:
        return Problem("body", f"This is not MJML: {error}")
    text = plaintext.of(mark(source)) + footer.text(draft.kind, written)
    return _sound(Compiled(**{**lines, "preview": preview}, html=html, text=text, kind=draft.kind))


def _with_footer(source: str, section: str) -> str:
    return _BODY_END.sub(lambda end: section + end[0], source)


def _with_head(source: str, subject: str, preview: str) -> str:
    """The document with its hidden preview line, and with the subject as title where it has no other."""
    own = _TITLE.search(source)
    source = _TITLE.sub("", _PREVIEW.sub("", source))
    # Not an mj-title, which mrml copies into an attribute without escaping its quotes.
    title = f"<mj-raw><title>{own[1] if own else _escaped(subject)}</title></mj-raw>"
    hidden = f"<mj-preview>{_escaped(preview)}{_PREVIEW_END}</mj-preview>" if preview else ""
    if _HEAD.search(source):
        return _HEAD.sub(lambda head: head[0] + title + hidden, source, count=1)
    return _ROOT.sub(lambda root: f"{root[0]}<mj-head>{title}{hidden}</mj-head>", source, count=1)


def _escaped(source: str) -> str:
    document = mark(source)
    return document.restore(escape(document.text, quote=False))


def _sound(compiled: Compiled) -> Compiled | Problem:
    if len(compiled.html) > HTML_MAX:
        return Problem("body", f"The email's HTML is longer than {HTML_MAX} characters")
    for source, html in ((compiled.html, True), (compiled.text, False)):
        template = liquid.parse(source, html)
        if isinstance(template, liquid.Fault):
            return Problem("body", f"Liquid stands where it cannot be kept: {template.message}")
    return compiled


def _advice(draft: Draft, compiled: Compiled) -> Iterator[Problem]:
    if len(compiled.html) > HTML_WISE:
        yield Problem("body", "Gmail shows only the first 102 kB of an email; this one is longer", warning=True)
    if compiled.html.count("<img") > IMAGES_WISE:
        yield Problem("body", f"More than {IMAGES_WISE} images: many readers will not wait for them", warning=True)
    if 'src="data:' in compiled.html:
        yield Problem("body", "Many mail programs do not show images that are part of the text", warning=True)
    if not draft.preview.strip() and not compiled.preview:
        yield Problem("preview", "Without it, inboxes show the first words of the email", warning=True)


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
