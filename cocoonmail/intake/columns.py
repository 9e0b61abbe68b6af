"""A delivery's columns as the door writes them; on PostgreSQL a whole batch as one array for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from cocoonmail.intake.models import Delivery, DeliveryState
from cocoonmail.kit.changes import Channel, is_to_be_told
from cocoonmail.kit.pgarrays import Packed, bigints, blobs, execute, flags, integers, jsons, seconds, texts

if TYPE_CHECKING:
    from cocoonmail.intake.receive import Arrived

# The columns that a row brings values for, and those that begin alike in every row.
NAMES = (
    "workspace_id endpoint_id account livemode external_id type api_version occurred_at body headers "
    "clock_ahead received_at state result due_at"
).split()
CONSTANTS = {
    "understood": "''",
    "trouble": "''",
    "customer_key": "''",
    "duplicates": "0",
    "differing": "0",
    "epoch": "0",
    "attempts": "0",
}
# What comes as arrays, and what is made of it. The text is the same for any number of rows, so it is prepared once.
ARRAYS = {
    "workspace_id": "bigint",
    "endpoint_id": "bigint",
    "account": "text",
    "livemode": "bool",
    "external_id": "text",
    "type": "text",
    "api_version": "text",
    "occurred_at": "timestamptz",
    "body": "bytea",
    "headers": "text",
    "clock_ahead": "integer",
    "state": "text",
    "result": "text",
    "due": "bool",
}
MADE = {
    "headers": "headers::jsonb",
    "received_at": "statement_timestamp()",
    "due_at": "CASE WHEN due THEN statement_timestamp() END",
}
INSERT = (
    f"INSERT INTO {Delivery._meta.db_table} ({', '.join([*NAMES, *CONSTANTS])}) "  # noqa: S608 - names of our own
    f"SELECT {', '.join([*(MADE.get(name, name) for name in NAMES), *CONSTANTS.values()])} "
    f"FROM {{}}unnest({', '.join(f'%s::{kind}[]' for kind in ARRAYS.values())}) AS arrived({', '.join(ARRAYS)}) "
    "ON CONFLICT DO NOTHING RETURNING endpoint_id, account, livemode, external_id"
)
QUIETLY = INSERT.format("")
TELLING = INSERT.format(f"(SELECT pg_notify('{Channel.STAGES.value}', '')) AS told, ")
_json = msgspec.json.encode


def insert(connection: psycopg.Connection[Any], arrived: Sequence[Arrived]) -> psycopg.Cursor[Any]:
    """Insert those that are not stored already, in one statement; its rows name those that were not.

    Its commit wakes the workers, if any of them is work.
    """
    work = any(one.triage.state is DeliveryState.WAITING for one in arrived)
    statement = TELLING if work and is_to_be_told(Channel.STAGES) else QUIETLY
    return execute(connection, statement, _packed(arrived))


def _packed(arrived: Sequence[Arrived]) -> list[Packed]:
    """The values of ARRAYS."""
    said = [one.said for one in arrived]
    return [
        bigints([one.workspace_id for one in arrived]),
        bigints([one.endpoint_id for one in arrived]),
        texts([one.account for one in said]),
        flags([one.livemode for one in said]),
        texts([one.id for one in said]),
        texts([one.type for one in said]),
        texts([one.api_version for one in said]),
        seconds([one.created for one in said]),
        blobs([one.body for one in arrived]),
        jsons([_json(one.headers) for one in arrived]),
        integers([one.clock_ahead for one in arrived]),
        texts([one.triage.state.value for one in arrived]),
        texts([one.triage.why for one in arrived]),
        flags([one.triage.state is DeliveryState.WAITING for one in arrived]),
    ]
