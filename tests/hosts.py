"""Hosts made of network namespaces: each has its own address, its own processes, and a wire that can be cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from cocoonmail.platforms.stripe.samples import body, sample
from tests.fake_stripe.webhooks import HEADERS, post, signed
from tests.house import ROOT, Installation
from tests.shop import SECRET

NET = "10.211"
HOME = f"{NET}.0.1"  # Where the database and the mail server are; it stays when wires are cut
PORT = 8000
SOON = 3.0  # Seconds that a sender waits for an answer, then turns to the other host
REST = 0.02  # Seconds between two webhooks of a sender


def lacking() -> str:
    """Why there can be no such hosts here, in words; "" when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "ip is missing; Debian's package iproute2 brings it"
    tried = subprocess.run(["ip", "netns", "add", name := f"cm{token_hex(3)}"], capture_output=True, check=False)
    if tried.returncode:
        return f"this machine makes no network namespaces: {tried.stderr.decode().strip()}"
    ip("netns", "delete", name)
    return ""


def ip(*words: str) -> str:
    """One command of ip(8)."""
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=True).stdout


@dataclass
class Host:
    """A namespace, its address, and a data folder of its own."""

    name: str
    address: str
    data: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, house: Installation) -> None:
        """Web and worker, as on a machine of its own."""
        environment = house.environ() | {"COCOONMAIL_HOSTS": self.address}
        for words in (["web", "--host", "0.0.0.0", "--port", str(PORT)], ["work"]):
            command = ["ip", "netns", "exec", self.name, sys.executable, "-m", "cocoonmail", *words]
            with (house.folder / f"{self.name}-{words[0]}.log").open("ab") as log:
                self.processes.append(
                    subprocess.Popen(
                        [*command, "--data", str(self.data)], env=environment, cwd=ROOT, stdout=log, stderr=log
                    )
                )

    def lose_power(self) -> None:
        """kill -9 for all that runs on it."""
        for pid in ip("netns", "pids", self.name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def lose_wire(self) -> None:
        """Nothing gets in or out any more, and nobody is told."""
        ip("-n", self.name, "link", "set", "wire", "down")

    def close(self) -> None:
        """Leave nothing of it."""
        self.lose_power()
        for process in self.processes:
            process.wait()


LOSSES = {"power": Host.lose_power, "wire": Host.lose_wire}


@contextlib.contextmanager
def hosts(folder: Path, count: int = 2) -> Iterator[list[Host]]:
    """So many, each with a wire to HOME."""
    tag = f"cm{token_hex(2)}"
    made: list[Host] = []
    try:
        ip("address", "add", f"{HOME}/32", "dev", "lo")
        made += (
            _host(folder, f"{tag}h{number}", f"{tag}w{number}", f"{NET}.{number}") for number in range(1, count + 1)
        )
        yield made
    finally:
        for host in made:
            host.close()
            ip("netns", "delete", host.name)
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("address", "delete", f"{HOME}/32", "dev", "lo")


def _host(folder: Path, name: str, wire: str, net: str) -> Host:
    ip("netns", "add", name)
    ip("link", "add", wire, "type", "veth", "peer", "name", "wire", "netns", name)
    ip("address", "add", f"{net}.1/24", "dev", wire)
    ip("link", "set", wire, "up")
    ip("-n", name, "address", "add", f"{net}.2/24", "dev", "wire")
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "link", "set", "wire", "up")
    ip("-n", name, "route", "add", "default", "via", f"{net}.1")
    data = folder / name
    data.mkdir()
    return Host(name, f"{net}.2", data)


@dataclass
class Shop:
    """Somebody who sends webhooks to all hosts in turn, each until one of them acknowledges it."""

    hook: str
    hosts: list[Host]
    acknowledged: list[str] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    def send(self) -> None:
        """Until it is enough."""
        while not self.enough.wait(REST):
            name = token_hex(6)
            event = sample("invoice.paid", email=f"{name}@example.com", name="Ada", now=int(time.time()), token=name)
            turn = len(self.acknowledged)
            while not self.enough.is_set() and not self.taken(self.hosts[turn % len(self.hosts)], body(event)):
                turn += 1
                time.sleep(REST)
            if not self.enough.is_set():
                self.acknowledged.append(event["id"])

    def taken(self, host: Host, raw: bytes) -> bool:
        """Whether the host acknowledges it soon."""
        headers = HEADERS | {"Stripe-Signature": signed(raw, [SECRET], int(time.time()), test=True)}
        return post(f"http://{host.address}:{PORT}{urlsplit(self.hook).path}", raw, headers, SOON)[0] == 200
