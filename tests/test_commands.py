"""Commands in the wrong folder, or without their database, say what to do."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cocoonmail.kit.amounts import amount

PATIENCE = 60.0  # Seconds: a process that serves instead of refusing would go on for ever

pytestmark = pytest.mark.one_database


def run(folder: Path, *words: str, database: str = "") -> tuple[int, str]:
    """The exit code, and what was said on both streams."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"COCOONMAIL_DATA": str(folder)} | ({"DATABASE_URL": database} if database else {})
    command = [sys.executable, "-m", "cocoonmail", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


LOOKING = [
    "status",
    "status --json",
    "why ada@example.com",
    "trigger invoice.paid --email ada@example.com",
    "export",
    "doctor",
    "backup b.tar.gz",
    "owner-link",
    "reset-link ada@example.com",
    "backfill",
    "resume-sending",
    "cancel-sending",
    "apply acme.yaml --dry-run",
    "work",
]


@pytest.mark.parametrize("command", LOOKING)
def test_a_mistyped_folder_is_told_with_the_command_that_makes_one_and_is_not_made(
    tmp_path: Path, command: str
) -> None:
    code, said = run(tmp_path / "typo", *command.split())
    assert code == 1
    assert said.startswith(f"No installation is in {tmp_path / 'typo'}: there is no such folder. ")
    assert said.count("\n") == 1
    assert "bin/cocoonmail migrate" in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_gets_neither_key_nor_database(tmp_path: Path) -> None:
    code, said = run(tmp_path, "status")
    assert (code, said.partition(". ")[0]) == (1, f"No installation is in {tmp_path}: it holds no cocoonmail.sqlite3")
    code, said = run(tmp_path, "status", database=f"sqlite:///{tmp_path}/elsewhere.sqlite3")
    assert (code, said.partition(". ")[0]) == (1, f"There is no database at {tmp_path}/elsewhere.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_asked_without_a_folder_here_as_long_as_the_key_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = "postgres://cocoonmail:secret@127.0.0.1:1/cocoonmail"
    code, said = run(tmp_path / "typo", "status", database=server)
    assert (code, "there is no such folder" in said) == (1, True)
    monkeypatch.setenv("COCOONMAIL_SECRET_KEY", "k" * 50)
    code, said = run(tmp_path / "typo", "status", database=server)
    assert (code, said.partition(": ")[0]) == (1, "The database does not answer")
    assert list(tmp_path.iterdir()) == []


def test_a_move_from_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    source, target = (f"sqlite:///{tmp_path}/{name}/cocoonmail.sqlite3" for name in ("typo", "new"))
    for words in ([target], ["--undo"]):
        code, said = run(tmp_path / "unused", "move", source, *words)
        assert code == 1
        assert said.startswith(f"Not moved: There is no database at {tmp_path}/typo/cocoonmail.sqlite3. ")
    (tmp_path / "here.sqlite3").touch()
    code, said = run(
        tmp_path / "unused", "move", f"sqlite:///{tmp_path}/here.sqlite3", target, "--data", str(tmp_path / "typo")
    )
    assert (code, said.partition(". ")[0]) == (1, f"Not moved: There is no folder {tmp_path / 'typo'}")
    assert [path.name for path in tmp_path.iterdir()] == ["here.sqlite3"]


def test_a_refused_restore_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    house, file = tmp_path / "house", tmp_path / "b.tar.gz"
    assert run(house, "migrate")[0] == 0
    assert run(house, "backup", str(file), "--with-key")[0] == 0
    damaged = tmp_path / "damaged.tar.gz"
    with tarfile.open(file) as whole, tarfile.open(damaged, "w:gz") as other:
        for member in whole:
            content = whole.extractfile(member)
            assert content
            raw = content.read()
            other.addfile(member, io.BytesIO(raw[:-1] + b"!" if member.name == "cocoonmail.sqlite3" else raw))
    before = set(tmp_path.iterdir())
    code, said = run(tmp_path / "new" / "data", "restore", str(damaged))
    assert (code, "is damaged" in said) == (1, True)
    assert set(tmp_path.iterdir()) == before
    (kept := tmp_path / "kept").mkdir()
    (kept / "notes").touch()
    assert run(kept, "restore", str(damaged))[0] == 1
    assert [path.name for path in kept.iterdir()] == ["notes"]
    assert run(kept, "restore", str(file))[0] == 0
    assert {"secret.key", "cocoonmail.sqlite3"} <= {path.name for path in kept.iterdir()}
    assert (kept / "secret.key").read_text() == (house / "secret.key").read_text()


def test_a_backup_says_its_size_and_all_that_is_in_it_is_dated_by_it(tmp_path: Path) -> None:
    house, file = tmp_path / "house", tmp_path / "b.tar.gz"
    assert run(house, "migrate")[0] == 0
    code, said = run(house, "backup", str(file), "--with-key")
    assert (code, f" rows, {amount(file.stat().st_size)}, as of " in said) == (0, True)
    with tarfile.open(file) as whole:
        dated = {datetime.fromtimestamp(member.mtime, UTC) for member in whole}
        manifest = whole.extractfile("manifest.json")
        assert manifest
        made_at = json.load(manifest)["made_at"]
    assert [f"{one:%Y-%m-%d %H:%M:%S} UTC" for one in dated] == [made_at]


def test_a_database_that_nobody_has_migrated_is_told_with_the_command_that_does(tmp_path: Path) -> None:
    (tmp_path / "cocoonmail.sqlite3").touch()
    code, said = run(tmp_path, "why", "ada@example.com")
    assert code == 1
    assert "Traceback" not in said
    assert f"The database of {tmp_path} is not one of this version (no such table: " in said
    assert "bin/cocoonmail migrate" in said


def test_a_database_that_does_not_answer_is_told_in_its_words(tmp_path: Path) -> None:
    code, said = run(tmp_path, "status", database="postgres://cocoonmail:secret@127.0.0.1:1/cocoonmail")
    assert code == 1
    assert "Traceback" not in said
    assert said.startswith("The database does not answer: ")
    assert "secret" not in said
