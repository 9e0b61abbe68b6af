"""What a template may cost: its own message at most a quarter of a second and 32 MB, and never the worker.

COCOONMAIL_FENCE_SEEDS says how many templates the grammar writes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from liquid.exceptions import ResourceLimitError

from cocoonmail.emails import budget, liquid
from cocoonmail.emails.budget import FencedContext
from cocoonmail.emails.liquid import Unfilled, fill
from tests.emails import hostile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures as Linux counts")

SEEDS = int(os.environ.get("COCOONMAIL_FENCE_SEEDS", "100"))
SECONDS, MEGABYTES = 0.25, 32.0
DEAR_TO_CHECK = ("only less-than", "raws without an end", "a piece of spaces")
CHECK_SECONDS = 4.0  # What an author may wait for, in a request of their own


def cost_of(what: str, sources: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each source costs in a process of its own, by name."""
    jobs = json.dumps([(what, name, source) for name, source in sources.items()])
    burn = [sys.executable, "-m", "tests.emails.burn"]
    done = subprocess.run(burn, input=jobs, capture_output=True, text=True, check=True, timeout=600)
    measured = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(measured) == len(sources), done.stderr
    return {one.pop("name"): one for one in measured}


def too_dear(measured: Mapping[str, dict[str, Any]], seconds: float = SECONDS) -> dict[str, dict[str, Any]]:
    """Those that take too much, or raise, or are ended by the kernel."""
    return {
        name: one
        for name, one in measured.items()
        if one["seconds"] > seconds or one["megabytes"] > MEGABYTES or one["came"].startswith(("raised", "killed"))
    }


@cache
def filled_by_hand() -> dict[str, dict[str, Any]]:
    return cost_of("fill", hostile.BY_HAND)


@pytest.mark.parametrize("name", hostile.BY_HAND)
def test_no_hole_that_somebody_thought_of_takes_long_or_much(name: str) -> None:
    assert not too_dear({name: filled_by_hand()[name]})


def test_the_steps_are_counted_so_well_that_no_clock_is_needed() -> None:
    assert not too_dear(cost_of("steps", hostile.BY_HAND))


def test_no_template_that_the_grammar_writes_takes_long_or_much() -> None:
    measured = cost_of("fill", {case.name: case.source for case in hostile.by_grammar(range(SEEDS))})
    assert not too_dear(measured)
    # Were all of them refused at their first tag, they would prove nothing.
    assert sum(one["came"].startswith("filled") for one in measured.values()) > SEEDS // 20


def test_a_source_is_read_or_refused_in_little_time_and_memory() -> None:
    assert not too_dear(cost_of("read", hostile.TO_READ))


def test_a_whole_message_of_the_dearest_lines_and_bodies_stays_within_its_time() -> None:
    measured = cost_of("message", hostile.MESSAGES)
    assert not too_dear(measured)
    assert {one["came"].split(":")[0] for one in measured.values()} == {"rendered", "held"}


def test_an_author_does_not_wait_long_to_hear_that_a_source_is_hostile() -> None:
    measured = cost_of("check", {name: hostile.TO_READ[name] for name in DEAR_TO_CHECK})
    assert not {name: one for name, one in measured.items() if one["seconds"] > CHECK_SECONDS}


def test_what_the_steps_misjudge_is_stopped_by_the_clock() -> None:
    template = liquid.parse("{{ contact.email }}", False)
    assert not isinstance(template, liquid.Fault)
    context = FencedContext(template)
    context.spend(budget.LOOK_EVERY + 1)
    until = time.thread_time() + budget.TIME_MAX * 1.5
    while time.thread_time() < until:
        pass
    with pytest.raises(ResourceLimitError):
        context.spend(budget.LOOK_EVERY + 1)


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine the clock would stop what the steps allow."""
    monkeypatch.setattr(budget, "TIME_MAX", budget.TIME_MAX * 10)


@pytest.mark.usefixtures("slow_clock")
def test_a_line_of_a_header_has_less_time_than_a_body() -> None:
    rounds = "{% for i in (1..2000) %}{% if i == 1 %}{% endif %}{% endfor %}"
    assert isinstance(fill(rounds, hostile.FACTS, html=False), Unfilled)
    assert isinstance(fill(rounds + "x" * budget.LINE_MAX, hostile.FACTS, html=False), str)


def test_templates_that_are_kept_in_memory_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liquid, "KEPT_MAX", 1_000)
    for number in range(200):
        liquid.parse(f"{{{{ contact.email }}}}{number}", False)
    assert len(liquid._kept) <= 1_000 // len("{{ contact.email }}")


@pytest.mark.usefixtures("slow_clock")
def test_big_events_of_honest_platforms_are_no_trouble() -> None:
    rows = [{"description": f"Seat {number}", "amountDisplay": "€19.00", "quantity": 2} for number in range(800)]
    body = (
        "{% for item in event.rows %}<tr><td>{{ item.description | default: 'Item' }}"
        "{% if item.quantity > 1 %} × {{ item.quantity }}{% endif %}</td><td>{{ item.amountDisplay }}</td></tr>"
        "{% endfor %}{{ event.rows | map: 'description' | join: ', ' | truncate: 80 }}" + " " * 500
    )
    assert isinstance(fill(body, {"event": {"rows": rows}}, html=True), str)
