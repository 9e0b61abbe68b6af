"""Binary arrays mean to PostgreSQL what the values meant to us, and are prepared where no pooler stands between."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection

from cocoonmail.kit.pgarrays import Packed, bigints, blobs, execute, flags, integers, jsons, seconds, texts

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="speaks PostgreSQL's binary form"),
]

MOMENTS = [-1, 0, 946_684_799, 946_684_800, 1_790_000_000, 2**33]


def database() -> psycopg.Connection[Any]:
    connection.ensure_connection()
    found: psycopg.Connection[Any] = connection.connection
    return found


@pytest.mark.parametrize(
    ("kind", "packed", "values"),
    [
        ("text", texts, ["", "é", 'a,{}"\\', "NULL", "\U0001f40c" * 1000]),
        ("bytea", blobs, [b"", b"\0\xff", b"x" * 100_000]),
        ("bigint", bigints, [0, -1, 2**63 - 1, -(2**63)]),
        ("integer", integers, [0, -1, 2**31 - 1, -(2**31)]),
        ("bool", flags, [True, False, True]),
        ("text", texts, ["one"]),
    ],
)
def test_values_come_out_as_they_went_in(kind: str, packed: Any, values: list[Any]) -> None:
    rows = execute(database(), f"SELECT value FROM unnest(%s::{kind}[]) AS t(value)", [packed(values)])
    assert [row[0] for row in rows.fetchall()] == values


def test_seconds_are_moments() -> None:
    rows = execute(database(), "SELECT value FROM unnest(%s::timestamptz[]) AS t(value)", [seconds(MOMENTS)])
    assert [row[0].astimezone(UTC) for row in rows] == [datetime.fromtimestamp(moment, UTC) for moment in MOMENTS]


def test_json_stays_as_it_was_encoded() -> None:
    rows = execute(
        database(), "SELECT value::jsonb->>'a' FROM unnest(%s::text[]) AS t(value)", [jsons([b'{"a":"\xc3\xa9"}'])]
    )
    assert rows.fetchall() == [("é",)]


def test_the_statement_is_prepared_once_it_was_used_some_times() -> None:
    def prepared(packed: Packed) -> list[tuple[str]]:
        execute(database(), "SELECT count(*) FROM unnest(%s::int8[])", [packed])
        found = database().execute(
            "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%unnest($1::int8%'"
        )
        return found.fetchall()

    assert [len(prepared(bigints(range(size)))) for size in (1, 2, 3)] == [1, 1, 1]
