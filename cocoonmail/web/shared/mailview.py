"""An email as its reader would see it, before it is sent: merged with chosen facts, or why it cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.template.loader import render_to_string

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.compose import Compiled, Draft, Problem, check, compile_email
from cocoonmail.emails.liquid import fill, names
from cocoonmail.emails.render import Held, Rendered, render
from cocoonmail.emails.transport import server_of

# Stand-ins for what the workspace has not set yet, so that its first preview already looks like a letter.
NO_ADDRESS = "Your postal address"
NO_SENDER = "you@example.com"


@dataclass(frozen=True, slots=True)
class Said:
    """A problem as a page says it: where, what, and in which tone."""

    where: str
    message: str
    tone: str


FIELDS = {
    "preview": "Preview text",
    "from_name": "Sender's name",
    "from_email": "Sender's address",
    "reply_to": "Reply to",
}


def said(problems: Sequence[Problem]) -> list[Said]:
    """The problems as a page says them."""
    return [Said(_where(one), one.message, "warn" if one.warning else "bad") for one in problems]


def _where(problem: Problem) -> str:
    field = FIELDS.get(problem.field, problem.field.capitalize())
    return f"{field}, line {problem.line}" if problem.line else field


@dataclass(frozen=True, slots=True)
class Shown:
    """The finished texts or, in `html` and `trouble`, why there are none. `problems` are for the author."""

    html: str
    text: str = ""
    subject: str = ""
    preview: str = ""
    sender: str = ""
    trouble: str = ""
    problems: Sequence[Said] = ()


def show(draft: Draft, facts: Mapping[str, Any], workspace: Workspace, *, filling_in: bool = False) -> Shown:
    """The email for these facts, which have the shape that emails.render takes.

    `filling_in`: the facts are samples, so a value that they lack is shown by its name in brackets.
    """
    problems = said(check(draft, server_of(workspace)))
    compiled = compile_email(draft, server_of(workspace))
    if not isinstance(compiled, Compiled):
        return _unshown("Nothing to show yet", "The preview comes back when the problems are solved.", problems)
    name, email = compiled.from_name or workspace.sender_name, compiled.from_email or workspace.sender_email
    compiled = replace(compiled, from_name=name, from_email=email or NO_SENDER)
    rendered = render(compiled, facts)
    if isinstance(rendered, Held) and filling_in:
        rendered = render(compiled, _filled_in(compiled, facts))
    if isinstance(rendered, Held):
        subject = fill(compiled.subject, facts, html=False)
        unshown = _unshown("With these values it would be held", f"Why: {rendered.reason}", problems)
        return replace(unshown, subject=subject if isinstance(subject, str) else "")
    return _shown(rendered, problems)


def _filled_in(compiled: Compiled, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts and, for each value that the email names and they lack, its name in brackets."""
    lines = (compiled.subject, compiled.preview, compiled.html, compiled.text)
    paths = [path.split(".") for line in lines for path in names(line)]
    wanted = [path for path in paths if len(path) == 2 and path[0] in ("contact", "event")]
    missing = {root: {name: f"[{name}]" for at, name in wanted if at == root} for root in ("contact", "event")}
    return {**facts, **{root: {**missing[root], **facts.get(root, {})} for root in missing}}


def facts_here(workspace: Workspace, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with this workspace's own name and address in them."""
    own = {"name": workspace.name, "address": workspace.address or NO_ADDRESS}
    return {"unsubscribe_url": "https://example.com/unsubscribe", **facts, "workspace": own}


def _shown(rendered: Rendered, problems: Sequence[Said]) -> Shown:
    name, email = rendered.from_name, rendered.from_email
    return Shown(
        html=rendered.html,
        text=rendered.text,
        subject=rendered.subject,
        preview=rendered.preview,
        sender=f"{name} <{email}>" if name else email,
        problems=problems,
    )


def _unshown(title: str, words: str, problems: Sequence[Said]) -> Shown:
    html = render_to_string("unshown.html", {"title": title, "words": words})
    return Shown(html=html, trouble=words, problems=problems)
