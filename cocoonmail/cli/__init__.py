"""The command line: `cocoonmail up`, `web`, `work`, `apply`, `export`, `trigger`, `why`, `status`."""

from cocoonmail.cli import workspace
from cocoonmail.cli.app import main

__all__ = ["main", "workspace"]
