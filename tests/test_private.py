"""What an installation writes is for its owner alone, whatever umask the operator's shell has."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import Installation
from tests.shop import FILE, event

pytestmark = [pytest.mark.processes, pytest.mark.one_database]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    """A place where nothing was installed yet, with the umask that most systems have."""
    before = os.umask(0o022)
    empty = Installation(tmp_path)
    # Python itself begins anew: what is forked by the tests has the umask of its parent.
    empty.environment["PYTHONUTF8"] = "1"
    yield empty
    empty.close()
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_data_folder_and_all_that_is_in_it_is_its_owners_alone(house: Installation) -> None:
    house.apply(FILE % "capture")
    house.up()
    assert house.post(event("invoice.paid", "ada@example.com")).status == 200
    house.settled()
    house.until((house.data / "worker-metrics").exists, "had a worker that tells its figures")
    modes = {path.name: mode(path) for path in house.data.iterdir()}
    named = {"secret.key", "epoch", "address", "cocoonmail.sqlite3", "cocoonmail.sqlite3-wal", "cocoonmail.sqlite3-shm"}
    assert modes.keys() >= named
    assert mode(house.data) == 0o700
    assert {name: oct(found) for name, found in modes.items() if found != 0o600} == {}


def test_a_folder_that_exists_keeps_its_mode_and_gets_files_of_its_owners_alone(house: Installation) -> None:
    house.data.mkdir(mode=0o755)
    house.command("migrate")
    assert mode(house.data) == 0o755
    assert {oct(mode(path)) for path in house.data.iterdir()} == {"0o600"}


def test_a_backup_and_what_is_restored_from_it_is_its_owners_alone(house: Installation) -> None:
    house.apply(FILE % "capture")
    file = house.folder / "b.tar.gz"
    house.command("backup", str(file), "--with-key")
    assert mode(file) == 0o600
    other = Installation(house.folder / "other", environment=house.environment)
    other.folder.mkdir()
    other.command("restore", str(file))
    assert mode(other.data) == 0o700
    assert {oct(mode(path)) for path in other.data.iterdir()} == {"0o600"}
