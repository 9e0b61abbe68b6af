"""Find contacts among a million: by words, and by the values that a column has."""

from __future__ import annotations

from typing import Literal

from django.db import connection
from django.db.models import Q

from cocoonmail.contacts.models import Contact

VALUES_MAX = 50  # The first ones, in their order

# From each value to the next greater one: one look into the index for each, where DISTINCT would read all of it.
NEXT = """
WITH RECURSIVE used(value) AS (
    SELECT MIN({column}) FROM {table} WHERE workspace_id = %s AND {column} > ''
    UNION ALL
    SELECT (SELECT MIN({column}) FROM {table} WHERE workspace_id = %s AND {column} > used.value)
    FROM used WHERE used.value IS NOT NULL
)
SELECT value FROM used WHERE value IS NOT NULL LIMIT {limit}
"""


def addressed(word: str, contact: str = "") -> Q:
    """Whose address has the word in it; `contact` leads to the contact's columns.

    Each comparison is made a million times: the form that addresses are matched by is in lower case, and only words
    that are not ASCII can be in an address as it is written and not in that form.
    """
    key = Q(**{f"{contact}email_key__contains": word.casefold()})
    return key if word.isascii() else key | Q(**{f"{contact}email__icontains": word})


def called(word: str) -> Q:
    """Whose name has the word in it. Nobody's has an @, and the names of a million people take a second."""
    return Q(pk__in=[]) if "@" in word else Q(first_name__icontains=word) | Q(last_name__icontains=word)


def values_in_use(workspace_id: int, column: Literal["user_group", "source"]) -> list[str]:
    """The values that the workspace's contacts have, "" left out."""
    table = connection.ops.quote_name(Contact._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(NEXT.format(column=column, table=table, limit=VALUES_MAX), [workspace_id, workspace_id])
        return [value for (value,) in cursor.fetchall()]
