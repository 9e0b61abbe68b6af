"""Start the processes of an installation, and tell the operator where they are."""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cocoonmail.cli.app import fail

# How long the door's writer waits until the thread that answers lets it on: Python's own 5 ms are many commits.
SWITCH_SECONDS = 0.0002
ADDRESS_FILE = "address"  # In the data folder: where this installation listens, for the commands beside it


def listen_on(host: str, port: int, data: Path | None) -> None:
    """Tell the settings, which are read later, at which address people reach this process if nothing else was said."""
    if data is not None:
        os.environ["COCOONMAIL_DATA"] = str(data)
    os.environ.setdefault("COCOONMAIL_URL", local_url(host, port))


def local_url(host: str, port: int) -> str:
    """The URL under which this machine reaches what listens on host and port."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def cannot_listen(host: str, port: int, option: str = "--port") -> str:
    """Why nothing of ours can listen there, in words; "" when it can."""
    from cocoonmail.kit.httpserver import listen

    try:
        listen(host, port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return (
                f"Something else listens on port {port} of {host} already. Choose another: {option} {port % 65535 + 1}"
            )
        return f"Nothing can listen on port {port} of {host}: {error.strerror or error}"
    return ""


def up(host: str, port: int) -> int:
    """Migrate, print the address, run web and worker under supervision until told to stop."""
    from django.conf import settings

    from cocoonmail.kit.supervise import say_on_stderr, supervise
    from cocoonmail.vault.migrate import migrate

    _speak_for("up")
    migrate()
    _greet(settings.BASE_URL)
    command = [sys.executable, "-m", "cocoonmail"]
    return supervise(
        {
            "web": [*command, "web", "--host", host, "--port", str(port)],
            # At any free port of this machine alone; the web process passes on what it says (/metrics/worker).
            "worker": [*command, "work", "--metrics-port", "0"],
        },
        say=logging.getLogger(__name__).warning if settings.LOG_FORMAT == "json" else say_on_stderr,
    )


def _speak_for(process: str) -> None:
    """Where programs read the log, all that this process says is in their lines."""
    from django.conf import settings

    from cocoonmail.kit import logs

    logs.speak_for(process)
    if settings.LOG_FORMAT == "json":
        logs.log_what_python_prints()


def web(host: str, port: int) -> None:
    """Serve pages and webhooks until SIGTERM."""
    from django.conf import settings

    from cocoonmail.asgi import application, door, watch
    from cocoonmail.kit import connections
    from cocoonmail.kit.httpserver import serve
    from cocoonmail.kit.private import write_text
    from cocoonmail.kit.supervise import exit_with_parent

    def started(port: int) -> None:
        write_text(settings.DATA / ADDRESS_FILE, local_url(host, port))

    # WhiteNoise reads small files at once, which is well, and nothing that an operator should read in the log.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    _speak_for("web")
    exit_with_parent()
    connections.serve(pages=settings.DATABASE_CONNECTIONS)
    _collect_garbage_rarely()
    sys.setswitchinterval(SWITCH_SECONDS)
    serve(
        application,
        host,
        port,
        trusted_proxies=settings.TRUSTED_PROXIES,
        express=door,
        on_started=started,
        on_stopping=watch.stop,
    )


def _collect_garbage_rarely() -> None:
    """What a webhook or a message leaves is freed at once; to look for cycles in it took a twelfth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def work(
    metrics_host: str = "127.0.0.1",
    metrics_port: int | None = None,
    stages: Sequence[str] = (),
    concurrency: int = 1,
) -> None:
    """Work until SIGTERM, as shift.work says; be asked meanwhile at the port how it goes, where there is one."""
    from cocoonmail.kit import connections
    from cocoonmail.kit.supervise import exit_with_parent
    from cocoonmail.shift import work as work_until_told
    from cocoonmail.watch.heart import heartbeat
    from cocoonmail.watch.port import port_of_the_worker

    _speak_for("worker")
    exit_with_parent()
    connections.serve()
    _collect_garbage_rarely()
    with port_of_the_worker(metrics_host, metrics_port, local_url), heartbeat():
        work_until_told(stages, concurrency)


@contextmanager
def at_home() -> Iterator[None]:
    """Serve or work on a database that may be used: not one that was moved away, or is being filled or replaced."""
    from django.conf import settings

    from cocoonmail.kit.presence import InUse, present
    from cocoonmail.vault.guard import MayNotStart, may_start

    try:
        with present(settings.DATA):
            may_start()
            yield
    except (InUse, MayNotStart) as error:
        raise fail(str(error)) from error


def new_owner_link() -> str:
    """A one-time link to become an owner."""
    from django.conf import settings

    from cocoonmail.accounts.enter import new_owner_token
    from cocoonmail.kit.clock import database_now

    return f"{settings.BASE_URL}/welcome/{new_owner_token(database_now())}"


def _greet(url: str) -> None:
    from cocoonmail.accounts.enter import has_owner

    print(f"\n  Cocoonmail is at {url}", flush=True)
    if not has_owner():
        print(f"\n  Create the owner account with this link (it works once):\n  {new_owner_link()}\n", flush=True)
