"""What tests make quick for themselves is as slow as it must be in an installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT, installation

pytestmark = [pytest.mark.processes, pytest.mark.one_database]

FULL = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous
ROUNDS = 600_000  # Of PBKDF2 with SHA-256: OWASP's least, 2023
ASKING = """
import django
django.setup()
from django.contrib.auth.hashers import make_password
from django.db import connection
with connection.cursor() as cursor:
    print(cursor.execute("PRAGMA synchronous").fetchone()[0], *make_password("correct horse").split("$")[:2])
"""


def test_what_is_committed_is_on_the_disk_and_passwords_take_their_time(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        asked = [sys.executable, "-c", ASKING]
        said = subprocess.run(asked, env=house.django_environ(), cwd=ROOT, capture_output=True, text=True, check=True)
    synchronous, algorithm, rounds = said.stdout.split()
    assert int(synchronous) == FULL
    assert algorithm == "pbkdf2_sha256"
    assert int(rounds) >= ROUNDS
