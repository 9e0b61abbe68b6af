"""Promise D3: what was acknowledged before a backup began is in it, whole, whatever comes in meanwhile.

COCOONMAIL_TEST_BACKUPS is how many are made while webhooks come in (100 for a night).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from cocoonmail.platforms.stripe.samples import body
from tests import ground
from tests.house import Installation, create_database, installation, url_of
from tests.shop import FILE, event

pytestmark = pytest.mark.processes

BACKUPS = int(os.environ.get("COCOONMAIL_TEST_BACKUPS", "1"))
SENDERS = 6
PACE = 0.03  # Seconds that a sender rests between two webhooks: some hundred come in a second
PATIENCE = 300.0  # Seconds for a backup, which makes way for webhooks
AT_LEAST = 40  # Webhooks that are acknowledged before a backup begins
STORED = "SELECT external_id, body FROM intake_delivery"


class Senders:
    """Webhooks without end; `acks` are those that were answered 200, by id."""

    def __init__(self, house: Installation) -> None:
        self.house, self.over = house, threading.Event()
        self.acks: dict[str, bytes] = {}
        self.slowest = 0.0

    def send(self) -> None:
        while not self.over.is_set():
            one = event("invoice.paid", f"{os.urandom(4).hex()}@example.com")
            begun, raw = time.monotonic(), body(one)
            if self.house.post_bytes(raw).status == 200:
                self.acks[str(one["id"])] = raw
            self.slowest = max(self.slowest, time.monotonic() - begun)
            time.sleep(PACE)

    def have(self, number: int) -> bool:
        """Whether so many were acknowledged."""
        return len(self.acks) >= number

    @contextmanager
    def sending(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join()


def other(folder: Path, name: str) -> Installation:
    """Another installation that is empty, on the same kind of database."""
    folder.mkdir()
    if ground.POSTGRES:
        create_database(name, "template0")
    return Installation(folder, database_url=url_of(name) if ground.POSTGRES else "")


def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    with installation(tmp_path / "one", FILE % "capture") as house:
        house.web()
        senders = Senders(house)
        kept = []
        with senders.sending():
            for number in range(BACKUPS):
                house.until(partial(senders.have, len(senders.acks) + AT_LEAST), "took webhooks in")
                before, file = dict(senders.acks), tmp_path / f"{number}.tar.gz"
                said = house.command("backup", str(file), patience=PATIENCE)
                assert "It is whole" in said
                assert "secret key is NOT in it" in said
                kept.append((file, before))
        print(f"{len(senders.acks)} acknowledged, the slowest in {senders.slowest:.2f} s")
        for number, (file, before) in enumerate(kept):
            copy = other(tmp_path / f"copy{number}", f"backup_{number}")
            (copy.data).mkdir()
            (copy.data / "secret.key").write_bytes((house.data / "secret.key").read_bytes())
            assert "Sending is paused" in copy.command("restore", str(file))
            stored = {id: bytes(raw) for id, raw in copy.rows(STORED)}
            assert {id: stored.get(id) for id in before} == before
            assert stored.keys() <= senders.acks.keys(), "what was answered after is, if it is there, whole too"


def test_a_restored_installation_works_and_sends_when_it_is_told_to(tmp_path: Path) -> None:
    with installation(tmp_path / "one", FILE % "capture") as house:
        house.web()
        house.post(event("invoice.paid", "ada@example.com"))
        house.module("tests.inside", "advance")
        house.command("backup", str(tmp_path / "b.tar.gz"), "--with-key")
        copy = other(tmp_path / "copy", "backup_works")
        assert "another one than the backup's" not in copy.command("restore", str(tmp_path / "b.tar.gz"))
        copy.hook = house.hook
        try:
            copy.up()
            assert copy.post(event("invoice.paid", "bob@example.com")).status == 200, "the secrets can be read"
            copy.until(lambda: copy.counted("emails_message", "status") == {"queued": 2}, "made a message")
            assert "2 of “Paid”" in copy.command("resume-sending")
            copy.until(lambda: copy.counted("emails_message", "status") == {"captured": 2}, "sent")
        finally:
            copy.close()


def test_a_restore_destroys_nothing_unasked_and_keeps_what_it_replaces(tmp_path: Path) -> None:
    with installation(tmp_path / "one", FILE % "capture") as house:
        file = str(tmp_path / "b.tar.gz")
        house.command("backup", file)
        assert "exists already" in refusal(house, "backup", file)
        house.rows("UPDATE accounts_workspace SET name = 'Newer'")
        assert "--replace takes its place" in refusal(house, "restore", file)
        house.web()
        assert "Stop it first" in refusal(house, "restore", file, "--replace")
        assert house.stop("web") == 0
        assert house.rows("SELECT name FROM accounts_workspace") == [("Newer",)]
        said = house.command("restore", file, "--replace")
        assert house.rows("SELECT name FROM accounts_workspace") == [("Acme",)]
        (kept,) = house.data.glob("*before-restore*")
        assert kept.name in said
        assert not [path for path in house.data.iterdir() if "restoring" in path.name]
        house.web()


def test_nothing_starts_on_a_half_filled_database_nor_is_it_backed_up(tmp_path: Path) -> None:
    with installation(tmp_path / "one") as house:
        house.rows("CREATE TABLE vault_progress (name text)")
        assert "half filled" in refusal(house, "work")
        assert "half filled" in refusal(house, "web", "--port", str(house.port))
        assert "half filled" in refusal(house, "backup", str(tmp_path / "b.tar.gz"))


def test_a_damaged_backup_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    with installation(tmp_path / "one", FILE % "capture") as house:
        good = tmp_path / "b.tar.gz"
        house.command("backup", str(good))
        raw = good.read_bytes()
        middle = len(raw) // 2
        for number, bad in enumerate([raw[:middle], raw[:middle] + b"\0" * 64 + raw[middle + 64 :], b"", b"no tar"]):
            file = tmp_path / f"{number}.bad"
            file.write_bytes(bad)
            copy = other(tmp_path / f"copy{number}", f"backup_bad_{number}")
            assert "Nothing was restored" in refusal(copy, "restore", str(file))
            assert not list(copy.data.glob("*.sqlite3*")) if copy.data.exists() else True


@pytest.mark.one_database
def test_a_full_disk_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    with installation(tmp_path / "one", FILE % "capture") as house:
        done = subprocess.run(
            [sys.executable, "-m", "cocoonmail", "backup", str(tmp_path / "b.tar.gz"), "--data", str(house.data)],
            env=house.environ(),
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        )
        assert done.returncode == 1
        assert "No backup was made" in done.stderr
        assert "Traceback" not in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["one"]


def refusal(house: Installation, *words: str) -> str:
    """What a command that fails says."""
    with pytest.raises(AssertionError) as refused:
        house.command(*words)
    said = str(refused.value)
    assert "Traceback" not in said
    return said
