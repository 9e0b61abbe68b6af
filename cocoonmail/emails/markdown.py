"""Markdown to MJML: paragraphs, headings, lists, tables, and buttons, in the house's own frame.

A paragraph that is only a link with the title "button" becomes a button:

    [Pay now]({{ event.invoiceUrl }} "button")

A line that is only Liquid tags, such as `{% if event.invoiceUrl %}`, stands between blocks. HTML is shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from cocoonmail.emails.frame import FRAME
from cocoonmail.emails.pieces import CLOSE, MARK, OPEN, Marked

_TAG_PARAGRAPH = re.compile(f"<p>((?:\\s*{OPEN}[0-9]+{CLOSE})+\\s*)</p>")
_TAG_ROW = re.compile(f"<tr>\\s*<td[^>]*>((?:\\s*{OPEN}[0-9]+{CLOSE})+\\s*)</td>(?:\\s*<td[^>]*></td>)*\\s*</tr>")
# markdown-it writes addresses in ASCII, our marks too.
_ENCODED_MARK = re.compile(r"%EE%80%80([0-9]+)%EE%80%81")


def to_mjml(document: Marked) -> str:
    """A whole MJML document for the Markdown in `document`, with the same marks."""
    tokens = _parser().parse(_tags_apart(document))
    return FRAME.replace("<!-- body -->", "\n".join(_elements(document, _blocks(tokens))))


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable(["table", "strikethrough"])


def _tags_apart(document: Marked) -> str:
    """The Markdown with blank lines around lines of tags, so that they end a list; not so inside tables."""
    lines = document.text.split("\n")
    out: list[str] = []
    for number, line in enumerate(lines):
        if document.is_tags(line) and not _beside_a_table(document, lines, number):
            out += ["", line.strip(), ""]
        else:
            out.append(line)
    return "\n".join(out)


def _beside_a_table(document: Marked, lines: Sequence[str], number: int) -> bool:
    before = next((line for line in reversed(lines[:number]) if not document.is_tags(line)), "")
    return before.lstrip().startswith("|")


def _blocks(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    start = depth = 0
    for number, token in enumerate(tokens):
        depth += token.nesting
        if not depth:
            yield tokens[start : number + 1]
            start = number + 1


def _elements(document: Marked, blocks: Iterator[Sequence[Token]]) -> Iterator[str]:
    words: list[str] = []
    for block in blocks:
        html = _ENCODED_MARK.sub(f"{OPEN}\\1{CLOSE}", _parser().renderer.render(block, _parser().options, {}))
        special = _button(block) or _tags(document, html)
        if not special:
            words.append(_without_wrappers(document, html))
            continue
        yield from _text(words)
        words.clear()
        yield special
    yield from _text(words)


def _text(words: list[str]) -> Iterator[str]:
    if words:
        yield f'<mj-text css-class="cm-words">{"".join(words)}</mj-text>'


def _button(block: Sequence[Token]) -> str:
    inner = block[1].children if len(block) == 3 and block[0].type == "paragraph_open" else None
    if not inner or inner[0].type != "link_open" or inner[0].attrGet("title") != "button":
        return ""
    if inner[-1].type != "link_close" or any(token.type == "link_open" for token in inner[1:]):
        return ""
    label = _parser().renderer.render(inner[1:-1], _parser().options, {})
    href = _ENCODED_MARK.sub(f"{OPEN}\\1{CLOSE}", str(inner[0].attrGet("href") or ""))
    return f'<mj-button href="{escape(href)}">{label}</mj-button>'


def _tags(document: Marked, html: str) -> str:
    paragraph = _TAG_PARAGRAPH.fullmatch(html.strip())
    return MARK.sub(r"\g<0>", paragraph[1]).strip() if paragraph and document.is_tags(paragraph[1]) else ""


def _without_wrappers(document: Marked, html: str) -> str:
    def bare(found: re.Match[str]) -> str:
        return found[1] if document.is_tags(found[1]) else found[0]

    return _TAG_ROW.sub(bare, _TAG_PARAGRAPH.sub(bare, html))
