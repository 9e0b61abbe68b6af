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
from cocoonmail.emails.pieces import BLOCKS, CLOSE, MARK, OPEN, Marked

_TAG_PARAGRAPH = re.compile(f"<p>((?:\\s*{OPEN}[0-9]+{CLOSE})+\\s*)</p>")
_TAG_ROW = re.compile(f"<tr>\\s*<td[^>]*>((?:\\s*{OPEN}[0-9]+{CLOSE})+\\s*)</td>(?:\\s*<td[^>]*></td>)*\\s*</tr>")
_LOOPED_LIST = re.compile(
    f"({OPEN}[0-9]+{CLOSE})\\s*<(ul|ol)>((?:(?!</?[uo]l).)*)</\\2>\\s*({OPEN}[0-9]+{CLOSE})", re.DOTALL
)
# markdown-it writes addresses in ASCII, our marks too.
_ENCODED_MARK = re.compile(r"%EE%80%80([0-9]+)%EE%80%81")


def to_mjml(document: Marked) -> str:
    """A whole MJML document for the Markdown in `document`, with the same marks."""
    tokens = _parser().parse(_tags_apart(document))
    return FRAME.replace("<!-- body -->", "\n".join(_elements(document, _top_level(tokens))))


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


def _top_level(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    start = depth = 0
    for number, token in enumerate(tokens):
        depth += token.nesting
        if not depth:
            yield tokens[start : number + 1]
            start = number + 1


def _elements(document: Marked, blocks: Iterator[Sequence[Token]]) -> Iterator[str]:
    """MJML elements: buttons, texts, and the Liquid tags that have a button inside and so stand between elements."""
    pieces = [_button(block) or _html(document, block) for block in blocks]
    between = _around_buttons(document, pieces)
    words: list[str] = []
    for number, piece in enumerate(pieces):
        if number not in between and not piece.startswith("<mj-button"):
            words.append(piece)
            continue
        yield from _text(document, words)
        words.clear()
        yield piece
    yield from _text(document, words)


def _around_buttons(document: Marked, pieces: Sequence[str]) -> frozenset[int]:
    """Which of the pieces are tags of a Liquid block that has a button in it."""
    buttons = [number for number, piece in enumerate(pieces) if piece.startswith("<mj-button")]
    blocks = _blocks_of_tags(document, pieces)
    around = (block for block in blocks if any(block[0] < button < block[-1] for button in buttons))
    return frozenset(number for block in around for number in block)


def _blocks_of_tags(document: Marked, pieces: Sequence[str]) -> Iterator[list[int]]:
    """For each Liquid block, which pieces hold its tags: its beginning, its branches, its end."""
    opened: list[list[int]] = []
    for number, piece in enumerate(pieces):
        for mark in MARK.findall(piece) if document.is_tags(piece) else ():
            tag = document.pieces[int(mark)].tag
            if tag in BLOCKS:
                opened.append([])
            if opened:
                opened[-1].append(number)
            if tag.startswith("end") and opened:
                yield opened.pop()


def _text(document: Marked, words: list[str]) -> Iterator[str]:
    if words:
        html = _LOOPED_LIST.sub(lambda found: _one_list(document, found), "".join(words))
        yield f'<mj-text css-class="cm-words">{html}</mj-text>'


def _one_list(document: Marked, found: re.Match[str]) -> str:
    """A loop around a list as a list with a loop inside: one list, not one for each round."""
    begin, kind, items, end = found.groups()
    is_loop = document.piece(begin).tag == "for" and document.piece(end).tag == "endfor"
    return f"<{kind}>{begin}{items}{end}</{kind}>" if is_loop else found[0]


def _button(block: Sequence[Token]) -> str:
    inner = block[1].children if len(block) == 3 and block[0].type == "paragraph_open" else None
    if not inner or inner[0].type != "link_open" or inner[0].attrGet("title") != "button":
        return ""
    if inner[-1].type != "link_close" or any(token.type == "link_open" for token in inner[1:]):
        return ""
    label = _parser().renderer.render(inner[1:-1], _parser().options, {})
    href = _ENCODED_MARK.sub(f"{OPEN}\\1{CLOSE}", str(inner[0].attrGet("href") or ""))
    return f'<mj-button href="{escape(href)}">{label}</mj-button>'


def _html(document: Marked, block: Sequence[Token]) -> str:
    html = _ENCODED_MARK.sub(f"{OPEN}\\1{CLOSE}", _parser().renderer.render(block, _parser().options, {}))
    return _without_wrappers(document, html)


def _without_wrappers(document: Marked, html: str) -> str:
    def bare(found: re.Match[str]) -> str:
        return found[1] if document.is_tags(found[1]) else found[0]

    return _TAG_ROW.sub(bare, _TAG_PARAGRAPH.sub(bare, html))
