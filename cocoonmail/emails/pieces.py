"""Takes the Liquid out of a source, so that a parser of another language can read the rest, and puts it back.

Each piece of Liquid becomes its number between two characters of Unicode's private use area, which are a letter
like any other to an XML or a Markdown parser and cannot occur in a cleaned source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

OPEN, CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{OPEN}([0-9]+){CLOSE}")

BLOCKS = frozenset({"if", "unless", "case", "for", "capture"})  # tags that have an end

ENDS = {"{{": "}}", "{%": "%}"}

SOURCE_MAX = 400_000  # characters of a template
LIQUID_MAX = 40_000  # characters of it that are Liquid; reading one takes 3 µs and up to 300 bytes
PIECES_MAX = 2_000
PIECE_MAX = 1_000  # characters of one tag: no expression is nested, and no list of filters long, beyond reason
BRACKETS_MAX = 20  # of one tag, for values inside values are analysed in time by the square
SPACES_MAX = 100  # in a row in a tag, over which the lexers take time by the square

_BEGIN = re.compile(r"\{[{%]")
_SPACES = re.compile(r"\s+")
_VERBATIM = re.compile(r"\{%-?\s*(raw|doc)\b")
_PIECE = re.compile(r"\{\{-?\s*(?P<output>.*?)\s*-?\}\}|\{%-?\s*(?P<tag>#|\w*)(?P<rest>.*?)-?%\}", re.DOTALL)
_HTML_COMMENT = re.compile(r"<!--(?!\[if|<!\[endif).*?-->", re.DOTALL)
# Control characters, lone surrogates, and the characters with which we mark places: no part of any email.
_NO_TEXT = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000\ue001\ufeff\ufffe\uffff\U00010380\U00010381]"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One merge tag or Liquid tag. `expression` is what an output prints; `tag` is a tag's name, "" for an output."""

    source: str
    expression: str
    tag: str


@dataclass(frozen=True, slots=True)
class Marked:
    """A source with marks where its pieces were."""

    text: str
    pieces: tuple[Piece, ...]

    def restore(self, text: str) -> str:
        """The text with every mark replaced by the Liquid it stands for."""
        return MARK.sub(lambda mark: self.pieces[int(mark[1])].source, text)

    def replace(self, text: str, by: Callable[[Piece], str]) -> str:
        """The text with every mark replaced by what `by` makes of its piece."""
        return MARK.sub(lambda mark: by(self.pieces[int(mark[1])]), text)

    def piece(self, mark: str) -> Piece:
        """The piece that a mark stands for."""
        return self.pieces[int(mark[1:-1])]

    def is_tags(self, text: str) -> bool:
        """Whether the text is one or more Liquid tags and nothing else but white space."""
        found = [self.pieces[int(mark[1])] for mark in MARK.finditer(text)]
        return bool(found) and all(piece.tag for piece in found) and not MARK.sub("", text).strip()


def clean(source: str) -> str:
    """The source with line ends of one kind and without characters that are not text."""
    return _NO_TEXT.sub("", source.replace("\r\n", "\n").replace("\r", "\n"))


def without_comments(source: str) -> str:
    """The source without Liquid and HTML comments; what is left keeps its line."""
    for start, end in reversed(list(_comments(source))):
        source = source[:start] + "\n" * source.count("\n", start, end) + source[end:]
    end = source.rfind("-->")
    if end < 0:
        return source
    # Behind the last end no comment is looked for, because each look would go on to the end of the text.
    closed = _HTML_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source[: end + 3])
    return closed + source[end + 3 :]


def _comments(source: str) -> Iterator[tuple[int, int]]:
    depth = start = 0
    for found in _PIECE.finditer(source):
        tag = found["tag"] or ""
        if tag == "comment":
            start = start if depth else found.start()
            depth += 1
        elif tag == "endcomment" and depth:
            depth -= 1
            if not depth:
                yield start, found.end()
        elif tag == "#" and not depth:
            yield found.span()


def mark(source: str) -> Marked:
    """The source with its pieces taken out."""
    pieces: list[Piece] = []

    def take(found: re.Match[str]) -> str:
        pieces.append(Piece(found[0], found["output"] or "", found["tag"] or ""))
        return f"{OPEN}{len(pieces) - 1}{CLOSE}"

    return Marked(_PIECE.sub(take, source), tuple(pieces))


def unreadable(source: str) -> tuple[str, int] | None:
    """Why the source is not read at all, and where. To be asked first: the lexers take long over such sources."""
    if len(source) > SOURCE_MAX:
        return f"This is longer than {SOURCE_MAX} characters", SOURCE_MAX
    for begin, end in ENDS.items():
        if source.rfind(begin) > (last := source.rfind(end)):
            return f"Expected {end!r}, found the end", source.find(begin, last + 1)
    total = 0
    for number, (start, stop) in enumerate(_spans(source)):
        total += stop - start
        if trouble := _trouble(source, start, stop):
            return trouble, start
        if number >= PIECES_MAX or total > LIQUID_MAX:
            return f"There are more than {PIECES_MAX} tags, or {LIQUID_MAX} characters of Liquid", start
    return None


def liquid_in(source: str) -> int:
    """How many characters of a source are Liquid, where it has an end for each beginning."""
    return sum(stop - start for start, stop in _spans(source))


def _spans(source: str) -> Iterator[tuple[int, int]]:
    """Where each piece begins and ends, in one walk, as both lexers see it: the first end closes a piece."""
    at = 0
    while begin := _BEGIN.search(source, at):
        end = source.find(ENDS[begin[0]], begin.end())
        if end < 0:
            return
        at = end + 2
        yield begin.start(), at


def _trouble(source: str, start: int, stop: int) -> str:
    if stop - start > PIECE_MAX:
        return f"A tag is longer than {PIECE_MAX} characters"
    if source.count("[", start, stop) > BRACKETS_MAX:
        return f"A tag has more than {BRACKETS_MAX} brackets"
    if max((len(run) for run in _SPACES.findall(source, start, stop)), default=0) > SPACES_MAX:
        return f"A tag has more than {SPACES_MAX} spaces in a row"
    if found := _VERBATIM.match(source, start, stop):
        return f"The tag {found[1]} is not available: what it prints would look half-rendered"
    return ""


def unclosed(source: str) -> int | None:
    """Where the innermost Liquid block begins that is never closed, as a character's index."""
    opened: list[tuple[str, int]] = []
    for found in _PIECE.finditer(source):
        tag = found["tag"] or ""
        if tag in BLOCKS or tag == "comment":
            opened.append((tag, found.start()))
        elif opened and tag == f"end{opened[-1][0]}":
            opened.pop()
    return opened[-1][1] if opened else None
