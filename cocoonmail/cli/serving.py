"""Start the processes of an installation, and tell the operator where they are."""

from __future__ import annotations

import errno
import gc
import os
import sys
import warnings
from pathlib import Path

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


def cannot_listen(host: str, port: int) -> str:
    """Why nothing of ours can listen there, in words; "" when it can."""
    from cocoonmail.kit.httpserver import listen

    try:
        listen(host, port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Something else listens on port {port} of {host} already. Choose another: --port {port % 65535 + 1}"
        return f"Nothing can listen on port {port} of {host}: {error.strerror or error}"
    return ""


def up(host: str, port: int) -> int:
    """Migrate, print the address, run web and worker under supervision until told to stop."""
    from django.conf import settings

    from cocoonmail.kit.supervise import supervise

    migrate()
    _greet(settings.BASE_URL)
    command = [sys.executable, "-m", "cocoonmail"]
    return supervise(
        {
            "web": [*command, "web", "--host", host, "--port", str(port)],
            "worker": [*command, "work"],
        }
    )


def web(host: str, port: int) -> None:
    """Serve pages and webhooks until SIGTERM."""
    from django.conf import settings

    from cocoonmail.asgi import application
    from cocoonmail.kit.httpserver import serve
    from cocoonmail.kit.supervise import exit_with_parent

    def started(port: int) -> None:
        (settings.DATA / ADDRESS_FILE).write_text(local_url(host, port))

    # WhiteNoise reads small files at once, which is well, and nothing that an operator should read in the log.
    warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
    exit_with_parent()
    _collect_garbage_rarely()
    serve(application, host, port, trusted_proxies=settings.TRUSTED_PROXIES, on_started=started)


def _collect_garbage_rarely() -> None:
    """What a webhook or a message leaves is freed at once; to look for cycles in it took a twelfth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def work() -> None:
    """Work until SIGTERM."""
    from cocoonmail.kit.supervise import exit_with_parent
    from cocoonmail.shift import work as work_until_told

    exit_with_parent()
    _collect_garbage_rarely()
    work_until_told()


def migrate() -> None:
    """Bring the database up to this version."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


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
