"""A real PgBouncer in transaction mode before the tests' PostgreSQL: each transaction gets another connection."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests import ground
from tests.faults.postgres import ACCOUNT
from tests.house import PATIENCE, free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(
    not (ground.POSTGRES and PROGRAM), reason="NO POOLER: there is no PgBouncer (Debian's package pgbouncer)"
)
SERVERS = 4  # Connections with PostgreSQL, which all clients share: few, so that each is lent to everybody
LIMITS = {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "20s"}
SETTINGS = """
[databases]
* = host={host} port={server_port} user={role}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {servers}
max_client_conn = 200
"""


def role(name: str, **settings: str) -> str:
    """A role that may do what the database's owner may, with these settings of its own; returns its name."""
    ground.server.psql(f"DROP ROLE IF EXISTS {name}")  # Of the test before
    ground.server.psql(f"CREATE ROLE {name} LOGIN IN ROLE cocoonmail")
    for setting, value in settings.items():
        ground.server.psql(f"ALTER ROLE {name} SET {setting.replace('__', '.')} = '{value}'")
    return name


@contextmanager
def pooler(folder: Path, role: str) -> Iterator[int]:
    """One until the end of the block, whose clients are all this role; yields its port."""
    port = free_port()
    folder.mkdir()
    where = urlsplit(ground.server.get_uri())
    host, server_port = parse_qs(where.query).get("host", [where.hostname or ""])[0], where.port or 5432
    account = ACCOUNT if os.geteuid() == 0 else None
    with NamedTemporaryFile("w", suffix=".ini") as told, (folder / "pgbouncer.log").open("ab") as log:
        told.write(SETTINGS.format(host=host, server_port=server_port, role=role, port=port, servers=SERVERS))
        told.flush()
        os.chmod(told.name, 0o644)  # Whoever it runs as may not look into the tests' folder.
        process = subprocess.Popen([str(PROGRAM), told.name], stdout=log, stderr=log, user=account)
        try:
            end = time.monotonic() + PATIENCE
            while not _answers(port):
                assert process.poll() is None, (folder / "pgbouncer.log").read_text()
                assert time.monotonic() < end
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _answers(port: int) -> bool:
    with suppress(psycopg.OperationalError), closing(psycopg.connect(url(port, "postgres"), connect_timeout=5)):
        return True
    return False


def url(port: int, database: str) -> str:
    """The URL of a database behind the pooler."""
    return f"postgresql://anybody@127.0.0.1:{port}/{database}"
