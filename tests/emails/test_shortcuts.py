"""The quick ways through a template and into a message lead to what the slow ones lead to, whatever the facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError, LiquidInterrupt

from cocoonmail.emails import liquid
from cocoonmail.emails.content import Compiled, Draft, Format, Kind
from cocoonmail.emails.liquid import FencedTemplate, Unfilled, _by_the_library, _Limited, fill, parse
from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.quotedprintable import chunk
from cocoonmail.emails.render import Held, Rendered, render, render_encoded
from cocoonmail.loops.gallery import TEMPLATES
from tests.emails.letters import FACTS, MARKDOWN, compiled, text
from tests.emails.test_mime import NASTY, as_lines, assert_well_formed, body, read

SENT = datetime(2026, 12, 3, 9, 30, 1, tzinfo=UTC)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "https://a.test/?x=1&y=2", "javascript:alert(1)", "{{", "{% if %}", "From me", ".", "é"]),
    NASTY,
    st.lists(st.dictionaries(st.sampled_from("abc"), st.text(max_size=5), max_size=2), max_size=3),
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=5), max_size=2),
)
NAMES = st.sampled_from("a b c size first".split())
PATHS = st.one_of(
    st.builds("event.{}".format, NAMES),
    st.builds("event.{}.{}".format, NAMES, NAMES),
    st.builds("one.{}".format, NAMES),
    st.just("event"),
    st.just("event['a']"),
)
FILTERS = st.one_of(
    st.just(""),
    st.sampled_from([' | default: "<none>"', " | default: 'x' | as_url", ' | default: ""', " | default: 1"]),
    st.sampled_from([" | as_url", " | upcase"]),
)
LEAF = st.one_of(
    st.builds("{{{{ {}{} }}}}".format, PATHS, FILTERS),
    st.sampled_from(
        ["<p>plain</p>\n", "=", ".\n", "From here\n", "é", " ", "\n", "x" * 100, "{% assign one = event %}"]
    ),
)


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if {} %}}{}{{% else %}}{}{{% endif %}}".format, PATHS, inner, inner),
        st.builds("{{% if {} %}}{}{{% elsif {} %}}{}{{% endif %}}".format, PATHS, inner, PATHS, inner),
        st.builds("{{% if {} == 1 %}}{}{{% endif %}}".format, PATHS, inner),
        st.builds("{{% for one in event.{} %}}{}{{% endfor %}}".format, NAMES, inner),
        st.builds("{{% for one in event.{} limit:1 %}}{}{{% endfor %}}".format, NAMES, inner),
        st.builds("{{% capture cap %}}{}{{% endcapture %}}{{{{ cap }}}}".format, inner),
    )


SOURCES = st.recursive(LEAF, blocks, max_leaves=8)
EVENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def by_the_library(source: str, facts: dict[str, Any], *, html: bool) -> str | Unfilled:
    template = parse(source, html)
    assert isinstance(template, FencedTemplate)
    try:
        buffer = _Limited()
        _by_the_library(template, facts, buffer, line=False)
        return buffer.getvalue()
    except LiquidInterrupt:
        return Unfilled("break and continue stand outside of a loop")
    except LiquidError as error:
        return Unfilled(str(error.args[0] if error.args else error))


@settings(max_examples=600, deadline=None)
@given(source=SOURCES, event=EVENTS, html=st.booleans())
@example(source="{% for one in event.a %}{{ one.b }}{% endfor %}", event={"a": [{"b": "x"}, {"b": 1}]}, html=True)
@example(source="{{ event.size | default: 'x' }}", event={"a": 1}, html=False)
@example(source="{% if event.a %} {% endif %}", event={"a": "x"}, html=False)
def test_a_shortcut_writes_what_the_library_writes(source: str, event: dict[str, Any], *, html: bool) -> None:
    facts = {"event": event}
    if isinstance(parse(source, html), FencedTemplate):
        assert fill(source, facts, html=html) == by_the_library(source, facts, html=html)


def test_the_plain_parts_of_the_gallery_take_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    monkeypatch.setattr(
        "cocoonmail.emails.shortcuts.Filling.leave_to_the_library", lambda _, node: left.append(str(node))
    )
    for template in TEMPLATES:
        fill(compiled(template.draft).html, {**FACTS, **template.sample}, html=True)
    assert 0 < len(left) < 40
    assert not any(node.startswith("{{ contact.firstName") for node in left)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(NASTY, max_size=6))
def test_pieces_of_quoted_printable_can_stand_together(pieces: list[str]) -> None:
    clean = [as_lines(piece).replace("\x00", "") for piece in pieces]
    encoded = b"".join(map(chunk, clean))
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    part = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded
    assert body(read(part), "plain") == "".join(clean)


DRAFTS = [
    replace(MARKDOWN, body="Dear {{ event.a | default: 'you' }}, **{{ event.b | default: 'x' }}** [Go]({{ event.c }})"),
    replace(
        MARKDOWN,
        kind=Kind.MARKETING,
        body="Dear {{ event.a }}\n\n{% for one in event.b %}\n- {{ one.a | default: '-' }}\n{% endfor %}\n",
    ),
    Draft("S {{ event.a | default: 's' }}", "", text("{{ event.b | default: '.' }}"), Format.MJML, Kind.TRANSACTIONAL),
]


@settings(max_examples=300, deadline=None)
@given(number=st.integers(0, len(DRAFTS) - 1), event=EVENTS)
@example(number=0, event={"a": "{", "b": "x" * 100, "c": "https://a.test/"})
@example(number=2, event={"a": "é" * 80, "b": "." + "=" * 90})
def test_a_message_of_prepared_pieces_reads_like_one_encoded_whole(number: int, event: dict[str, Any]) -> None:
    email = replace(_compiled(number), from_email="hello@acme.test")
    facts = {**FACTS, "event": event}
    whole, quick = render(email, facts), render_encoded(email, facts)
    if isinstance(whole, Held):
        assert quick == whole
        return
    rendered, html = quick if isinstance(quick, tuple) else (quick, b"")
    assert isinstance(rendered, Rendered)
    headers = Headers("<1@acme.test>", SENT, "alice@example.com", "https://a.test/u")
    data = build(rendered, headers, html)
    assert_well_formed(data)
    slow, fast = read(build(whole, headers)), read(data)
    assert slow.items() == fast.items()
    for kind in ("plain", "html"):
        assert body(fast, kind) == body(slow, kind)


def _compiled(number: int) -> Compiled:
    return compiled(DRAFTS[number])


def test_hostile_braces_are_left_to_the_slow_way() -> None:
    email = compiled(replace(MARKDOWN, body="Dear {{ event.a }}"))
    assert isinstance(render_encoded(email, {**FACTS, "event": {"a": "{{ 7 }}"}}), Held)
    assert liquid.fill("{{ event.a }}", {"event": {"a": "<b>"}}, html=True) == "&lt;b&gt;"
