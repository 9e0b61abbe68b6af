"""Workers that end at a chosen point of their way, and web processes: `python -m tests.doom`, told by lines on stdin.

A passing is one SQL statement, one row of a statement for many, a commit, or a piece of what is said to the mail
server. It has two points: before it, and after it really happened (bytes: after the system has them). Each process is
forked from one that has imported everything, which takes some milliseconds instead of a second.
KNOWN_BAD takes a guard out (tests.known_bad), POISON brings faults in (tests.poison); LEASE makes leases as short as so
many seconds.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

# The placeholders of a list or of rows, whose number depends on how much was written at once; one is a list as well.
MANY = re.compile(r"%s(\)?, \(?%s)*")
WARM = 10  # Messages that are written before the first worker is forked
SAVEPOINT = re.compile(r'"s\d+_x\d+"')


class Point(NamedTuple):
    """The n-th passing of one kind, counted from 1, and which side of it."""

    what: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} no. {self.nth} of {self.what}"


class Way:
    """What a worker passes. At `end` it gets a signal; every passing is a line in `book`, if there is one."""

    def __init__(self, end: Point | None, number: int, book: str) -> None:
        self.end, self.number = end, number
        self.passed: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.book = os.open(book, os.O_CREAT | os.O_APPEND | os.O_WRONLY) if book else None

    @contextmanager
    def passing(self, what: str) -> Iterator[None]:
        """Around whatever is passed, on the thread that does."""
        what = f"{threading.current_thread().name}: {' '.join(what.split())}"  # A line, though it may be of several
        with self.lock:
            self.passed[what] += 1
            nth = self.passed[what]
        if self.book is not None:
            os.write(self.book, f"{what}\n".encode())
        self.at(Point(what, nth, after=False))
        yield
        self.at(Point(what, nth, after=True))

    def at(self, point: Point) -> None:
        """Nothing runs behind the point: who sends itself SIGKILL or SIGSTOP gets it before the call returns."""
        if point == self.end:
            os.kill(os.getpid(), self.number)

    def rows(self, what: str, rows: Iterable[Any]) -> Iterator[Any]:
        """The rows of a statement for many, which is executed for one after the other."""
        for row in rows:
            with self.passing(f"a row of {what}"):
                yield row


def watch(way: Way) -> None:
    """Let every statement and all that is said to a mail server pass by `way`."""
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.signals import connection_created

    from cocoonmail.transports.smtp.wire import Wire

    def statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        what = SAVEPOINT.sub("a", MANY.sub("%s…", sql))
        with way.passing(what):
            return execute(sql, way.rows(what, params) if many else params, many, context)

    def connected(connection: BaseDatabaseWrapper, **_: Any) -> None:
        connection.execute_wrappers.append(statement)

    def around(name: str) -> None:
        inner = getattr(BaseDatabaseWrapper, name)

        def passed(self: BaseDatabaseWrapper) -> Any:
            with way.passing(name):
                return inner(self)

        setattr(BaseDatabaseWrapper, name, passed)

    connection_created.connect(connected, weak=False)
    for name in ("connect", "_commit", "_rollback"):
        around(name)
    say = Wire.write

    def write(self: Wire, data: bytes) -> None:
        for what, piece in pieces(data):
            with way.passing(what):
                say(self, piece)
                assert not self._transport.get_write_buffer_size(), "the system did not take it at once"

    Wire.write = write  # type: ignore[method-assign]


def pieces(data: bytes) -> list[tuple[str, bytes]]:
    """What is said, command by command though they are said at once; a message in two halves; its dot."""
    if data == b"\r\n.\r\n":
        return [("the final dot", data)]
    if data.endswith(b"\r\n"):
        return [(line.decode().strip(), line) for line in data.splitlines(keepends=True)]
    half = len(data) // 2
    return [("the message, first half", data[:half]), ("the message, second half", data[half:])]


def shorten_leases(seconds: float) -> None:
    """All that the product does within a lease, within this one."""
    from datetime import timedelta

    from cocoonmail import dispatch
    from cocoonmail.emails import ledger
    from cocoonmail.kit import claims

    share = seconds / claims.LEASE.total_seconds()
    vars(dispatch)["RENEW_EVERY"] *= share
    vars(dispatch)["ORPHANS_EVERY"] *= share
    for module in (claims, ledger, dispatch):
        vars(module)["LEASE"] = timedelta(seconds=seconds)


# The program


def main() -> None:
    """Commands, each answered by a line.

    `work POINT SIGNAL BOOK` and `web PORT` print the new process's id; `poll ID` its state: runs, stands, or how it
    ended.
    """
    import django

    django.setup()
    warm_up()
    from tests.known_bad import VARIANTS
    from tests.poison import spread

    VARIANTS.get(os.environ.get("KNOWN_BAD", ""), lambda: None)()
    if place := os.environ.get("POISON"):
        spread(place)
    if "LEASE" in os.environ:
        shorten_leases(float(os.environ["LEASE"]))
    print("ready", flush=True)
    for line in sys.stdin:
        command, *how = json.loads(line)
        print(COMMANDS[command](*how), flush=True)
    os.killpg(0, signal.SIGKILL)  # Whoever told us is gone, and with us goes whomever we began.


def warm_up() -> None:
    """What each worker would do once: import, and make sense of the emails. It keeps no row of the database."""
    from django.db import connections

    import cocoonmail.asgi
    import cocoonmail.kit.httpserver
    import cocoonmail.shift
    import cocoonmail.urls
    from cocoonmail.emails.letters import write
    from cocoonmail.emails.models import Message

    assert cocoonmail.asgi
    assert cocoonmail.kit.httpserver
    assert cocoonmail.shift
    assert cocoonmail.urls
    for message in Message.objects.select_related("version", "workspace", "contact")[:WARM]:
        write(message)
    connections.close_all()
    gc.collect()
    gc.freeze()


def work(end: list[Any] | None, number: int, book: str) -> int:
    """Fork a worker, which gets this signal at its end."""

    def run() -> None:
        if end or book:
            watch(Way(Point(*end) if end else None, number, book))
        from cocoonmail.cli import serving

        serving.work()

    return forked(run)


def web(port: int) -> int:
    """Fork a web process."""
    from cocoonmail.cli import serving

    return forked(lambda: serving.web("127.0.0.1", port))


def forked(run: Callable[[], None]) -> int:
    """Run it in a process of its own. Until that listens to SIGTERM it is deaf to it, and has to be told again."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    if child:
        return child
    status = 1
    try:
        os.dup2(2, 1)
        tell_the_database()
        run()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def tell_the_database() -> None:
    """PostgreSQL lists whose connections it still serves: ours are told from others' by the name of the application."""
    from django.db import connections

    options = connections.settings["default"]["OPTIONS"]
    if "application_name" in options:
        options["application_name"] += f" {os.getpid()}"


def poll(child: int) -> str:
    """Its state, and as long as it is there it can be asked again."""
    pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
    if not pid:
        return "runs"
    return "stands" if os.WIFSTOPPED(status) else str(os.waitstatus_to_exitcode(status))


COMMANDS: dict[str, Callable[..., int | str]] = {"work": work, "web": web, "poll": poll}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A Ctrl-C is for pytest, which ends us.
    main()
