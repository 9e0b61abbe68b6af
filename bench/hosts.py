"""Two hosts made of network namespaces share one PostgreSQL, and one of them is lost: is anything lost or doubled?"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from bench.stage import ROOT

LOSSES = ["power", "wire"]


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--loss", nargs="+", choices=LOSSES, default=LOSSES, help="what the first host loses")
    parser.add_argument("--seconds", type=int, default=5, help="how long webhooks come before the loss, and after it")


def run(given: argparse.Namespace) -> int:
    """0 when nothing was lost or doubled. Needs root and Linux; says so loudly otherwise."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "cocoonmail.settings", "PYTHONPATH": str(ROOT)}
    environment.pop("COCOONMAIL_TEST_DATABASE", None)
    wanted = json.dumps({"losses": given.loss, "before": given.seconds})
    command = [sys.executable, "-m", "tests.faults.twohosts", wanted]
    return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode
