"""The command line: `cocoonmail up`, `web`, `work`, `apply`, `export`, `trigger`, `why`, `backfill`, `doctor`, …"""

from cocoonmail.cli import backfill, backup, doctor, move, people, restore, sending, why, workspace
from cocoonmail.cli.app import main

__all__ = ["backfill", "backup", "doctor", "main", "move", "people", "restore", "sending", "why", "workspace"]
