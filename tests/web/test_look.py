"""Promises of the components, without a browser."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from cocoonmail.web.shared import drawing
from cocoonmail.web.shared.icons import ICONS
from cocoonmail.web.shared.templatetags import look
from cocoonmail.web.shared.tones import STATES, look_of

pytestmark = pytest.mark.one_database

SHARED = Path(look.__file__).parents[1]
TEMPLATES = sorted((SHARED.parent).glob("*/templates/**/*.html"))
# Shown inside an email's frame, where shared/framed.py allows inline styles.
FRAMED = {"unshown.html"}
VENDOR = SHARED / "static" / "cocoonmail" / "vendor"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-10, "just now"),
        (20, "in a moment"),
        (-60, "1 min ago"),
        (-3 * 60, "3 min ago"),
        (-3 * 3600, "3 hours ago"),
        (-86400 * 2, "2 days ago"),
        (5 * 3600, "in 5 hours"),
        (-86400 * 21, "3 weeks ago"),
        (-86400 * 100, "3 months ago"),
        (-86400 * 366, "12 months ago"),
        (-86400 * 800, "2 years ago"),
    ],
)
def test_a_distance_in_time_reads_as_a_person_would_say_it(seconds: float, words: str) -> None:
    assert look.distance(seconds) == words


def test_the_exact_time_is_that_of_the_workspaces_time_zone() -> None:
    with timezone.override("Europe/Oslo"):
        assert look.exact(datetime(2026, 11, 23, 20, 50, 7, tzinfo=UTC)) == "23 Nov 2026, 21:50:07 CET"


def test_a_state_that_nobody_has_described_still_says_its_own_name() -> None:
    assert look_of("half_open") == ("idle", "Half open")


def test_every_state_has_a_tone_that_the_styles_know() -> None:
    assert {state.tone for state in STATES.values()} <= {"good", "info", "warn", "bad", "idle"}


def test_a_component_sees_nothing_of_the_page_but_what_it_is_given() -> None:
    page = Context({"state": "live", "url": "https://leak.example", "counts": [1, 2]})
    drawn = Template('{% part "stat" label="Sent" value="9" %}').render(page)
    assert "leak" not in drawn
    assert "svg" not in drawn


def test_what_comes_from_outside_is_escaped_in_every_component() -> None:
    evil = "\"><script>alert('x')</script>"
    calls = [
        '{% part "copy" value=evil label=evil %}',
        '{% part "code" text=evil label=evil %}',
        "{% badge evil %}",
        '{% part "stat" label=evil value=evil %}',
        "{% card title=evil %}{{ evil }}{% endcard %}",
        "{% note %}{{ evil }}{% endnote %}",
        "{% page_head title=evil about=evil %}{{ evil }}{% endpage_head %}",
        '{% part "step" kind=evil title=evil icon_name=evil %}',
        '{% part "empty" title=evil text=evil action_url=evil action_label=evil %}',
        "{% chart days title=evil noun=evil %}",
        '{% part "danger" id="d" label=evil url=evil title=evil text=evil %}',
    ]
    drawn = Template("".join(calls)).render(Context({"evil": evil, "days": [(evil, 3)]}))
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") >= len(calls)


def test_the_menu_lights_the_section_that_the_page_lies_in_and_no_other() -> None:
    def lit(path: str) -> list[str]:
        return [
            item["name"] for item in look.sections(Context({"request": RequestFactory().get(path)})) if item["here"]
        ]

    assert lit("/") == ["Home"]
    assert lit("/loops/7/people") == ["Loops"]
    assert lit("/loopsided") == []


def test_every_icon_that_a_template_names_is_drawn() -> None:
    named = re.compile(r'{% icon "([a-z-]+)" %}|(?:icon_name|action_icon)="([a-z-]+)"')
    for template in TEMPLATES:
        for name in (one or other for one, other in named.findall(template.read_text())):
            assert name in ICONS, f"{template.name} wants the icon {name}"


def test_no_template_needs_inline_style_or_script() -> None:
    for template in TEMPLATES:
        if template.name in FRAMED:
            continue
        text = template.read_text()
        assert not re.search(r"<[^>]*\s(style|on[a-z]+)=", text), template
        assert not re.search(r"<script(?![^>]*(src=|application/json))", text), template
        assert "<style" not in text, template
        assert not re.search(r"(src|href)=\"(https?:)?//", text), template


def test_the_vendored_files_are_the_ones_that_the_table_names() -> None:
    table = (VENDOR / "VENDORED.md").read_text()
    for name, digest in re.findall(r"^\| (\S+) \|.*\| ([0-9a-f]{64}) \|$", table, re.MULTILINE):
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
    assert set(re.findall(r"^\| (\S+\.js) \|", table, re.MULTILINE)) == {file.name for file in VENDOR.glob("*.js")}


@pytest.mark.parametrize("counts", [[], [0], [7], [0] * 30, [3, 1, 4, 1, 5], [10**9, 1]])
def test_every_row_of_counts_can_be_drawn_within_its_frame(counts: list[int]) -> None:
    line = drawing.sparkline(counts).line
    numbers = [float(number) for number in re.findall(r"[\d.]+", line)]
    assert all(0 <= x <= drawing.WIDTH for x in numbers[::2])
    assert all(0 <= y <= drawing.HEIGHT for y in numbers[1::2])
    bars = drawing.bars([(str(day), count) for day, count in enumerate(counts)])
    assert all(bar.y >= 0 and bar.y + bar.height <= drawing.CHART_HEIGHT + 0.01 for bar in bars)


def test_a_day_with_one_email_is_seen_beside_a_day_with_a_million() -> None:
    assert drawing.bars([("Mon", 1_000_000), ("Tue", 1), ("Wed", 0)])[1].height >= drawing.SMALLEST_BAR


def test_json_is_shown_indented_and_anything_else_as_it_came() -> None:
    assert look.pretty(b'{"a":1}') == '{\n  "a": 1\n}'
    assert look.pretty(b"\xff not json") == "� not json"
    assert look.pretty("[" * 100_000) == "[" * 100_000
