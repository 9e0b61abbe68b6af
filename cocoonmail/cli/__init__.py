"""The command line: `cocoonmail up`, `web`, `work`, `apply`, `export`, `trigger`, `why`, `status`."""

from cocoonmail.cli import why, workspace
from cocoonmail.cli.app import main

__all__ = ["main", "why", "workspace"]
