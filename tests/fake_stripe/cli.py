"""Stripe's real CLI for tests: found or installed, run against a fake, with a home of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION = "1.52.0"
API_KEY = "sk_test_1234567890abcdef1234567890"
CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / "node_modules" / f".stripe-cli-{VERSION}"
INSTALL_LIMIT = 180  # seconds
COMMAND_LIMIT = 60  # seconds
NPM_FLAGS = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1")


class NoStripeCLIError(Exception):
    """Stripe's CLI is not here. The message says how to get it."""


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams: for messages of failed tests."""
        return self.stdout + self.stderr


@dataclass(frozen=True)
class StripeCLI:
    """The program, and a folder where it may keep its configuration."""

    program: Path
    home: Path

    @classmethod
    def find(cls, home: Path) -> StripeCLI:
        """STRIPE_CLI names it, or it is on PATH, or npm installs it below the checkout. Raises NoStripeCLIError."""
        return cls(find_program(), home)

    def run(self, *arguments: str) -> Result:
        """Any command, without telemetry and without this user's own login."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("STRIPE_")}
        environment |= {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home), "STRIPE_API_KEY": API_KEY}
        environment |= {"STRIPE_CLI_TELEMETRY_OPTOUT": "1", "NO_COLOR": "1"}
        command = [str(self.program), *arguments]
        done = subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, timeout=COMMAND_LIMIT
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def trigger(self, base_url: str, event_type: str, *flags: str) -> Result:
        """`stripe trigger EVENT` against a fake; flags such as `--override`, `customer:email=ada@example.com`."""
        return self.run("trigger", event_type, "--api-base", base_url, *flags)

    def resend(self, base_url: str, event_id: str, *flags: str) -> Result:
        """`stripe events resend EVENT` against a fake."""
        return self.run("events", "resend", event_id, "--api-base", base_url, *flags)


def find_program() -> Path:
    """The binary: named, on PATH, from an earlier installation, or from a new one."""
    named = os.environ.get("STRIPE_CLI")
    if named:
        return existing(Path(named))
    on_path = shutil.which("stripe")
    if on_path and version_of(on_path) is not None:
        return Path(on_path)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        # Test processes that start together must not install into one folder together.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return installed() or install()


def existing(program: Path) -> Path:
    """A wrong STRIPE_CLI must be heard of, not passed over."""
    if not program.is_file():
        raise FileNotFoundError(f"STRIPE_CLI names {program}, which is not there.")
    return program


def version_of(program: str) -> str | None:
    """The version that Stripe's CLI says it has; None for another program that happens to be called stripe."""
    try:
        done = subprocess.run([program, "version"], check=False, capture_output=True, text=True, timeout=COMMAND_LIMIT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split()
    return words[2] if done.stdout.startswith("stripe version ") and len(words) > 2 else None


def installed() -> Path | None:
    """The binary inside the package for this platform; the package's own start script is only a shim around it."""
    found = sorted(CACHE.glob("node_modules/@stripe/cli-*/bin/stripe"))
    return found[0] if found else None


def install() -> Path:
    """Let npm fetch exactly this version, without running any script of the package."""
    npm = shutil.which("npm")
    if npm is None:
        raise NoStripeCLIError(f"npm is not here: install Stripe's CLI {VERSION} and name it in STRIPE_CLI.")
    package = f"@stripe/cli@{VERSION}"
    command = [npm, "install", *NPM_FLAGS, "--prefix", str(CACHE), package]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_LIMIT)
    except subprocess.TimeoutExpired:
        raise NoStripeCLIError(f"npm did not install {package} within {INSTALL_LIMIT} seconds.") from None
    found = installed()
    if done.returncode or found is None:
        raise NoStripeCLIError(f"npm could not install {package}: {done.stderr.strip()[-300:]}")
    return found
