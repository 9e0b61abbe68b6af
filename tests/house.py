"""A whole installation under test: its own data folder and database, the real processes, and what they leave behind."""

from __future__ import annotations

import functools
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

from cocoonmail.accounts import walls
from cocoonmail.platforms.stripe.samples import body
from tests import ground, ports, spawned
from tests.fake_stripe.webhooks import HEADERS, post, signed
from tests.shop import SECRET
from tests.spawned import Process

ROOT = Path(__file__).resolve().parents[1]
# Seconds until a test gives up; where all is well, nothing waits for it. A machine that is very busy needs more.
PATIENCE = float(os.environ.get("COCOONMAIL_TEST_PATIENCE", "60"))
LOOK_EVERY = 0.02  # Seconds
STOP_SECONDS = 30.0  # Longer than a graceful stop may take
LOG_LINES = 80
DELIVERIES_MAX = 5  # Of one webhook
RETRY_AFTER = 1.0  # Seconds

Found = TypeVar("Found")
free_port = ports.free_port


class Answer(NamedTuple):
    """What the door answered: the status, None where nothing answered, and its JSON."""

    status: int | None
    content: dict[str, Any]


@dataclass
class Installation:
    """A data folder and the processes that work on it. `program` is the module that is run as the command line."""

    folder: Path
    database_url: str = ""
    program: str = "cocoonmail"
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    hook: str = ""
    processes: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Where the pages are, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """The name of its database, on PostgreSQL."""
        return urlsplit(self.database_url).path.strip("/")

    # Commands

    def command(self, *words: str, said: str = "", patience: float = PATIENCE) -> str:
        """Run one command to its end, `said` on its standard input; returns what it printed."""
        whole = [self.program, *words, "--data", str(self.data)]
        done = spawned.run(whole, self.environ(), self.folder, said, patience)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, yaml: str) -> str:
        """Make the workspace look like the file; returns what was printed. Webhooks go to its last endpoint."""
        printed = self.command("apply", "-", said=yaml)
        self.hook = urlsplit(printed.split()[-1]).path
        return printed

    def module(self, *words: str) -> None:
        """Run a module of the tests to its end, in this installation's Django."""
        done = spawned.run(list(words), self.django_environ(), ROOT, patience=PATIENCE)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"

    def status(self) -> dict[str, Any]:
        """What `status --json` prints."""
        counts: dict[str, Any] = json.loads(self.command("status", "--json"))
        return counts

    def why(self, email: str, *words: str) -> str:
        """What `why` says of an address."""
        return self.command("why", email, *words)

    # Processes

    def up(self) -> None:
        """Everything under its supervisor; returns once the pages answer."""
        self.start("up", "--port", str(self.port))
        self.until(self.answers, "answered")

    def web(self) -> None:
        """The web process alone; returns once it answers."""
        self.start("web", "--port", str(self.port))
        self.until(self.answers, "answered")

    def work(self) -> None:
        """The worker process alone."""
        self.start("work")

    def start(self, name: str, *words: str, called: str = "") -> None:
        """Start a process without waiting for it. Its output is added to its log. `called` tells it from its like."""
        whole = [self.program, name, *words, "--data", str(self.data)]
        with (self.folder / f"{called or name}.log").open("ab") as log:
            self.processes[called or name] = spawned.spawn(
                whole, self.environ(), self.folder, stdout=log, stderr=log, fresh=name == "up"
            )

    def kill(self, name: str) -> None:
        """kill -9, for a process that was started here or by the supervisor."""
        process = self.processes.pop(name, None)
        if process is None:
            id = self.child(name)
            os.kill(id, signal.SIGKILL)
            self.until(lambda: id not in self.children().values(), f"was rid of its {name} process")
            return
        process.kill()
        process.wait()

    def child(self, name: str) -> int:
        """The process id of the supervisor's web or work."""
        return self.until(lambda: self.children().get(name, 0), f"had a {name} process")

    def children(self) -> dict[str, int]:
        """The supervisor's processes, by the command that each of them runs."""
        supervisor = self.processes["up"].pid
        return {
            words[words.index("-m") + 2]: pid
            for pid, parent, words in processes()
            if parent == supervisor and "-m" in words
        }

    def stop(self, name: str) -> int:
        """SIGTERM; returns the exit code."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(STOP_SECONDS)

    def close(self) -> None:
        """Leave no process behind, whatever state it is in."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.processes.clear()

    # The outside

    def answers(self) -> bool:
        """Whether the web process answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/unsubscribe/nothing")
            return connection.getresponse().status == 404
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def post(self, event: dict[str, Any], secret: str = SECRET) -> Answer:
        """Send a webhook as Stripe would, signed now."""
        return self.post_bytes(body(event), secret)

    def deliver(self, event: dict[str, Any]) -> Answer:
        """Send a webhook, and again where it is asked for (503), as Stripe does: by a door whose disk was too slow."""
        for _ in range(DELIVERIES_MAX):
            if (answer := self.post(event)).status != 503:
                break
            time.sleep(RETRY_AFTER)
        return answer

    def post_bytes(self, raw: bytes, secret: str = SECRET) -> Answer:
        """Send these bytes as a webhook, signed now."""
        headers = HEADERS | {"Stripe-Signature": signed(raw, [secret], int(time.time()), test=True)}
        status, text, _ = post(self.url + self.hook, raw, headers, PATIENCE)
        return Answer(status, json.loads(text) if text else {})

    # The inside

    def rows(self, sql: str, patience: float = 20.0) -> list[tuple[Any, ...]]:
        """Ask the database itself, beside the application; locks are waited for so many seconds."""
        if self.database_url:
            import psycopg

            # All workspaces' rows, whichever walls stand between them.
            options = f"-c lock_timeout={patience * 1000:.0f} -c {walls.SETTING}={walls.ALL}"
            with psycopg.connect(self.database_url, autocommit=True, options=options) as asked:
                cursor = asked.execute(sql.encode())
                return cursor.fetchall() if cursor.description else []
        file = self.data / "cocoonmail.sqlite3"
        with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as database:
            return database.execute(sql).fetchall()

    def counted(self, table: str, column: str) -> Counter[str]:
        """How many rows of a table have each value of a column."""
        return Counter(dict(self.rows(f"SELECT {column}, count(*) FROM {table} GROUP BY {column}")))

    def idle(self) -> bool:
        """Whether everything that came in has come to its end. Loops that wait for a time never do."""
        return self.left() == 0

    def left(self, beyond: float = 0) -> int:
        """How many rows have not come to their end; with `beyond`, of those that are due in more seconds than that."""
        which = (
            f" AND due_at > '{datetime.now(UTC) + timedelta(seconds=beyond):%Y-%m-%d %H:%M:%S}+00'" if beyond else ""
        )
        return int(self.rows(LEFT.format(which))[0][0])

    def end_leases(self) -> None:
        """Let what a dead worker held be due now, instead of half a minute later. No worker may be alive."""
        for table in ("intake_delivery", "intake_backfill", "loops_run", "emails_message"):
            self.rows(LEASES_OVER.format(table))

    def until(self, condition: Callable[[], Found], what: str, patience: float = PATIENCE) -> Found:
        """Wait for something true and return it. A failure comes with the processes' logs."""
        end = time.monotonic() + patience
        while not (found := condition()):
            gone = [name for name, process in self.processes.items() if process.poll() is not None]
            if gone or time.monotonic() > end:
                ending = f"{', '.join(gone)} ended by itself" if gone else f"after {patience:g} s"
                raise AssertionError(f"It never {what}: {ending}.\n{self.logs()}")
            time.sleep(LOOK_EVERY)
        return found

    def settled(self) -> None:
        """Wait until all that came in has come to its end."""
        self.until(self.idle, "came to an end with what it was given")

    def logs(self) -> str:
        """The ends of the processes' logs."""
        tails = []
        for log in sorted(self.folder.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            tails.append("\n".join([f"--- {log.name}", *lines]))
        return "\n".join(tails)

    def environ(self) -> dict[str, str]:
        """The environment of this installation's processes: nothing of ours but where the code is."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COCOONMAIL_", "PYTHON"))}
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        kept.pop("DATABASE_URL", None)
        if self.database_url:
            kept["DATABASE_URL"] = self.database_url
        return kept | {"PYTHONPATH": str(ROOT), "COCOONMAIL_URL": self.url} | self.environment

    def django_environ(self) -> dict[str, str]:
        """The environment of a program that is not the command line and chooses no installation itself."""
        return self.environ() | {"COCOONMAIL_DATA": str(self.data), "DJANGO_SETTINGS_MODULE": "cocoonmail.settings"}


LEASES_OVER = "UPDATE {} SET due_at = '2000-01-01 00:00:00' WHERE due_at IS NOT NULL"
LEFT = """SELECT
    (SELECT count(*) FROM intake_delivery WHERE state = 'waiting'{0}) +
    (SELECT count(*) FROM intake_backfill WHERE state = 'working'{0}) +
    (SELECT count(*) FROM loops_run WHERE state = 'waiting'{0}) +
    (SELECT count(*) FROM emails_message WHERE status IN ('queued', 'sending'){0})"""


@contextmanager
def installation(
    folder: Path, yaml: str = "", *, database_url: str | None = None, **options: Any
) -> Iterator[Installation]:
    """One with an empty, migrated database, and what the file asks for; its processes end with the block.

    `database_url` names such a database where there is one already. What goes wrong inside is shown with the logs.
    """
    shutil.copytree(foundation().data, folder / "data")
    url = own_database() if database_url is None else database_url
    house = Installation(folder, database_url=url, **options)
    try:
        if yaml:
            house.apply(yaml)
        yield house
    except BaseException as error:
        error.add_note(house.logs())
        raise
    finally:
        house.close()


_numbers = itertools.count(1)


def own_database() -> str:
    """A copy of the foundation's database; returns its URL, "" on SQLite, where it is in the data folder."""
    made = foundation()
    if not made.database_url:
        return ""
    name = f"house_{next(_numbers)}"
    create_database(name, made.database)
    return url_of(name)


@functools.cache
def foundation() -> Installation:
    """A migrated, empty installation: made once in a session, for migrating takes longer than most tests."""
    folder = ground.folder / "foundation"
    folder.mkdir()
    url = ""
    if ground.POSTGRES:
        create_database("foundation", "template0")
        url = url_of("foundation")
    house = Installation(folder, database_url=url)
    house.command("migrate")
    return house


def create_database(name: str, template: str) -> None:
    """One more database in the tests' PostgreSQL."""
    _command(f"CREATE DATABASE {name} TEMPLATE {template}")


def drop_database(name: str) -> None:
    """One less, whoever is still connected with it.

    FORCE would be refused beside the server's own vacuuming, which the plain command ends by itself.
    """
    _command(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename = user")
    _command(f"DROP DATABASE {name}")


def _command(sql: str) -> None:
    import psycopg

    with psycopg.connect(ground.database_url, autocommit=True) as connection:
        connection.execute(sql.encode())


def url_of(database: str) -> str:
    """The URL of a database in the tests' PostgreSQL."""
    return urlunsplit(urlsplit(ground.database_url)._replace(path=f"/{database}"))


def processes() -> Iterator[tuple[int, int, list[str]]]:
    """Every process: its id, its parent's, and its command line; the dead have none."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
        for pid, parent, *words in map(str.split, listed.stdout.splitlines()):
            yield int(pid), int(parent), words
        return
    for found in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # It ended meanwhile.
            parent = (found / "stat").read_text().rpartition(")")[2].split()[1]
            yield int(found.name), int(parent), (found / "cmdline").read_bytes().decode().split("\0")[:-1]


def link_in(text: str, path: str) -> str:
    """The first link in a text whose path begins so, as a path."""
    found = re.search(rf"https?://[^\s/\"<>]+({re.escape(path)}[^\s\"<>]*)", text)
    assert found, f"There is no link to {path} in: {text}"
    return found[1]
