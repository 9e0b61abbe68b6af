"""Power cuts, wrong clocks and full disks for the processes of one folder, by a library that is loaded into them."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tests import ground

SOURCE = Path(__file__).with_name("power.c")
BOARD = struct.Struct("@QQqII")  # calls, cut_at, clock, off, full: as in power.c
CUT_AT, CLOCK, OFF, FULL = 8, 16, 24, 28  # Bytes from the beginning of the board
BLOCK = 4096  # Bytes that reach a disk together
DERIVED = ("*-shm", "postmaster.pid")  # What whoever starts after a power cut makes anew
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

needs_compiler = pytest.mark.skipif(not COMPILER, reason="NO POWER CUTS: there is no C compiler (cc) to make them with")


@cache
def library() -> Path:
    """The library, compiled once in a session."""
    assert COMPILER
    made = ground.folder / "power.so"
    command = [COMPILER, "-O2", "-shared", "-fPIC", "-Wall", "-o", str(made), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    made.chmod(0o755)
    ground.folder.chmod(0o755)  # For the account that PostgreSQL runs under.
    return made


@dataclass
class Power:
    """The power that processes run on which write to the folder `under`. `beside` is a folder for what this needs."""

    under: Path
    beside: Path
    board: mmap.mmap = field(init=False)

    def __post_init__(self) -> None:
        self.shadows.mkdir(parents=True)
        self.shadows.chmod(0o777)
        file = self.beside / "board"
        file.write_bytes(bytes(BOARD.size))
        file.chmod(0o666)
        with file.open("r+b") as opened:
            self.board = mmap.mmap(opened.fileno(), BOARD.size)

    @property
    def shadows(self) -> Path:
        """What is durable of the files that were written to."""
        return self.beside / "shadows"

    def environment(self) -> dict[str, str]:
        """What a process needs in order to depend on this power."""
        return {
            "LD_PRELOAD": str(library()),
            "FAULTS_BOARD": str(self.beside / "board"),
            "FAULTS_SHADOWS": str(self.shadows),
            "FAULTS_UNDER": f"{self.under.resolve()}/",
        }

    def fail_in(self, calls: int) -> None:
        """Let the power fail at so-many-th write or sync from now, whoever makes it."""
        now, *_ = BOARD.unpack(self.board[:])
        self.board[CUT_AT : CUT_AT + 8] = struct.pack("@Q", now + calls)

    def fail(self) -> None:
        """Let the power fail now."""
        self._flag(OFF, on=True)

    @property
    def failed(self) -> bool:
        """Whether it has."""
        return bool(BOARD.unpack(self.board[:])[3])

    def fill_disk(self, *, full: bool) -> None:
        """Let no file grow, or let them again."""
        self._flag(FULL, on=full)

    def set_clock(self, seconds: float) -> None:
        """Put the clock of the processes forward, or back."""
        self.board[CLOCK : CLOCK + 8] = struct.pack("@q", int(seconds * 1e9))

    def restore(self, survives: Callable[[], bool]) -> None:
        """After the power has failed and everybody is dead: the files as the disk has them, and power again.

        Of the blocks that were not synced those reached the disk all the same for which `survives` says so.
        """
        for file in sorted(self.under.rglob("*")):
            if file.is_file() and (shadow := self.shadows / str(file.stat().st_ino)).exists():
                _add_survivors(file, shadow, survives)
                file.write_bytes(shadow.read_bytes())
        for pattern in DERIVED:
            for left in self.under.rglob(pattern):
                left.unlink()
        for left in self.shadows.iterdir():
            left.unlink()
        self.board[CUT_AT : CUT_AT + 8] = bytes(8)
        self._flag(OFF, on=False)

    def _flag(self, place: int, *, on: bool) -> None:
        self.board[place : place + 4] = struct.pack("@I", on)


def _add_survivors(file: Path, shadow: Path, survives: Callable[[], bool]) -> None:
    dirty = shadow.with_name(f"{shadow.name}.dirty")
    if not dirty.exists():
        return
    blocks = -(-file.stat().st_size // BLOCK)
    with dirty.open("rb") as marks, file.open("rb") as source, shadow.open("r+b") as target:
        for block in (number for number, mark in enumerate(marks.read(blocks)) if mark and survives()):
            source.seek(block * BLOCK)
            target.seek(block * BLOCK)
            target.write(source.read(BLOCK))
