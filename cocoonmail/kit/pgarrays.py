"""Whole columns as PostgreSQL's binary arrays, each one parameter: psycopg would look at every value by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

# An array begins with its dimensions, whether it has NULLs, its elements' type, its length and its lower bound; each
# element with its own length (PostgreSQL's array_send). The numbers of the types are those of pg_type.
_head = Struct("!iiIii").pack
_length = Struct("!i").pack
_eight = Struct("!iq").pack
_four = Struct("!ii").pack
BOOL, BYTEA, INT8, INT4, TEXT, TIMESTAMPTZ = 16, 17, 20, 23, 25, 1184
EPOCH = 946_684_800  # Seconds from 1970 to 2000, where PostgreSQL counts from
TRUE, FALSE = b"\0\0\0\1\1", b"\0\0\0\1\0"


class Packed(bytes):
    """A parameter that is in its binary form already; the statement says its type: `%s::text[]`."""


class _AsItIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        packed: bytes = obj
        return packed


def execute(connection: psycopg.Connection[Any], statement: str, columns: Iterable[Packed]) -> psycopg.Cursor[Any]:
    """Run a statement that takes packed columns, prepared where the connection allows it. Raises psycopg's errors."""
    cursor = psycopg.Cursor(connection)
    cursor.adapters.register_dumper(Packed, _AsItIs)
    return cursor.execute(statement.encode(), list(columns), prepare=True)


def texts(values: Sequence[str]) -> Packed:
    """A text[]. Raises UnicodeEncodeError for half a surrogate pair; PostgreSQL itself refuses NUL."""
    return _of_any_length(TEXT, [value.encode() for value in values])


def blobs(values: Sequence[bytes]) -> Packed:
    """A bytea[]."""
    return _of_any_length(BYTEA, values)


def jsons(values: Sequence[bytes]) -> Packed:
    """A text[] of what is JSON in UTF-8 already."""
    return _of_any_length(TEXT, values)


def bigints(values: Sequence[int]) -> Packed:
    """An int8[]."""
    return Packed(_begin(INT8, values) + b"".join([_eight(8, value) for value in values]))


def integers(values: Sequence[int]) -> Packed:
    """An int4[]."""
    return Packed(_begin(INT4, values) + b"".join([_four(4, value) for value in values]))


def flags(values: Sequence[bool]) -> Packed:
    """A bool[]."""
    return Packed(_begin(BOOL, values) + b"".join([TRUE if value else FALSE for value in values]))


def seconds(values: Sequence[int]) -> Packed:
    """A timestamptz[] of whole seconds since 1970."""
    return Packed(_begin(TIMESTAMPTZ, values) + b"".join([_eight(8, (value - EPOCH) * 1_000_000) for value in values]))


def _of_any_length(type: int, values: Sequence[bytes]) -> Packed:
    pieces = [_begin(type, values)]
    for value in values:
        pieces += (_length(len(value)), value)
    return Packed(b"".join(pieces))


def _begin(type: int, values: Sequence[Any]) -> bytes:
    return _head(1, 0, type, len(values), 1)
