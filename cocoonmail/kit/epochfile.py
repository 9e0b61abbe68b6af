"""What the data folder remembers of the database: how far its sending had got, and that the folder is no copy."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

NAME = "epoch"  # In the data folder
WIDTH = 20  # Digits of a number in the file, so that it can be written over in place
TEXT_MAX = 4096  # Bytes, far more than is ever written
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """How far sending has got: marks are counted within a generation, and a restored database begins a new one."""

    generation: int
    number: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the file says: of which installation, how far, and where the file was when it was made."""

    installation: str
    mark: Mark
    place: str


class EpochFile:
    """The file `epoch`. It is always written over in place: a copy of it has another inode, which is how one knows."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> Known | None:
        """What it says, None where there is none, or one that nothing was written into yet: another process may just
        begin it. Raises ValueError when it makes no sense.
        """
        try:
            with self._opened(os.O_RDONLY, fcntl.LOCK_SH) as file:
                text = os.pread(file, TEXT_MAX, 0)
        except FileNotFoundError:
            return None
        return _known(text) if text else None

    def here(self) -> str:
        """What `place` must be for the file to be where it was made: its inode, and the machine where that is known."""
        return f"{self.path.stat().st_ino} {machine()}".rstrip()

    def write(self, installation: str, mark: Mark) -> None:
        """Make it say this of this place, on disk when this returns. A higher mark of the same installation stays."""
        with self._opened() as file:
            with suppress(ValueError):
                before = _known(os.pread(file, TEXT_MAX, 0))
                mark = max(mark, before.mark) if before.installation == installation else mark
            text = f"{_numbers(mark)}\n{installation}\n{self.here()}\n".encode()
            os.ftruncate(file, os.pwrite(file, text, 0))
            os.fsync(file)

    def raise_to(self, mark: Mark) -> None:
        """Note how far sending has got, unless another process has noted more. Costs some microseconds, no fsync."""
        with self._opened() as file:
            if os.pread(file, 2 * WIDTH + 1, 0).decode() < (numbers := _numbers(mark)):
                os.pwrite(file, numbers.encode(), 0)

    @contextmanager
    def _opened(self, how: int = os.O_RDWR | os.O_CREAT, lock: int = fcntl.LOCK_EX) -> Iterator[int]:
        file = os.open(self.path, how, 0o600)
        try:
            fcntl.flock(file, lock)
            yield file
        finally:
            os.close(file)


def machine() -> str:
    """The machine's id, "" in a container, which gets another machine at each update and is none."""
    if any(mark.exists() for mark in CONTAINER_MARKS):
        return ""
    with suppress(OSError):
        return MACHINE_ID.read_text().strip()
    return ""


def _known(text: bytes) -> Known:
    numbers, installation, place = text.decode().splitlines()
    generation, number = numbers.split()
    return Known(installation, Mark(int(generation), int(number)), place)


def _numbers(mark: Mark) -> str:
    return f"{mark.generation:0{WIDTH}d} {mark.number:0{WIDTH}d}"
