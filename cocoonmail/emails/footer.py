"""What every email ends with: who sends it and, in marketing, from where and how to stop it.

An email whose body says these things itself, outside of comments, gets only what it left out.
"""

from __future__ import annotations

from cocoonmail.emails.content import Kind

_LINK = '<a href="{{ unsubscribe_url }}" style="color:#71717a;text-decoration:underline">Unsubscribe</a>'


def html(kind: Kind, written: frozenset[str]) -> str:
    """The footer as an MJML section; `written` are the facts that the body mentions, as dotted paths."""
    lines = "<br />".join(_lines(kind, written, "workspace.address | newline_to_br", _LINK))
    return (
        '<mj-section padding="0"><mj-column padding="0"><mj-text align="center" color="#71717a" font-size="12px" '
        "font-family=\"-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\" "
        f'line-height="20px" padding="24px 24px 32px">{lines}</mj-text></mj-column></mj-section>'
    )


def text(kind: Kind, written: frozenset[str]) -> str:
    """The footer of the plain-text alternative."""
    return "\n".join(_lines(kind, written, "workspace.address", "Unsubscribe: {{ unsubscribe_url }}"))


def _lines(kind: Kind, written: frozenset[str], address: str, link: str) -> list[str]:
    if kind is Kind.TRANSACTIONAL:
        return ["{% if workspace.name %}Sent by {{ workspace.name }}{% endif %}"]
    lines = ["{% if workspace.name %}{{ workspace.name }}{% endif %}"]
    if "workspace.address" not in written:
        lines.append(f"{{{{ {address} }}}}")
    if "unsubscribe_url" not in written:
        lines.append(link)
    return lines
