"""Commands in the wrong folder, or without their database, say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_database


def run(folder: Path, *words: str, database: str = "") -> tuple[int, str]:
    """The exit code, and what was said on both streams."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"COCOONMAIL_DATA": str(folder)} | ({"DATABASE_URL": database} if database else {})
    done = subprocess.run(
        [sys.executable, "-m", "cocoonmail", *words], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [("status",), ("why", "ada@example.com")], ids=" ".join)
def test_a_folder_without_an_installation_is_told_with_the_command_that_makes_one(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, said = run(tmp_path / "typo", *words)
    assert code == 1
    assert "Traceback" not in said
    assert f"The database of {tmp_path / 'typo'} is not one of this version (no such table: " in said
    assert "bin/cocoonmail migrate" in said


def test_a_database_that_does_not_answer_is_told_in_its_words(tmp_path: Path) -> None:
    code, said = run(tmp_path, "status", database="postgres://cocoonmail:secret@127.0.0.1:1/cocoonmail")
    assert code == 1
    assert "Traceback" not in said
    assert said.startswith("The database does not answer: ")
    assert "secret" not in said
