"""A PostgreSQL of our own, which can be killed in every way, and whose power can fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests import ground
from tests.faults.power import COMPILER, Power
from tests.house import PATIENCE, foundation, free_port, processes

ACCOUNT = "pgserver"  # Whom PostgreSQL runs as where we are root: it refuses to be root
ROLE = "cocoonmail"  # No superuser, as in a house that is well run
OPTIONS = {
    "max_connections": "60",
    "shared_buffers": "16MB",
    "wal_buffers": "1MB",
    # So that checkpoints, too, are met by a power cut.
    "max_wal_size": "16MB",
    "min_wal_size": "5MB",
    "wal_sync_method": "fdatasync",
    "listen_addresses": "127.0.0.1",
}


@dataclass
class Server:
    """One server; its `folder` is left to whoever made it. `power` is what it runs on, where there is a compiler."""

    folder: Path
    port: int = field(default_factory=free_port)
    power: Power | None = None
    process: subprocess.Popen[bytes] | None = None
    databases: int = 0

    @property
    def data(self) -> Path:
        """The cluster."""
        return self.folder / "cluster"

    def database(self) -> str:
        """One more database with an empty, migrated installation; returns its URL."""
        self.databases += 1
        name = f"house_{self.databases}"
        self.sql(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE foundation")
        return self.url(name)

    def url(self, database: str, role: str = ROLE) -> str:
        """The URL of a database, by TCP."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """A new cluster, with a migrated, empty database called foundation."""
        self.folder.mkdir(parents=True)
        if self._account():
            shutil.chown(self.folder, ACCOUNT)
        self._run("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--wal-segsize=1", "-D", str(self.data))
        beside = self.folder / "beside"
        self.power = Power(self.data, beside) if COMPILER else None
        self.start()
        self.sql(f"CREATE ROLE {ROLE} LOGIN")
        self.sql(f"CREATE DATABASE foundation OWNER {ROLE} TEMPLATE template0")
        dumped = self._run("pg_dump", ground.server.get_uri(foundation().database))
        self._run("psql", "-q", "-v", "ON_ERROR_STOP=1", self.url("foundation", "postgres"), said=dumped)

    def start(self) -> None:
        """Start it; returns once it answers, after it has recovered from whatever it has to."""
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        command = [_program("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder), *options]
        environment = {**os.environ, **(self.power.environment() if self.power else {})}
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True, user=self._account()
            )
        self.until_it_answers()

    def until_it_answers(self) -> None:
        """Wait until it takes connections."""
        end = time.monotonic() + PATIENCE
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            with suppress(psycopg.OperationalError):
                self.sql("SELECT 1")
                return
            time.sleep(0.02)

    def end(self, how: str) -> None:
        """End it in a way of `plan.DATABASE_ENDS`, and see to it that it is there again.

        `backend`: one of its processes is killed, whereupon it restarts by itself; `immediate`: pg_ctl's word for a
        stop without a checkpoint; `all`: kill -9 of every process.
        """
        if how == "backend":
            self._kill_a_backend()
            self.until_it_answers()
            return
        if how == "immediate":
            assert self.process is not None
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(PATIENCE)
        else:
            self.kill()
        self.start()

    def _kill_a_backend(self) -> None:
        asked = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        found = self.sql(asked)
        if found:
            with suppress(ProcessLookupError):
                os.kill(found[0][0], signal.SIGKILL)
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of everything. The first stands still, so that nobody is born while the others die."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGSTOP)
        children = [pid for pid, parent, _ in processes() if parent == self.process.pid]
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        end = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < end
            time.sleep(0.005)

    def lose_power(self, survives: Callable[[], bool]) -> None:
        """After the power has failed: the disk as it is then, and a start."""
        assert self.power is not None
        self.kill()
        self.power.restore(survives)
        self.start()

    def sql(self, command: str, database: str = "postgres") -> list[tuple[int, ...]]:
        """Run one command, outside of a transaction."""
        with psycopg.connect(self.url(database, "postgres"), autocommit=True, connect_timeout=60) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    def log(self) -> str:
        """The end of its log."""
        return (self.folder / "postgres.log").read_text(errors="replace")[-4000:]

    def _account(self) -> str | None:
        """Whom it runs as, None for whoever we are."""
        return ACCOUNT if os.geteuid() == 0 else None

    def _run(self, name: str, *words: str, said: str = "") -> str:
        done = subprocess.run(
            [_program(name), *words],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=self._account(),
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return str(done.stdout)


def _program(name: str) -> str:
    return str(ground.server.bin_path / name)


@contextmanager
def postgres(folder: Path) -> Iterator[Server]:
    """One until the end of the block."""
    server = Server(folder)
    try:
        server.make()
        yield server
    finally:
        server.kill()
