"""Promises R1, R3, S1 and S2 when the power fails: what was not synced is lost, and nothing that was promised."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests import ground
from tests.faults.plan import HOUR, Cut, Full, Step, crashes, cuts
from tests.faults.postgres import Server
from tests.faults.power import needs_compiler
from tests.storm import Storm, storm

pytestmark = pytest.mark.processes

CUTS = 10  # On each database
CRASHES = 5
TRIES = 5  # Power cuts until one shows a guard that was taken out
LEASE = "3"  # Seconds; in the product 30. Who outlives the database's end keeps what it had claimed
SEED = int(os.environ.get("COCOONMAIL_TEST_SEED", random.randrange(1_000_000)))

only_postgres = pytest.mark.skipif(not ground.POSTGRES, reason="SQLite is no server that could end")


@needs_compiler
def test_a_power_cut_at_any_write_loses_nothing_and_doubles_nothing(tmp_path: Path, server: Server | None) -> None:
    with storm(tmp_path, SEED, powered=True, server=server) as raging:
        raging.rage(cuts(random.Random(SEED), CUTS))
        assert raging.findings() == []


@needs_compiler
def test_the_audit_notices_a_database_that_does_not_wait_for_the_disk(tmp_path: Path, server: Server | None) -> None:
    bad = {} if server else {"KNOWN_BAD": "synchronous_normal"}
    with storm(tmp_path, SEED, powered=True, server=server, **bad) as raging:
        if server:
            server.sql(f"ALTER DATABASE {raging.house.database} SET synchronous_commit = off")
        # A disk that happens to be written just before the power fails hides it.
        assert any(loses(raging, Cut(30, 3, SEED + number, survival=0.0)) for number in range(TRIES))


def loses(raging: Storm, cut: Cut) -> bool:
    """Whether a webhook that was acknowledged is not there after one more power cut."""
    raging.rage([cut])
    return any(one.startswith("lost: evt_") for one in raging.findings())


@only_postgres
def test_the_end_of_the_database_in_the_middle_loses_nothing_and_doubles_nothing(
    tmp_path: Path, server: Server
) -> None:
    with storm(tmp_path, SEED, server=server, LEASE=LEASE) as raging:
        raging.rage(crashes(random.Random(SEED), CRASHES))
        assert raging.findings() == []


@needs_compiler
def test_a_clock_that_is_wrong_for_a_while_loses_nothing_and_doubles_nothing(
    tmp_path: Path, server: Server | None
) -> None:
    with storm(tmp_path, SEED, powered=True, server=server, LEASE=LEASE) as raging:
        raging.rage([Step(HOUR, 10), Step(-HOUR, 10)])
        assert raging.findings() == []


@needs_compiler
def test_a_full_disk_loses_nothing_and_doubles_nothing(tmp_path: Path, server: Server | None) -> None:
    with storm(tmp_path, SEED, powered=True, server=server, LEASE=LEASE) as raging:
        raging.rage([Full(10), Full(10)])
        assert raging.findings() == []
        if not server:
            assert raging.house.rows("PRAGMA integrity_check") == [("ok",)]
