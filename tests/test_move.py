"""An installation moves to another database: killed at any moment it goes on, and only one of the two ever sends."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests import ground
from tests.house import Installation, create_database, foundation, url_of
from tests.shop import FILE
from tests.sink import sink
from tests.spawned import spawn
from tests.test_backup import refusal
from tests.test_restored import advance, send

pytestmark = pytest.mark.processes

KILLS = 4
LATEST = 4.0  # Seconds after its start at which a move is killed at the latest
numbers = itertools.count(1)  # Of databases
TABLES = ("intake_delivery", "contacts_contact", "contacts_event", "loops_run", "emails_message")


def one_machine(folder: Path, yaml: str) -> Installation:
    """An installation on SQLite, whatever database the tests are about."""
    folder.mkdir()
    house = Installation(folder)
    if not ground.POSTGRES:
        shutil.copytree(foundation().data, house.data)
    house.apply(yaml)
    return house


def elsewhere(folder: Path) -> tuple[Installation, str]:
    """Where it is to be: on PostgreSQL where the tests are about it, else in another folder; and the URL of that."""
    folder.mkdir()
    if ground.POSTGRES:
        create_database(name := f"moved_{next(numbers)}", "template0")
        return Installation(folder, database_url=url_of(name)), url_of(name)
    house = Installation(folder)
    return house, file_of(house)


def file_of(house: Installation) -> str:
    return f"sqlite:///{house.data}/cocoonmail.sqlite3"


def counts(house: Installation) -> list[tuple[object, ...]]:
    """Enough to see whether a row is missing, or there twice."""
    return [house.rows(f"SELECT count(*), min(id), max(id), sum(id) FROM {table}")[0] for table in TABLES]


def test_a_move_that_is_killed_goes_on_and_only_the_new_place_sends(tmp_path: Path) -> None:
    dice = random.Random(7)
    with sink() as far:
        old = one_machine(tmp_path / "old", FILE % far.url)
        new, target = elsewhere(tmp_path / "new")
        new.data.mkdir()
        shutil.copy(old.data / "secret.key", new.data / "secret.key")
        try:
            old.web()
            advance(old, 1)
            send(old)
            advance(old, 3)
            before = counts(old)
            assert "Cocoonmail runs in" in refusal(old, "move", file_of(old), target)
            assert old.stop("web") == 0

            words = ["cocoonmail", "move", file_of(old), target, "--data", str(old.data)]
            for _ in range(KILLS):
                # Really started, so that it is at work for as long as a kill may come.
                moving = spawn(words, old.environ(), old.folder, fresh=True)
                time.sleep(dice.random() * LATEST)
                moving.kill()
                assert moving.wait() in (-signal.SIGKILL, 0)
            old.command("move", file_of(old), target)
            assert "has everything already" in old.command("move", file_of(old), target)

            assert "was moved to" in refusal(old, "work")
            assert "was moved to" in refusal(old, "up", "--port", str(old.port))
            assert "was moved to" in refusal(old, "resume-sending")
            assert counts(old) == counts(new) == before
            send(new)
            assert len(far.taken) == len(set(far.ids())) == 4
        finally:
            old.close()
            new.close()


def test_a_move_to_a_place_that_is_used_changes_nothing_and_can_be_undone(tmp_path: Path) -> None:
    with sink() as far:
        old = one_machine(tmp_path / "old", FILE % far.url)
        new, target = elsewhere(tmp_path / "new")
        try:
            new.apply(FILE % far.url)
            assert "is not empty" in refusal(old, "move", file_of(old), target)
            assert old.rows("SELECT moved_to FROM accounts_installation") == [("",)]
            old.rows("UPDATE accounts_installation SET moved_to = 'elsewhere'")
            assert "sending: paused: this installation was moved to elsewhere" in old.command("status")
            assert "Undone" in old.command("move", file_of(old), "--undo")
            assert "Sending starts" in old.command("resume-sending")
        finally:
            old.close()
            new.close()
