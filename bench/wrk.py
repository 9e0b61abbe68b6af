"""Load by wrk: requests prepared beforehand, over keep-alive connections."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.result import CheckFailed

SCRIPT = Path(__file__).with_name("posts.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw. Times in milliseconds."""

    requests: int
    microseconds: int
    refused: int
    broken: int
    p50: float
    p95: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.microseconds * 1e6


def post(port: int, requests: Iterable[bytes], folder: Path, *, connections: int, seconds: int) -> Load:
    """Post the requests for some seconds. Raises CheckFailed when an answer was not 2xx."""
    if shutil.which("wrk") is None:
        raise CheckFailed("wrk is missing; Debian's package wrk brings it.")
    file = folder / "requests.bin"
    with file.open("wb") as out:
        for one in requests:
            out.write(b"%08d" % len(one) + one)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/", "--", str(file)], capture_output=True, text=True, check=False
    )
    file.unlink()
    if done.returncode:
        raise CheckFailed(f"wrk: {done.stdout}{done.stderr}")
    load = Load(**json.loads(done.stdout.strip().splitlines()[-1]))
    if load.refused or load.broken:
        raise CheckFailed(f"{load.refused} requests were refused and {load.broken} connections broke.")
    return load


def http_post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """One request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
