"""MJML with Liquid in it: what is wrong with a document, and its HTML with the Liquid's marks where they belong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

import css_inline
import mrml

from cocoonmail.emails.pieces import BLOCKS, CLOSE, MARK, OPEN, Marked

Trouble = tuple[str, int, bool]  # message, index in the marked text, whether it is only a warning

_CONTENT = frozenset(
    "mj-text mj-button mj-image mj-divider mj-spacer mj-table mj-raw mj-social mj-navbar mj-accordion "
    "mj-carousel".split()
)
# What may stand in what. Elements that are not keys hold HTML or text, and nothing of MJML.
CHILDREN = {
    "": frozenset({"mjml"}),
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset(
        "mj-attributes mj-breakpoint mj-font mj-html-attributes mj-preview mj-raw mj-style mj-title".split()
    ),
    "mj-body": frozenset("mj-section mj-wrapper mj-hero mj-raw".split()),
    "mj-wrapper": frozenset("mj-section mj-hero mj-raw".split()),
    "mj-section": frozenset("mj-column mj-group mj-raw".split()),
    "mj-group": frozenset("mj-column mj-raw".split()),
    "mj-column": _CONTENT,
    "mj-hero": _CONTENT,
    "mj-social": frozenset({"mj-social-element", "mj-raw"}),
    "mj-navbar": frozenset({"mj-navbar-link", "mj-raw"}),
    "mj-accordion": frozenset({"mj-accordion-element", "mj-raw"}),
    "mj-accordion-element": frozenset("mj-accordion-title mj-accordion-text mj-raw".split()),
    "mj-carousel": frozenset({"mj-carousel-image"}),
}
_ANY_CHILD = frozenset({"mj-attributes", "mj-html-attributes"})
_MJML = frozenset().union(*CHILDREN.values())
# Between the children of these, a Liquid tag can be kept as it is inside an mj-raw.
_LIQUID_BETWEEN = frozenset("mj-body mj-wrapper mj-section mj-group mj-column mj-hero".split())
# Inside these stands HTML, which needs nothing done to it.
_HTML_INSIDE = frozenset(
    "mj-text mj-button mj-table mj-raw mj-social-element mj-navbar-link mj-accordion-title mj-accordion-text".split()
)
# Two letters of Ugaritic, which mrml prints as they are.
_SHELL_OPEN, _SHELL_CLOSE = "\U00010380", "\U00010381"
_SHELL_MARK = re.compile(f"{_SHELL_OPEN}([0-9]+){_SHELL_CLOSE}")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())

_BLOCKED = {
    "script": "Mail programs do not run scripts, and many refuse the message",
    "iframe": "Mail programs do not show frames",
    "frame": "Mail programs do not show frames",
    "frameset": "Mail programs do not show frames",
    "object": "Mail programs do not show embedded objects",
    "embed": "Mail programs do not show embedded objects",
    "applet": "Mail programs do not show embedded objects",
    "base": "A base address would change every link",
    "mj-include": "Files cannot be included; put their content here",
}
_DOUBTFUL = frozenset("form input textarea select button video audio svg math link".split())
_URL_ATTRIBUTES = frozenset(
    "href src srcset background background-url action formaction poster cite longdesc xlink:href".split()
)
_PICTURES = frozenset("src background background-url".split())
_SCHEMES = frozenset("http https mailto tel cid".split())
_LITERAL_URL = re.compile(r"\s*(https?:|mailto:|tel:|#|cid:)", re.IGNORECASE)
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp)[;,]", re.IGNORECASE)
_IGNORED_IN_URL = re.compile(r"[\s\x00-\x20]+")  # by browsers, also in the middle of a scheme
_IN_A_COMMENT = re.compile(f"<\\s*({'|'.join(_BLOCKED)})\\b", re.IGNORECASE)

_TOKEN = re.compile(
    r"<!--.*?-->|<!doctype[^<>]*>"
    r"|</\s*(?P<close>[a-zA-Z][\w:-]*)\s*>"
    r"|<(?P<open>[a-zA-Z][\w:-]*)(?P<attributes>(?:[^<>\"'/]|/(?!>)|\"[^\"<]*\"|'[^'<]*')*)(?P<self>/?)>",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"([^\s=<>\"'/]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))?")

_ATTRIBUTE_VALUE = re.compile(r"(\s[^\s=<>\"'/]+\s*=\s*)(\"[^\"]*\"|'[^']*')")
_COMMON_VALUE = re.compile(r"[ !#-\[\]-~]*")

_BRANCHES = {"else": ("if", "unless", "case", "for"), "elsif": ("if", "unless"), "when": ("case",)}


@dataclass(frozen=True, slots=True)
class _Open:
    """An element or a Liquid block that is not closed yet."""

    name: str
    index: int
    liquid: bool = False


def to_html(document: Marked) -> str:
    """The HTML of an MJML document without troubles; its marks are still in it. Raises NotMjml."""
    text, inline = _without_inline_style(document.text)
    shell = _shell(text)
    options = mrml.RenderOptions(disable_comments=True, fonts={})
    try:
        html = shell.fill(mrml.to_html(shell.text, render_options=options).content)
    except OSError as error:
        raise NotMjml(str(error)) from error
    html = html.replace("<title></title>", "", 1) if html.count("<title>") > 1 else html
    return _with_inline_style(document, html, inline) if inline.strip() else html


class NotMjml(ValueError):
    """The document is not MJML. The message is the parser's."""


def troubles(document: Marked) -> list[Trouble]:
    """What is wrong with a document, in the order of its text."""
    return list(_Reader(document).read())


class _Reader:
    """Reads a document once and reports what it meets."""

    def __init__(self, document: Marked) -> None:
        self.document = document
        self.open: list[_Open] = []

    def read(self) -> Iterator[Trouble]:
        end = 0
        if (comment := self.document.text.rfind("<!--")) > self.document.text.rfind("-->"):
            yield "This comment is never closed", comment, False
            return
        for token in _TOKEN.finditer(self.document.text):
            yield from self.words(end, token.start())
            end = token.end()
            if token["open"]:
                yield from self.opened(token)
            elif token["close"]:
                yield from self.closed(token["close"].lower(), token.start())
            elif token[0].startswith("<!--[if"):
                yield from self.conditional(token)
        yield from self.words(end, len(self.document.text))
        for left in self.open:
            what = f"{{% {left.name} %}}" if left.liquid else f"<{left.name}>"
            yield f"{what} is never closed", left.index, False

    @property
    def parent(self) -> str:
        return next((one.name for one in reversed(self.open) if not one.liquid), "")

    def words(self, start: int, end: int) -> Iterator[Trouble]:
        text = self.document.text[start:end]
        for found in MARK.finditer(text):
            yield from self.liquid(self.document.pieces[int(found[1])].tag, start + found.start())
        stray = text.find("<")
        if stray >= 0:
            yield "This < begins no element; write it as &lt;", start + stray, False
        if self.parent in CHILDREN:
            rest = MARK.sub(lambda found: "" if self.document.pieces[int(found[1])].tag else "x", text)
            if rest.strip():
                inside = f"<{self.parent}>" if self.parent else "the document"
                yield f"Text cannot stand directly in {inside}; put it in an <mj-text>", start, False

    def liquid(self, tag: str, index: int) -> Iterator[Trouble]:
        if tag and self.parent in CHILDREN and self.parent not in _LIQUID_BETWEEN:
            inside = f"<{self.parent}>" if self.parent else "<mjml>"
            yield f"Liquid tags cannot stand directly in {inside}", index, False
        if tag in BLOCKS:
            self.open.append(_Open(tag, index, liquid=True))
        elif tag.startswith("end"):
            if self.innermost_block() == tag[3:]:
                self.open.pop()
            else:
                yield f"{{% {tag} %}} must stand in the same element as its {{% {tag[3:]} %}}", index, False
        elif tag in _BRANCHES and self.innermost_block() not in _BRANCHES[tag]:
            yield f"{{% {tag} %}} must stand in the same element as the tag it belongs to", index, False

    def innermost_block(self) -> str:
        return self.open[-1].name if self.open and self.open[-1].liquid else ""

    def opened(self, token: re.Match[str]) -> Iterator[Trouble]:
        name, parent = token["open"].lower(), self.parent
        yield from self.misplaced(name, parent, token.start())
        yield from self.attributes(name, token)
        if not token["self"] and name not in _VOID:
            self.open.append(_Open(name, token.start()))

    def misplaced(self, name: str, parent: str, index: int) -> Iterator[Trouble]:
        if name in _BLOCKED:
            yield f"<{name}>: {_BLOCKED[name]}", index, False
        elif name in _DOUBTFUL:
            yield f"<{name}>: many mail programs leave it out", index, True
        elif name.startswith("mj") and name not in _MJML | _ANY_CHILD | {"mj-all", "mj-class"}:
            yield f"There is no element <{name}>", index, False
        elif parent in CHILDREN and name not in CHILDREN[parent]:
            places = " or ".join(f"<{place}>" for place, allowed in CHILDREN.items() if name in allowed and place)
            inside = f"directly in <{parent}>" if parent else "outside <mjml>"
            yield f"<{name}> cannot stand {inside}" + (f"; it belongs in {places}" if places else ""), index, False

    def attributes(self, name: str, token: re.Match[str]) -> Iterator[Trouble]:
        text, start = token["attributes"], token.start("attributes")
        for attribute in _ATTRIBUTE.finditer(text):
            index = start + attribute.start()
            if OPEN in attribute[1]:
                yield "Liquid can stand inside an attribute's value or between elements, not here", index, False
                continue
            value = attribute[2] or ""
            if OPEN in value and value[0] not in "\"'":
                yield "An attribute's value with Liquid in it needs quotes around it", index, False
            yield from self.attribute(name, attribute[1].lower(), value.strip("\"'"), index)

    def attribute(self, element: str, name: str, value: str, index: int) -> Iterator[Trouble]:
        yield from self.unbalanced(value, index)
        if name.startswith("on"):
            yield f"{name}: mail programs do not run scripts, and many refuse the message", index, False
        elif name == "srcdoc":
            yield "srcdoc: mail programs do not show frames", index, False
        elif name == "http-equiv" and unescape(value).lower().strip() == "refresh":
            yield "A message cannot send its reader elsewhere by itself", index, False
        elif name in _URL_ATTRIBUTES:
            yield from self.address(name, value, index)

    def unbalanced(self, value: str, index: int) -> Iterator[Trouble]:
        inner: list[str] = []
        for found in MARK.finditer(value):
            tag = self.document.pieces[int(found[1])].tag
            if tag in BLOCKS:
                inner.append(tag)
            elif tag.startswith("end") and (not inner or inner.pop() != tag[3:]):
                inner.append("?")
                break
        if inner:
            yield "A Liquid block in an attribute must begin and end in that attribute", index, False

    def address(self, name: str, value: str, index: int) -> Iterator[Trouble]:
        if any(_forbidden(name, url) for url in (value.split(",") if name == "srcset" else [value])):
            yield f"{name}: only http, https, mailto and tel addresses can be used", index, False
        elif not value.strip():
            yield f"{name} is empty", index, True
        elif OPEN not in value and not _LITERAL_URL.match(value):
            yield f"{name}: {value[:60]!r} is not a whole address, such as https://example.com/page", index, True

    def conditional(self, comment: re.Match[str]) -> Iterator[Trouble]:
        """What stands in a conditional comment is HTML to some."""
        if found := _IN_A_COMMENT.search(comment[0]):
            yield f"<{found[1]}>: {_BLOCKED[found[1].lower()]}", comment.start() + found.start(), False

    def closed(self, name: str, index: int) -> Iterator[Trouble]:
        if name in _VOID:
            return
        if self.open and self.open[-1].liquid and self.parent == name:
            block = self.open.pop()
            yield f"{{% {block.name} %}} must be closed before </{name}>", block.index, False
        if self.open and self.open[-1].name == name and not self.open[-1].liquid:
            self.open.pop()
        elif any(one.name == name for one in self.open):
            while self.open and self.open[-1].name != name:
                left = self.open.pop()
                yield f"<{left.name}> is not closed before </{name}>", left.index, False
            self.open.pop()
        else:
            yield f"</{name}> closes nothing", index, False


def _forbidden(name: str, url: str) -> bool:
    """Whether an address has a scheme other than those that are safe, however it is written down."""
    url = _IGNORED_IN_URL.sub("", unescape(MARK.sub("", url)))
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].lower() in _SCHEMES:
        return False
    return not (name in _PICTURES and _PICTURE.match(url))


@dataclass(slots=True)
class _Shell:
    """The document without what mrml would write down differently: HTML inside elements, and uncommon attributes.

    mrml 0.2 prints attributes as Rust's debugger does: a quote, a backslash, a line end or a joiner as its escape.
    """

    text: str = ""
    contents: list[str] = field(default_factory=list)

    def keep(self, content: str) -> str:
        self.contents.append(content)
        return f"{_SHELL_OPEN}{len(self.contents) - 1}{_SHELL_CLOSE}"

    def value(self, attribute: re.Match[str]) -> str:
        value = attribute[2][1:-1]
        if _COMMON_VALUE.fullmatch(value):
            return attribute[0]
        return f'{attribute[1]}"{self.keep(value.replace(chr(34), "&quot;"))}"'

    def fill(self, html: str) -> str:
        return _SHELL_MARK.sub(lambda found: self.contents[int(found[1])], html)


def _shell(document: str) -> _Shell:
    shell, out, parents, end, token = _Shell(), [""], [""], 0, _TOKEN.search(document)
    while token:
        out += [_raw(document[end : token.start()], parents[-1]), _ATTRIBUTE_VALUE.sub(shell.value, token[0])]
        end = token.end()
        name = (token["open"] or "").lower()
        if name in _HTML_INSIDE and not token["self"]:
            close = re.compile(f"</\\s*{name}\\s*>", re.IGNORECASE).search(document, end)
            stop = close.start() if close else len(document)
            out.append(shell.keep(document[end:stop]))
            end = stop
        if name and not token["self"]:
            parents.append(name)
        elif token["close"]:
            parents.pop()
        token = _TOKEN.search(document, end)
    shell.text = "".join(out) + document[end:]
    return shell


def _raw(text: str, parent: str) -> str:
    if parent not in _LIQUID_BETWEEN:
        return text
    return MARK.sub(lambda found: f"<mj-raw>{found[0]}</mj-raw>", text)


_INLINE_STYLE = re.compile(r"<mj-style\s[^>]*inline=[\"']inline[\"'][^>]*>(.*?)</mj-style>", re.DOTALL | re.IGNORECASE)
_SHIELD = re.compile(f"<!--.*?-->|<style.*?</style>|<title.*?</title>|<[^>]*>|{OPEN}([0-9]+){CLOSE}", re.DOTALL)
_TAGS_BEFORE_ROW = re.compile(
    f"<!--.*?-->|(<table\\b[^>]*>)((?:\\s*{OPEN}[0-9]+{CLOSE})+\\s*<tr\\b)", re.DOTALL | re.IGNORECASE
)
_SHIELDED = re.compile("<!--liquid ([0-9]+)-->")


def _without_inline_style(text: str) -> tuple[str, str]:
    return _INLINE_STYLE.sub("", text), "\n".join(found[1] for found in _INLINE_STYLE.finditer(text))


def _with_inline_style(document: Marked, html: str, css: str) -> str:
    # mrml could inline by itself, but an HTML parser moves text that stands between table rows out of the table.
    # A comment may stand anywhere, so tags travel as comments.
    def shield(found: re.Match[str]) -> str:
        if found[1] is None or not document.pieces[int(found[1])].tag:
            return found[0]
        return f"<!--liquid {found[1]}-->"

    inliner = css_inline.CSSInliner(
        extra_css=css, inline_style_tags=False, keep_style_tags=True, keep_link_tags=True, load_remote_stylesheets=False
    )
    # The parser would open a missing tbody after the tags that stand before the first row.
    inlined = inliner.inline(_SHIELD.sub(shield, _TAGS_BEFORE_ROW.sub(_with_tbody, html)))
    return _SHIELDED.sub(lambda found: f"{OPEN}{found[1]}{CLOSE}", inlined)


def _with_tbody(found: re.Match[str]) -> str:
    return f"{found[1]}<tbody>{found[2]}" if found[1] else found[0]
