"""Connections with PostgreSQL: pages share a few, threads that last keep their own, and none holds the others up."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import Error, OperationalError, connection, connections

from cocoonmail.kit.claims import LEASE

LOCK_SECONDS = 10  # How long a statement waits for a lock
IDLE_SECONDS = 20  # How long a transaction may stand still; a worker that was stopped lets go of its rows then
DEAD_CLIENT = {  # Seconds and counts after which the server lets go of a client whose machine vanished
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
}
POOL_SECONDS = 1.5  # How long a page waits for a connection; then its reader is asked to come again
RETRY_SECONDS = 2.0  # How long the pool itself tries to connect; whoever asks next makes it try again

assert LEASE.total_seconds() > IDLE_SECONDS  # Or rows stayed locked after their lease has ended.
assert POOL_SECONDS < RETRY_SECONDS


class Unfit(OperationalError):
    """The database answers and cannot be used as it is set up. The words say what to do; then all goes on by itself."""


def serve(pages: int = 0) -> None:
    """From now on no statement of this process runs for ever; with `pages`, threads share so many connections.

    For processes that serve for long, before their first connection. Commands, such as migrations, may take their time.
    On SQLite nothing changes. Behind a pooler the limits are the role's own, for a pooler refuses such options.
    """
    if connection.vendor != "postgresql":
        return
    options = connections.settings[connection.alias]["OPTIONS"]
    if not settings.DATABASE_POOLER:
        options["options"] = f"{_limits()} {options.get('options', '')}".strip()
    if pages:
        options["pool"] = {
            "min_size": 0,
            "max_size": pages,
            "timeout": POOL_SECONDS,
            "reconnect_timeout": RETRY_SECONDS,
            "name": "pages",
        }


def keep_connection() -> None:
    """This thread keeps a connection of its own, whatever pages do: for the threads that last. Calling twice is once.

    A connection that has broken is noticed when `close_old_connections` was called before its next use.
    """
    shared = connections.settings[connection.alias]
    if connection.vendor == "postgresql" and connection.settings_dict is shared:
        connection.close()
        options = {name: value for name, value in shared["OPTIONS"].items() if name != "pool"}
        connection.settings_dict = {**shared, "OPTIONS": options, "CONN_MAX_AGE": None}


def drop_idle(error: Error) -> None:
    """After an error of a connection that broke: those that wait in the pool may be broken too."""
    pool = getattr(connection, "pool", None)
    if pool is not None and is_away(error):
        pool.drain()


def is_away(error: Error) -> bool:
    """Whether the database did not answer, rather than refuse a statement (classes 08 and 57P of SQLSTATE)."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("08", "57P"))


def _limits() -> str:
    """As PostgreSQL takes settings of a session when it begins."""
    limits: dict[str, Any] = {
        "statement_timeout": f"{settings.DATABASE_STATEMENT_SECONDS}s",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        **DEAD_CLIENT,
    }
    return " ".join(f"-c {name}={value}" for name, value in limits.items())
