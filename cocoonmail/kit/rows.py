"""Many rows of one table at once: written with one statement, or read so that they stay as they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db import OperationalError, connection, models

# Values that every column but a JSON one stores as they are.
PLAIN = {str, int, bool, type(None)}


# Rows in one INSERT: with 32,766 values, as many as SQLite takes, a table may have 65 columns.
INSERT_MAX = 500


def insert_rows(rows: Sequence[models.Model], *, unless_there: bool = False) -> None:
    """Insert new rows of one table, inside the caller's transaction, and give each its primary key.

    `unless_there`: a row that a unique constraint refuses is left out; then no row gets its key. The ORM's bulk_create
    prepares each value by itself and on SQLite writes forty rows a statement, which takes three times as long.
    """
    for begin in range(0, len(rows), INSERT_MAX):
        part = rows[begin : begin + INSERT_MAX]
        columns = [column for column in type(part[0])._meta.concrete_fields if not column.primary_key]
        ending = "ON CONFLICT DO NOTHING" if unless_there else f"RETURNING {_column(type(part[0]), 'id')}"
        values = zip(*(_column_values(part, column) for column in columns), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_insert(type(part[0]), len(part))} {ending}", [value for of_row in values for value in of_row]
            )
            keys = [] if unless_there else cursor.fetchall()
        for row, (key,) in zip(part, keys, strict=not unless_there):
            row.pk, row._state.adding, row._state.db = key, False, connection.alias


@lru_cache(maxsize=200)
def _insert(model: type[models.Model], rows: int) -> str:
    """INSERT INTO of all columns but the key, with the places for so many rows."""
    columns = [_column(model, one.name) for one in model._meta.concrete_fields if not one.primary_key]
    places = f"({', '.join(['%s'] * len(columns))})"
    table = connection.ops.quote_name(model._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([places] * rows)}"  # noqa: S608 - our own


def _column_values(rows: Sequence[models.Model], column: Any) -> list[Any]:
    """One column of all rows as the database takes it; equal moments are made ready once."""
    values = [getattr(row, column.attname) for row in rows]
    if isinstance(column, models.JSONField):
        return [column.get_db_prep_save(value, connection) for value in values]
    ready: dict[Any, Any] = {}
    for value in values:
        if type(value) not in PLAIN and value not in ready:
            ready[value] = column.get_db_prep_save(value, connection)
    return [ready[value] if type(value) not in PLAIN else value for value in values] if ready else values


def update_rows(
    rows: Sequence[models.Model], fields: Sequence[str], guard: str = "", where: Mapping[str, str] | None = None
) -> int:
    """Set `fields` of each row to what the object holds; with `guard`, only where that column still has its value.

    `where` names columns that must have the values given, the same for all rows.

    Returns how many rows were written. The ORM's bulk_update builds a CASE per field and row, which is ten times
    slower than one UPDATE executed for many rows.
    """
    meta = type(rows[0])._meta
    columns: list[Any] = [meta.get_field(name) for name in fields]
    named: list[Any] = [meta.pk, *([meta.get_field(guard)] if guard else [])]
    fixed = where or {}
    conditions = [column.column for column in named] + [meta.get_field(name).column for name in fixed]  # type: ignore[union-attr]
    quote = connection.ops.quote_name
    statement = "UPDATE {} SET {} WHERE {}".format(  # noqa: S608 - names of our own
        quote(meta.db_table),
        ", ".join(f"{quote(column.column)} = %s" for column in columns),
        " AND ".join(f"{quote(column)} = %s" for column in conditions),
    )
    values = zip(*(_column_values(rows, column) for column in [*columns, *named]), strict=True)
    with connection.cursor() as cursor:
        cursor.executemany(statement, [(*of_row, *fixed.values()) for of_row in values])
        return int(cursor.rowcount)


def read_where(
    model: type[models.Model], columns: Sequence[str], within: Mapping[str, Collection[Any]], *, share: bool = False
) -> list[tuple[Any, ...]]:
    """These columns of the rows whose other columns lie within these values, in the order of their primary keys.

    With `share` nobody can change or delete the rows until the caller's transaction ends. Others can read them so at
    the same time (FOR SHARE), and rows that point at them can be added. On SQLite, whose transaction is the only
    writer, nothing has to be locked. Values come as the driver has them. The ORM takes ten times as long to put the
    same statement together, which counts where it is put together for every few messages.
    """
    if not all(within.values()):
        return []
    statement = "SELECT {} FROM {} WHERE {} ORDER BY {} {}".format(  # noqa: S608 - names of our own
        ", ".join(_column(model, name) for name in columns),
        connection.ops.quote_name(model._meta.db_table),
        " AND ".join(f"{_column(model, name)} IN ({', '.join(['%s'] * len(within[name]))})" for name in within),
        _column(model, "id"),
        "FOR SHARE" if share and connection.features.has_select_for_update else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for values in within.values() for value in values])
        return list(cursor.fetchall())


def was_ring(error: OperationalError) -> bool:
    """Whether this transaction was undone because it and others waited for each other (PostgreSQL: 40P01)."""
    return getattr(error.__cause__, "sqlstate", None) == "40P01"


def _column(model: type[models.Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return connection.ops.quote_name(field.column)
