"""Personalised messages handed to a mail server per second, against Postfix's own smtp-source at the same server."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.result import CheckFailed, Result
from bench.stage import free_port, peak_memory, stage, wait_for

WORKSPACE = """
workspace: Bench
sender: {{name: Bench, email: hello@bench.test}}
address: "1 Main St, Oslo"
transport: "smtp://127.0.0.1:{port}?connections=100&per_connection=10000"
loops:
  - name: Hello
    trigger: {{event: hello}}
    state: live
    steps:
      - email: {{name: Hello, subject: "Your invoice {{{{ event.invoiceNumber | default: 'is here' }}}}", format: mjml,
                 kind: transactional, body: {body}}}
"""
GOALS = {1: 0.35, 2: 0.6}  # By the number of worker processes
SESSIONS = 8  # Of smtp-source
PATIENCE = 300  # Seconds after which a round that has not ended has failed


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--messages", type=int, default=20_000, help="how many in each round")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of each, in turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="worker processes, one result for each")


def run(given: argparse.Namespace) -> list[Result]:
    """One result for each number of worker processes."""
    needed("smtp-sink", "smtp-source")
    return [measure(given, workers) for workers in given.workers]


def needed(*programs: str) -> None:
    """Raises CheckFailed when one of Postfix's programs is missing."""
    for program in programs:
        if shutil.which(program, path=PATH) is None:
            raise CheckFailed(f"{program} is missing; Debian's package postfix brings it.")


def measure(given: argparse.Namespace, workers: int) -> Result:
    """Ours and the limit in turn; the medians."""
    ours, limits, cpu, memory, seen = [], [], [], 0.0, 0
    with stage(given.postgres) as here, sink() as far:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE.format(port=far.port, body=json.dumps(BODY)))
        here.command("apply", str(file))
        with contextlib.ExitStack() as working:
            processes = [working.enter_context(here.process("cocoonmail", "work")) for _ in range(workers)]
            pids = [str(process.pid) for process in processes]
            for number in range(given.rounds):
                told = json.loads(here.run("bench.sending", str(number), str(given.messages), str(PATIENCE), *pids))
                ours.append(told["rate"])
                cpu.append(told["cpu"])
                seen += far.check(told["ids"])
                limits.append(far.limit(given.messages, told["bytes"]))
            memory = sum(peak_memory(process) or 0 for process in processes)
    return Result(
        name="send",
        database=here.database,
        rate=median(ours),
        limit=median(limits),
        goal=GOALS.get(workers, 0),
        rows_checked=seen,
        processes=workers,
        peak_memory=memory,
        cpu=median(cpu),
    )


@dataclass
class Sink:
    """Postfix's smtp-sink, which writes down every message it takes."""

    port: int
    dump: Path
    read: int = 0

    def check(self, ids: str) -> int:
        """Every message of a round arrived once, and nothing else did. `ids` is a file with one Message-ID a line."""
        wanted = Path(ids).read_text().split()
        arrived = self._message_ids()
        if sorted(arrived) != sorted(wanted):
            twice, lost = len(arrived) - len(set(arrived)), len(set(wanted) - set(arrived))
            raise CheckFailed(f"{len(wanted)} messages: {len(arrived)} arrived, {twice} of them twice, {lost} not.")
        return len(arrived)

    def limit(self, messages: int, size: int) -> float:
        """What smtp-source reaches with as many messages of this size, per second."""
        command = ["smtp-source", "-s", str(SESSIONS), "-l", str(size), "-m", str(messages), f"127.0.0.1:{self.port}"]
        begin = time.perf_counter()
        subprocess.run(command, env={"PATH": PATH}, check=True)
        seconds = time.perf_counter() - begin
        if (arrived := len(self._message_ids())) != messages:
            raise CheckFailed(f"smtp-source sent {messages} messages and {arrived} arrived.")
        return messages / seconds

    def _message_ids(self) -> list[str]:
        """The Message-IDs that were written down since the last look."""
        with self.dump.open("rb") as file:
            file.seek(self.read)
            found = [line.split()[1].decode() for line in file if line[:12].lower() == b"message-id: "]
            self.read = file.tell()
        return found


PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def sink() -> Iterator[Sink]:
    """A sink on a port of its own. It writes into memory where the system has such a folder, for disks differ."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    folder = Path(tempfile.mkdtemp(prefix="cocoonmail-sink-", dir=memory if memory.is_dir() else None))
    port = free_port()
    command = ["smtp-sink", "-u", "root", "-R", str(folder), "-D", "dump", f"127.0.0.1:{port}", "1024"]
    child = subprocess.Popen(command, env={"PATH": PATH})
    try:
        wait_for(port)
        (folder / "dump").touch()
        yield Sink(port, folder / "dump")
    finally:
        child.terminate()
        child.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


# As long as a receipt is: some 5 kB of HTML, its plain text, and fifteen places to merge.
BODY = """<mjml>
<mj-head><mj-attributes><mj-all font-family="Helvetica, Arial, sans-serif" /></mj-attributes></mj-head>
<mj-body background-color="#f4f4f5">
<mj-section background-color="#ffffff"><mj-column>
<mj-text font-size="20px">Thank you, {{ contact.firstName | default: "friend" }}</mj-text>
<mj-text>We received {{ event.amountPaidDisplay | default: "your payment" }} for
{{ event.productName | default: "your plan" }}{% if event.periodStartDisplay %}, from {{ event.periodStartDisplay }}
to {{ event.periodEndDisplay | default: "its end" }}{% endif %}. The invoice's number is
{{ event.invoiceNumber | default: "on the invoice" }}, and it was sent to {{ contact.email }}.</mj-text>
<mj-text>{% for line in event.lineItems %}{{ line.description | default: "One item" }}:
{{ line.amountDisplay | default: "free" }}<br />{% endfor %}</mj-text>
{% if event.invoiceUrl %}<mj-button href="{{ event.invoiceUrl }}">See the invoice</mj-button>{% endif %}
<mj-text>Questions? Reply to this email, {{ contact.firstName | default: "friend" }}, and a person will answer.
We are glad that you are with us, and we will tell you before anything about your plan changes.</mj-text>
</mj-column></mj-section>
</mj-body></mjml>"""
