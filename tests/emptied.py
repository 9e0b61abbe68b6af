"""Empty the tables that a test filled, and only those: Django's own flush empties and restocks them all."""

from __future__ import annotations

from django.db import connection, transaction

from cocoonmail.accounts import walls

STOCKED = {"django_content_type", "auth_permission"}  # By the migrations; no test of ours changes them


def empty_what_was_filled() -> None:
    """Delete every row of the models' tables. Foreign keys are deferred, so their order does not matter."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL {walls.SETTING} = '{walls.ALL}'")
        filled = [f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables()]
        cursor.execute(" UNION ALL ".join(filled))
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")


def tables() -> list[str]:
    """The models' tables, without those that are never empty."""
    return sorted(set(connection.introspection.django_table_names(include_views=False)) - STOCKED)
