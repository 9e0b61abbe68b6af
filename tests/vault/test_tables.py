"""What is copied: every table and column, in an order and a form that both databases agree on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoonmail.vault.tables import UNSAFE, Column, Table, as_time, canonical, fit_for_postgres, groups, tables, total

pytestmark = pytest.mark.one_database

THING = Table("thing", (Column("id", "int"), Column("name", "text"), Column("facts", "json")), frozenset())


def test_each_table_comes_after_those_that_it_points_at() -> None:
    seen: set[str] = set()
    for group in groups():
        seen |= {table.name for table in group}
        assert all(table.points_at <= seen for table in group), group
    assert len(seen) == len(tables()) > 30


def test_tables_that_point_at_each_other_are_one_group() -> None:
    rings = [{table.name for table in group} for group in groups() if len(group) > 1]
    assert rings == [{"loops_loop", "loops_loopversion"}]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("2026-11-24 20:59:00", "2026-11-24 20:59:00"),
        ("2026-11-24 20:59:00.000000", "2026-11-24 20:59:00"),
        ("2026-11-24 20:59:00.120000", "2026-11-24 20:59:00.120000"),
        ("2026-11-24 20:59:00.12", "2026-11-24 20:59:00.120000"),
    ],
)
def test_a_time_has_one_form(written: str, normal: str) -> None:
    assert as_time(written) == normal


@pytest.mark.parametrize(
    ("one", "other"),
    [('{"b": 1, "a": 2}', '{"a": 2, "b": 1}'), ("1e16", "10000000000000000"), ("-0.0", "0.0"), ("1.50", "1.5")],
)
def test_json_that_postgresql_spells_differently_is_the_same(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


def test_json_that_says_something_else_is_not_the_same() -> None:
    assert len({canonical(text) for text in ('{"a": 1}', '{"a": "1"}', '{"a": true}', '{"a": null}', "{}")}) == 5


def test_the_order_of_rows_does_not_matter_and_everything_else_does() -> None:
    one, other = (1, "a", "{}"), (2, "b", "{}")
    assert total(THING, [one, other]) == total(THING, [other, one])
    assert total(THING, [one, other]) != total(THING, [one, one])
    assert total(THING, [one]) != total(THING, [(1, "a", '{"x": 1}')])
    assert total(THING, [(1, None, "{}")]) != total(THING, [(1, "None", "{}")])


def test_what_postgresql_cannot_hold_is_replaced_and_nothing_else_is_touched() -> None:
    odd = (1, "nul \0 here", json.dumps({"a\0": ["\ud83d", "\U0001f600", 1]}))
    assert fit_for_postgres(THING, odd) == (
        1, f"nul {UNSAFE} here", json.dumps({f"a{UNSAFE}": [UNSAFE, "\U0001f600", 1]}),
    )  # fmt: skip
    fine = (1, "é", json.dumps({"a": "\U0001f600 \\u0000"}))
    assert fit_for_postgres(THING, fine) == fine


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(st.characters(exclude_categories=["Cs"])),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_mending_leaves_nothing_that_postgresql_refuses(value: object) -> None:
    mended = str(fit_for_postgres(THING, (1, "", json.dumps(value)))[2])
    assert "\0" not in str(json.loads(mended))
    mended.encode()
