"""The tags that pages are drawn with; README.md beside shows each in use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from cocoonmail.web.shared import drawing, tones
from cocoonmail.web.shared.icons import ICONS, TONE_ICONS

register = template.Library()

# (name, path, icon): the menu, in its order.
SECTIONS = [
    ("Home", "/", "home"),
    ("Loops", "/loops", "loop"),
    ("Templates", "/templates", "template"),
    ("Audience", "/audience", "people"),
    ("Events", "/events", "event"),
    ("Integrations", "/integrations", "plug"),
    ("Messages", "/messages", "mail"),
    ("Settings", "/settings", "settings"),
]

# (seconds below which it applies, seconds in one, word)
SPANS = [
    (90 * 60, 60, "min"),
    (36 * 3600, 3600, "hour"),
    (14 * 86400, 86400, "day"),
    (60 * 86400, 7 * 86400, "week"),
    (700 * 86400, 30.44 * 86400, "month"),
    (float("inf"), 365.25 * 86400, "year"),
]
JUST_NOW = 45


@register.simple_tag(takes_context=True)
def sections(context: template.Context) -> list[dict[str, Any]]:
    """The menu's items, each with whether the page that is shown lies within it."""
    request = context.get("request")
    path = str(request.path) if request else ""
    return [{"name": name, "path": to, "icon": icon, "here": within(path, to)} for name, to, icon in SECTIONS]


def within(path: str, section: str) -> bool:
    """Whether a page's path belongs to a section of the menu."""
    return path == section or (section != "/" and path.startswith(section + "/"))


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon as inline SVG, hidden from screen readers: the words beside it say what it means."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"'
        ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        mark_safe(ICONS.get(name, "")),  # noqa: S308 - our own drawings, chosen by name
    )


@register.simple_tag(takes_context=True)
def part(context: template.Context, name: str, **values: Any) -> SafeString:
    """A component: {% part "stat" label="Contacts" value=n %} draws _stat.html, which sees only what is given."""
    return render_to_string(f"_{name}.html", {**carried(context), **values})


def carried(context: template.Context) -> dict[str, Any]:
    """What every component may know of the page: the request, for URLs, and the token that forms carry."""
    return {key: context[key] for key in ("request", "csrf_token") if key in context}


@register.simple_tag
def badge(state: object, word: str = "", tone: str = "") -> SafeString:
    """A state as a badge; see tones.STATES."""
    return render_to_string("_badge.html", {"state": state, "word": word, "tone": tone})


@register.filter
def tone(state: object) -> str:
    """The tone of a state: good, info, warn, bad or idle."""
    return tones.look_of(state).tone


@register.filter
def word(state: object) -> str:
    """The word for a state."""
    return tones.look_of(state).word


@register.filter
def tone_icon(name: str) -> str:
    """The icon that introduces a note of this tone."""
    return TONE_ICONS.get(name, "info")


@register.filter
def note_tone(message: Any) -> str:
    """The tone of one of Django's flash messages."""
    return {"success": "good", "warning": "warn", "error": "bad"}.get(message.level_tag, "info")


@register.filter
def ago(when: datetime | None) -> str:
    """How far a moment is from now, in words: `3 min ago`, `in 2 days`. Only for reading; nothing is decided by it."""
    return distance((when - timezone.now()).total_seconds()) if when else ""


def distance(seconds: float) -> str:
    """Seconds from now (negative: past) in words."""
    far = abs(seconds)
    if far < JUST_NOW:
        return "just now" if seconds <= 0 else "in a moment"
    size, name = next((size, name) for below, size, name in SPANS if far < below)
    number = max(1, round(far / size))
    words = f"{number} {name}" if number == 1 or name == "min" else f"{number} {name}s"
    return f"{words} ago" if seconds < 0 else f"in {words}"


@register.filter
def exact(when: datetime | None) -> str:
    """The exact time in the workspace's time zone, which the middleware has activated: `23 Nov 2026, 20:50:07 CET`."""
    return timezone.localtime(when).strftime("%-d %b %Y, %H:%M:%S %Z") if when else ""


@register.simple_tag(name="time")
def time_tag(when: datetime | None, none: str = "never") -> SafeString:
    """A moment as relative words, its exact time on hover. What follows in the sentence follows at once."""
    return mark_safe(render_to_string("_time.html", {"when": when, "none": none}).strip())  # noqa: S308 - just drawn


@register.simple_tag
def sparkline(counts: Sequence[float], noun: str = "") -> SafeString:
    """Counts over time, oldest first, as a small line."""
    return render_to_string("_sparkline.html", {"spark": drawing.sparkline(list(counts), noun)})


@register.simple_tag
def chart(days: Sequence[tuple[str, int]], title: str = "", noun: str = "") -> SafeString:
    """(day, count) pairs, oldest first, as bars under a title."""
    counts = [count for _, count in days]
    values = {
        "bars": drawing.bars(days, noun),
        "title": title,
        "total": sum(counts),
        "words": drawing.in_words(counts, noun),
    }
    return render_to_string(
        "_chart.html", {**values, "first": days[0][0] if days else "", "last": days[-1][0] if days else ""}
    )


@register.filter
def pretty(value: object) -> str:
    """JSON, indented, if it is JSON; else the text as it is. Takes bytes, text, or a value."""
    raw = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | bytearray | memoryview) else value
    try:
        parsed = json.loads(raw) if isinstance(raw, str) else raw
        return json.dumps(parsed, indent=2, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return str(raw)


@register.filter
def pieces(text: str) -> list[str]:
    """A text cut at spaces: for lists written inside a template."""
    return text.split()


@register.simple_block_tag(takes_context=True)
def page_head(context: template.Context, content: str, title: str, about: str = "", **more: str) -> SafeString:
    """The head of a page around its actions: {% page_head title="…" about="…" %}buttons{% endpage_head %}."""
    return render_to_string(
        "_page_head.html", {**carried(context), "title": title, "about": about, "actions": content, **more}
    )


@register.simple_block_tag
def card(content: str, title: str = "", about: str = "", flush: bool = False, **more: str) -> SafeString:
    """A card around its body: {% card title="…" %}body{% endcard %}. `flush` lets a table reach the edges."""
    return render_to_string("_card.html", {"title": title, "about": about, "body": content, "flush": flush, **more})


@register.simple_block_tag
def note(content: str, tone: str = "info") -> SafeString:
    """Something to know on this page: {% note tone="warn" %}words{% endnote %}."""
    return render_to_string("_note.html", {"body": content, "tone": tone})
