"""Puts Liquid back into HTML, and gives each merge value the filter that its place asks for.

Everywhere a value is escaped for HTML. One that begins a link's or an image's address must be an http, https, mailto
or tel address as well (`as_url`), and one inside a style may not end it (`as_css`). A value that is not holds the
message: a payment button that leads nowhere is no better than none.
"""

from __future__ import annotations

import re

from cocoonmail.emails.pieces import MARK, Marked

_URLS = frozenset("href src background action formaction poster cite longdesc xlink:href srcset".split())
_PART = re.compile(
    r"<!--(?P<comment>.*?)-->"
    r"|<style(?P<style>[^>]*>.*?)</style>"
    r"|<[a-zA-Z][^\s<>/]*(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"([^\s=<>\"'/]+)(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)")
_SCHEME = re.compile(r"\s*(https?://|mailto:|tel:)", re.IGNORECASE)
_CSS_URL = re.compile(r"url\(\s*['\"]?$", re.IGNORECASE)
_OUTPUT = re.compile(r"^(\{\{-?)(.*?)(-?\}\})$", re.DOTALL)


def restore(document: Marked, html: str) -> str:
    """The HTML as a Liquid template: every mark is its piece again, filtered for where it stands."""
    out, end = [], 0
    for part in _PART.finditer(html):
        out += [document.restore(html[end : part.start()]), _part(document, part)]
        end = part.end()
    return "".join(out) + document.restore(html[end:])


def _part(document: Marked, part: re.Match[str]) -> str:
    if not MARK.search(part[0]):
        return part[0]
    if part["comment"] is not None:
        # Outlook reads the inside of a conditional comment as HTML.
        return f"<!--{restore(document, part['comment'])}-->"
    if part["style"] is not None:
        return f"<style{_css(document, part['style'])}</style>"
    return _ATTRIBUTE.sub(lambda attribute: _attribute(document, attribute), part[0])


def _attribute(document: Marked, attribute: re.Match[str]) -> str:
    name, equals, value = attribute.groups()
    if name.lower() in _URLS:
        return name + equals + value[:1] + _address(document, value[1:-1]) + value[-1:]
    if name.lower() == "style":
        return name + equals + _css(document, value)
    return document.restore(attribute[0])


def _address(document: Marked, value: str) -> str:
    """Filters each value that may decide the scheme: one with no literal scheme before it since the last tag."""
    if _SCHEME.match(value):
        return document.restore(value)
    out, end, settled = [], 0, False
    for found in MARK.finditer(value):
        literal = value[end : found.start()]
        settled = settled or bool(_SCHEME.match(literal))
        piece = document.pieces[int(found[1])]
        out += [literal, piece.source if piece.tag or settled else _filtered(piece.source, "as_url")]
        settled = not piece.tag
        end = found.end()
    return "".join(out) + value[end:]


def _css(document: Marked, value: str) -> str:
    out, end = [], 0
    for found in MARK.finditer(value):
        literal, piece = value[end : found.start()], document.pieces[int(found[1])]
        name = "as_css_url" if _CSS_URL.search(literal) else "as_css"
        out += [literal, piece.source if piece.tag else _filtered(piece.source, name)]
        end = found.end()
    return "".join(out) + value[end:]


def _filtered(source: str, name: str) -> str:
    return _OUTPUT.sub(lambda output: f"{output[1]}{output[2].rstrip()} | {name} {output[3]}", source)
