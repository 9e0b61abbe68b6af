"""A Python that has imported what others wrote, and forks whatever it is told to run: `python -m tests.spawn SOCKET`.

All that is ours is imported by each process itself, with its own settings. Each request is a byte and five files: the
request as JSON, the process's three, and one for its id and its end, a line each.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from contextlib import suppress

FILES = 5
# Together they import nearly everything that a command, a worker or a web process needs and that needs no settings.
OTHERS = """
    allauth.account.checks allauth.account.signals allauth.core.internal.adapter allauth.core.internal.urlkit
    allauth.core.ratelimit allauth.decorators allauth.mfa.checks allauth.mfa.internal.constants allauth.models
    cryptography.fernet css_inline dj_database_url dns.asyncresolver dns.rdtypes.ANY.TXT fido2.features fido2.server
    liquid markdown_it mrml msgspec prometheus_client.core psycopg typer uvicorn.protocols.http.httptools_impl
    whitenoise.middleware whitenoise.runserver_nostatic
    django.contrib.auth.apps django.contrib.auth.tokens django.contrib.auth.validators
    django.contrib.contenttypes.apps django.contrib.messages.apps django.contrib.messages.middleware
    django.contrib.sessions.apps django.contrib.sessions.backends.db django.contrib.sessions.middleware
    django.contrib.sites.shortcuts django.contrib.staticfiles.apps django.core.asgi django.core.management.sql
    django.db.backends.sqlite3.base django.db.migrations.executor django.middleware.common django.middleware.security
    django.utils.translation.reloader django.views.decorators.csrf django.views.decorators.http
""".split()


def main() -> None:
    """Fork until whoever asks is gone. In a forked process: run what it was forked for, as `python -m` would."""
    for name in OTHERS:
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.split(".")[0] == "cocoonmail"]
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()
    if module := serve(socket.socket(fileno=int(sys.argv[1]))):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def serve(asked: socket.socket) -> str:
    """Fork a process per request; returns in each of them what it is to run, and "" in ours at the end."""
    while True:
        said, files, _, _ = socket.recv_fds(asked, 1, FILES)
        if not said:
            return ""
        if not os.fork():
            asked.close()
            return begin(*files)
        for file in files:
            os.close(file)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def begin(request: int, stdin: int, stdout: int, stderr: int, told: int) -> str:
    """Fork once more, and tell the end of that process; returns in it what it is to run."""
    child = os.fork()
    if child:
        for file in (request, stdin, stdout, stderr):
            os.close(file)
        _, status = os.waitpid(child, 0)
        with suppress(BrokenPipeError):
            os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    # A session of its own: what a test kills is found by its group, and a Ctrl-C reaches pytest alone.
    os.setsid()
    os.write(told, f"{os.getpid()}\n".encode())
    os.close(told)
    for number, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file, number)
        os.close(file)
    with open(request, encoding="utf-8") as asked:
        sys.argv, environment, folder = json.load(asked)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    return sys.argv[0]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
