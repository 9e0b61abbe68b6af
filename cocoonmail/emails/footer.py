"""What every email ends with: who sends it and, in marketing, from where and how to stop it.

An email whose body says these things itself, outside of comments, gets only what it left out.
"""

from __future__ import annotations

from cocoonmail.emails.content import Kind

# Between the body and the footer of a plain text; rendering tells an empty body by it.
SEPARATOR = "\n\n--\n"

_LINK = '<a href="{{ unsubscribe_url }}" style="color:#63636b;text-decoration:underline">Unsubscribe</a>'


def html(kind: Kind, written: frozenset[str]) -> str:
    """The footer as an MJML section; `written` are the facts that the body mentions, as dotted paths."""
    lines = _lines(kind, written, "<br />", "workspace.address | newline_to_br", _LINK)
    return (
        '<mj-section padding="0"><mj-column padding="0">'
        '<mj-text css-class="cm-footer" align="center" color="#63636b" font-size="12px" '
        "font-family=\"-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif\" "
        f'line-height="20px" padding="24px 24px 32px">{lines}</mj-text></mj-column></mj-section>'
    )


def text(kind: Kind, written: frozenset[str]) -> str:
    """The footer of the plain-text alternative, with the line that sets it apart where there is something to say."""
    lines = _lines(kind, written, "\n", "workspace.address", "Unsubscribe: {{ unsubscribe_url }}")
    guard = "{% if workspace.name %}", "{% endif %}"
    return f"{guard[0]}{SEPARATOR}{lines}{guard[1]}" if kind is Kind.TRANSACTIONAL else SEPARATOR + lines


def _lines(kind: Kind, written: frozenset[str], newline: str, address: str, link: str) -> str:
    if kind is Kind.TRANSACTIONAL:
        return "{% if workspace.name %}Sent by {{ workspace.name }}{% endif %}"
    name = f"{{% if workspace.name %}}{{{{ workspace.name }}}}{newline}{{% endif %}}"
    rest = [f"{{{{ {address} }}}}"] if "workspace.address" not in written else []
    rest += [link] if "unsubscribe_url" not in written else []
    return name + newline.join(rest)
