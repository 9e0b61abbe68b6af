"""The plain-text alternative of an MJML document: its words in reading order, links and buttons as "label: address"."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from cocoonmail.emails.pieces import BLOCKS, MARK, Marked

# How many line ends separate an element from what is around it.
_APART = dict.fromkeys(
    "p div h1 h2 h3 h4 h5 h6 ul ol table blockquote pre hr mj-text mj-button mj-image mj-table mj-section mj-divider "
    "mj-spacer mj-column mj-hero mj-wrapper mj-accordion mj-social mj-navbar".split(),
    2,
) | dict.fromkeys("li tr br mj-accordion-title mj-accordion-text mj-social-element mj-navbar-link".split(), 1)
_SILENT = frozenset("mj-head mj-style mj-title mj-preview mj-attributes style title script".split())
_LINKS = frozenset("a mj-button mj-social-element mj-navbar-link".split())
_CELLS = frozenset({"td", "th"})
_VOID = frozenset("br hr img".split())
_BLANKS_AT_END, _FAR_APART = re.compile(r"[ \t]+\n"), re.compile(r"\n{3,}")
_SPACE = re.compile(r"[ \t\n\r\f]+")
_NO_FLOW = frozenset({"pre"})
_MARK_OR_WORDS = re.compile(f"({MARK.pattern.replace('(', '(?:')})")


def of(document: Marked) -> str:
    """The plain text as a Liquid template. Line ends are single; three or more in a row are for `tidy` to close up."""
    reader = _Reader(document)
    reader.feed(document.text)
    reader.close()
    return document.restore("".join(reader.out)).strip("\n")


def tidy(text: str) -> str:
    """A filled-in plain text without spaces at line ends and with one blank line where there were more."""
    text = _BLANKS_AT_END.sub("\n", text) if " \n" in text or "\t\n" in text else text
    return (_FAR_APART.sub("\n\n", text) if "\n\n\n" in text else text).strip()


class _Reader(HTMLParser):
    """Walks the elements and writes down their words."""

    def __init__(self, document: Marked) -> None:
        super().__init__(convert_charrefs=True)
        self.document = document
        self.out: list[str] = []
        self.fresh = 2  # line ends just written, or the beginning
        self.pending = 0  # line ends to write before the next words
        self.blocks: list[int] = []  # `fresh` at the beginning of each Liquid block around us
        self.between = ""  # what goes before the next words of this line: a list's bullet, a cell's colon
        self.space = False  # white space was met that only matters if words follow on the same line
        self.silent = self.fixed = 0
        self.lists: list[int | None] = []  # the next number of each list around us, None for bullets
        self.links: list[tuple[str, int]] = []
        self.cells = self.cell = 0  # cells of this row so far, and where the latest begins
        self.colon = ": "
        self.hidden: list[str] = []  # elements inside one that is hidden from screen readers

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if self.hidden or given.get("aria-hidden") == "true":
            self.hidden += [tag] if tag not in _VOID else []
            return
        self.silent += tag in _SILENT
        self.fixed += tag in _NO_FLOW
        self.apart(_APART.get(tag, 0))
        if tag in _LINKS:
            self.links.append((given.get("href", ""), len(self.out)))
        elif tag in ("img", "mj-image"):
            self.picture(given)
        elif tag == "hr":
            self.words("---")
        else:
            self.list_or_table(tag)

    def list_or_table(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self.lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self.bullet()
        elif tag == "tr":
            self.cells = 0
        elif tag in _CELLS:
            self.between = ("  " if self.cells > 1 else self.colon) if self.cells else ""
            self.cell = len(self.out)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            self.hidden.pop()
            return
        if tag in _LINKS and self.links:
            self.address(*self.links.pop())
        self.silent -= bool(tag in _SILENT and self.silent)
        self.fixed -= bool(tag in _NO_FLOW and self.fixed)
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        elif tag in _CELLS:
            self.cells += 1
            self.between = ""
            self.colon = ". " if "".join(self.out[self.cell :]).strip().isdigit() else ": "
        self.apart(1 if tag in ("ul", "ol") and self.lists else _APART.get(tag, 0) if tag != "br" else 0)

    def handle_data(self, data: str) -> None:
        if self.silent or self.hidden:
            return
        for part in _MARK_OR_WORDS.split(data):
            if self.document.is_tags(part):
                self.tag(part)
            elif part:
                self.words(part)

    def tag(self, mark: str) -> None:
        """A Liquid tag. What it stands behind is written first, for the words after it may be left out."""
        self.flush()
        name = self.document.piece(mark).tag
        if name.startswith("end") and self.blocks:
            self.fresh = min(self.fresh, self.blocks.pop())
        elif name in ("else", "elsif", "when") and self.blocks:
            self.fresh = self.blocks[-1]
        elif name in BLOCKS:
            self.blocks.append(self.fresh)
        self.out.append(mark)

    def words(self, text: str) -> None:
        flowing = text if self.fixed else _SPACE.sub(" ", text)
        if flowing == " ":
            self.space = True
            return
        if self.pending or self.between or self.fresh:
            flowing, self.space = flowing.lstrip(" "), False
        self.flush()
        self.out += [" " * self.space, flowing]
        self.space, self.fresh = False, 0

    def flush(self) -> None:
        if self.pending or self.between:
            self.out += ["\n" * self.pending, self.between]
            self.fresh = 0 if self.between else self.fresh + self.pending
            self.pending, self.between = 0, ""

    def apart(self, lines: int) -> None:
        self.pending = max(self.pending, lines - self.fresh)

    def bullet(self) -> None:
        number = self.lists[-1] if self.lists else None
        if number is not None:
            self.lists[-1] = number + 1
        indent = "  " * (len(self.lists) - 1)
        self.between = f"{indent}- " if number is None else f"{indent}{number}. "

    def picture(self, given: dict[str, str]) -> None:
        if given.get("alt"):
            self.words(given["alt"] + (f": {given['href']}" if given.get("href") else ""))

    def address(self, href: str, start: int) -> None:
        label = "".join(self.out[start:]).strip()
        bare = href.removeprefix("mailto:").removeprefix("tel:")
        if href and not href.startswith("#") and bare != label:
            self.words(f": {href}" if label else href)
