"""The command line: `cocoonmail up`, `web`, `work`, `apply`, `export`, `trigger`, `why`, `status`, `reset-link`."""

from cocoonmail.cli import people, why, workspace
from cocoonmail.cli.app import main

__all__ = ["main", "people", "why", "workspace"]
