"""Write many rows of one table back with one prepared statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

# Values that every column but a JSON one stores as they are.
PLAIN = {str, int, bool, type(None)}


def update_rows(rows: Sequence[models.Model], fields: Sequence[str], guard: str = "") -> int:
    """Set `fields` of each row to what the object holds; with `guard`, only where that column still has its value.

    Returns how many rows were written. The ORM's bulk_update builds a CASE per field and row, which is ten times
    slower than one UPDATE executed for many rows.
    """
    meta = type(rows[0])._meta
    columns: list[Any] = [meta.get_field(name) for name in fields]
    where: list[Any] = [meta.pk, *([meta.get_field(guard)] if guard else [])]
    quote = connection.ops.quote_name
    statement = "UPDATE {} SET {} WHERE {}".format(  # noqa: S608 - names of our own
        quote(meta.db_table),
        ", ".join(f"{quote(column.column)} = %s" for column in columns),
        " AND ".join(f"{quote(column.column)} = %s" for column in where),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, [[_stored(row, column) for column in [*columns, *where]] for row in rows])
        return int(cursor.rowcount)


def _stored(row: models.Model, column: Any) -> Any:
    value = getattr(row, column.attname)
    if type(value) in PLAIN and not isinstance(column, models.JSONField):
        return value
    return column.get_db_prep_save(value, connection)
