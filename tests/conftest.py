"""What tests share.

COCOONMAIL_TEST_CHANCE=1 has Hypothesis draw other examples at each run, for a night; else they are the same each time.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from cocoonmail.accounts import epoch
from cocoonmail.emails import signing
from cocoonmail.kit.epochfile import EpochFile
from tests import ground, house
from tests.emptied import empty_what_was_filled
from tests.faults.postgres import Server, postgres

# How long an example takes is up to the machine, and no promise.
hypothesis_settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("COCOONMAIL_TEST_CHANCE", "") != "1",
)
hypothesis_settings.load_profile("house")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The database of the tests in this process is one more copy of the foundation."""
    made = house.foundation()
    if ground.POSTGRES:
        house.create_database(ground.DATABASE, made.database)
        return
    shutil.copy(made.data / "cocoonmail.sqlite3", settings.DATA)
    # No test cuts the power, and whatever ends a process leaves what it has written to the kernel.
    connection.settings_dict["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """The same algorithm with fewer rounds; in the processes that tests start it keeps all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 100)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """A test that commits leaves an empty database behind, as it does with Django's flush, and sooner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test: empty_what_was_filled())
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[Server | None]:
    """The PostgreSQL that tests may kill, none on SQLite."""
    if not ground.POSTGRES:
        yield None
        return
    with postgres(ground.folder / "faults") as made:
        yield made


@pytest.fixture(autouse=True)
def no_keys_remembered() -> None:
    """Each test has a database of its own, in which the workspaces have the same ids again."""
    signing._rings.clear()


@pytest.fixture(autouse=True)
def no_database_remembered() -> None:
    """The same for the installation: nothing was sent yet from the test's database."""
    vars(epoch)["_memory"] = epoch._Memory()
    EpochFile(settings.DATA).path.unlink(missing_ok=True)
