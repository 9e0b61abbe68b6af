"""Templates that people write can neither reach out of their facts, nor run long, nor print what is not there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from cocoonmail.emails import liquid
from cocoonmail.emails.liquid import Unfilled, fill
from tests.emails.letters import FACTS


def filled(source: str, extra: Mapping[str, Any] | None = None, *, html: bool = False) -> str:
    result = fill(source, {**FACTS, **(extra or {})}, html=html)
    assert isinstance(result, str), result
    return result


def refused(source: str, extra: Mapping[str, Any] | None = None, *, html: bool = False) -> str:
    result = fill(source, {**FACTS, **(extra or {})}, html=html)
    assert isinstance(result, Unfilled), result[:200]
    return result.reason


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hi {{ contact.firstName }}", "Hi Alice"),
        ("{{ contact.lastName | default: 'there' }}", "there"),
        ("{{ contact.plan | default: 'free' }}", "free"),
        ("{{ contact.nickname | upcase | default: 'there' }}", "there"),
        ("{% if contact.lastName %}yes{% else %}no{% endif %}", "no"),
        ("{% if contact.lastName == blank %}blank{% endif %}", "blank"),
        ("{% if contact.lastName != '' %}wrong{% endif %}", ""),
        ("{% if event.attempts > 1 %}wrong{% endif %}", ""),
        ("{% if event.note contains 'x' %}wrong{% endif %}", ""),
        ("{% case contact.plan %}{% when 'pro' %}pro{% else %}other{% endcase %}", "other"),
        ("{% for item in event.lineItems %}{{ item.description }};{% endfor %}", "Seats;R&D <pack>;"),
        ("{{ event.lineItems.size }}", "2"),
        ("{{ event.lineItems | map: 'description' | join: ', ' }}", "Seats, R&D <pack>"),
        ("{{ event.amountPaid | divided_by: 100.0 }}", "19.99"),
        ("{{ '2026-12-03T10:00:00Z' | date: '%-d %B %Y' }}", "3 December 2026"),
        ("{{ 1796292000 | date: '%Y-%m-%d' }}", "2026-12-03"),
        ("{% assign n = 'x' %}{{ n }}{% comment %}{{ nothing }}{% endcomment %}{% # and nothing %}", "x"),
    ],
)
def test_liquid_as_people_know_it(source: str, expected: str) -> None:
    assert filled(source) == expected


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ contact.lastName }}", "contact.lastName"),
        ("{{ contact.plan | upcase }}", "contact.plan"),
        ("{{ 'Dear ' | append: contact.title }}", "contact.title"),
        ("{{ event.lineItems[7].description }}", "event.lineItems[7].description"),
        ("{{ event.a.b.c | default: event.d }}", "event.d"),
        ("{% for item in event.lineItems %}{{ item.price }}{% endfor %}", "item.price"),
    ],
)
def test_a_printed_value_that_is_missing_is_named(source: str, name: str) -> None:
    assert refused(source) == f"{name} has no value and the email gives no fallback"


@pytest.mark.parametrize("source", ["{{ contact }}", "{{ event.lineItems }}", "{{ event.lineItems.first }}"])
def test_a_group_of_values_is_never_printed(source: str) -> None:
    assert "group of values" in refused(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}{% endfor %}",
        "{% for i in (1..1000000000) reversed %}{% endfor %}",
        "{% for i in (1..99) %}" * 5 + "{% endfor %}" * 5,
        "{% for i in (1..6000) %}{% endfor %}{% for i in (1..6000) %}{% endfor %}",
        "{{ (1..100000000) | join }}",
        "{{ (1..100000000) | sort }}",
        "{{ (1..100000000) | reverse }}",
        "{{ (1..event.huge) | join }}",
        "{% assign s = 'aaaaaaaaaaaaaaaa' %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}{{ s }}",
        "{% assign s = 'aaaaaaaaaaaaaaaa' %}{% for i in (1..60) %}{% assign s = s | replace: 'a', s %}{% endfor %}",
        "{% assign s = event.long | split: '' %}{{ s | join: event.long }}",
        "{% assign n = 9999999 %}{% for i in (1..60) %}{% assign n = n | times: n %}{% endfor %}{{ n }}",
        "{{ '1e999999999' | floor }}",
        "{{ event.lineItems | concat: event.lineItems | map: 'description' | join: event.longer }}",
        "{% for i in (1..10000) %}" + "{% if true %} {% endif %}" * 3000 + "{% endfor %}",
        "{% for i in (1..10000) %}" + "{{ event.long | strip }}" * 200 + "{% endfor %}",
        "{% for i in (1..9000) %}" + "a" * 100 + "{% endfor %}",
        "{% for i in (1..200) %}{% capture c %}{{ c }}{{ event.long }}{% endcapture %}{% endfor %}",
    ],
)
def test_a_template_that_burns_time_or_memory_is_stopped(source: str) -> None:
    began = time.process_time()
    facts = {"event": {**FACTS["event"], "huge": 10**9, "long": "x" * 20_000, "longer": "x" * 70_000}}
    assert refused(source, facts)
    # Not a measure of speed: without its guard each of these takes from ten seconds to forever.
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "source",
    [
        "{{ contact.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ settings.SECRET_KEY }}",
        "{{ self }}",
        "{{ now }}",
        "{{ 'now' | date: '%Y' }}",
        "{{ contact.firstName.__init__ }}",
        "{% include 'secret' %}",
        "{% render 'secret' %}",
        "{% liquid echo contact.firstName %}",
    ],
)
def test_a_template_reaches_nothing_but_its_facts(source: str) -> None:
    assert refused(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ event.grid | map: 'a' | size }}", "a list has more than 10000 values"),
        ("{{ '1e5,1' | split: ',' | sum }}", "sum: '1e5' is not a number"),
        ("{% for x in event.lineItems %}{{ forloop | map: 'x' | size }}{% endfor %}", "this is not a list"),
        ("{{ event.long }}", "a value is longer than 65536 characters"),
        ("{{ event.lineItems | upcase }}", "upcase: a group of values is not one value"),
        ("{{ event.lineItems | join: event.lineItems }}", "join: a group of values is not one value"),
        ("{{ event.lineItems | join }}", "join: a group of values is not one value"),
        ("{% if event.lineItems == event.grid %}{% endif %}", "two groups of values cannot be compared"),
        ("{% if 'a' contains event.grid %}{% endif %}", "contains looks for one value, not for a group of them"),
    ],
)
def test_what_no_filter_or_comparison_takes_is_named(source: str, reason: str) -> None:
    event = {**FACTS["event"], "grid": [[0] * 200] * 200, "long": "x" * 70_000}
    assert refused(source + " " * 500, {"event": event}) == reason


def test_the_values_of_a_filter_have_no_names_by_which_its_guards_could_miss_them() -> None:
    assert refused("{{ contact.firstName | replace: seq: 'l', sub: 'x' }}") == "replace: its values have no names"


def test_values_are_escaped_in_html_and_left_alone_in_text() -> None:
    evil = {"contact": {"firstName": "<script>\"&'"}}
    assert filled("{{ contact.firstName }}", evil, html=True) == "&lt;script&gt;&#34;&amp;&#39;"
    assert filled("{{ contact.firstName }}", evil) == "<script>\"&'"


def test_no_way_around_the_escaping() -> None:
    evil = {"contact": {"firstName": "<b>"}}
    for source in (
        "{{ contact.firstName | append: '<i>' }}",
        "{{ '<i>' | append: contact.firstName }}",
        "{% capture x %}{{ contact.firstName }}{% endcapture %}{{ x | append: '<i>' }}",
        "{{ contact.nobody | default: '<i>' }}",
        "{{ '%3Ci%3E' | url_decode }}",
        "{{ contact.firstName | newline_to_br }}",
        "{{ contact.firstName | escape_once }}",
        "{{ contact.firstName | strip_newlines }}",
    ):
        assert "<" not in filled(source, evil, html=True), source
    assert refused("{{ contact.firstName | safe }}", html=True)


def test_control_characters_and_lone_surrogates_are_not_printed() -> None:
    evil = {"contact": {"firstName": "A\x00\x1b[31m\ud800\u0085B\r\nC\tD"}}
    assert filled("{{ contact.firstName }}", evil) == "A[31mB\nC\tD"


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("one\n two {% foo %}", 2, 9),
        ("one\n{{ x | nope }}", 2, 8),
        ("one\n\n {{ x", 3, 2),
        ("{% endif %}", 1, 4),
        ("{% assign event = 1 %}", 1, 11),
        ("{% if true %}{% for contact in event.lineItems %}{% endfor %}{% endif %}", 1, 21),
    ],
)
def test_what_is_no_liquid_is_found_by_line_and_column(source: str, line: int, column: int) -> None:
    fault = liquid.parse(source, False)
    assert isinstance(fault, liquid.Fault)
    assert (fault.line, fault.column) == (line, column)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x" * 400_001, "This is longer than 400000 characters"),
        ("{{a}}" * 2_001, "There are more than 2000 tags, or 40000 characters of Liquid"),
        (f"{{{{ '{'a' * 900}' }}}}" * 50, "There are more than 2000 tags, or 40000 characters of Liquid"),
        (f"{{{{ '{'a' * 1_000}' }}}}", "A tag is longer than 1000 characters"),
        ("{{ a" + " " * 101 + "}}", "A tag has more than 100 spaces in a row"),
        ("{{ " + "a[" * 21 + "1" + "]" * 21 + " }}", "A tag has more than 20 brackets"),
        ("{% doc %}x{% enddoc %}", "The tag doc is not available: what it prints would look half-rendered"),
    ],
)
def test_what_is_too_much_to_read_is_said(source: str, message: str) -> None:
    fault = liquid.parse(source, False)
    assert isinstance(fault, liquid.Fault)
    assert fault.message == message
