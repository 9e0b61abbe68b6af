"""How long a workspace keeps what is finished: names, limits and words, for its page, its file and the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

# As long as this it is known which webhooks came, whatever else is kept: Stripe's own log goes back 30 days.
REMEMBERED = timedelta(days=35)
DAYS_MAX = 3650


class BadKeeping(ValueError):
    """The number of days cannot be. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """One choice: `field` of Workspace, in days; `name` in the workspace's file; the fewest days that can be chosen."""

    field: str
    name: str
    least: int
    label: str
    help: str


KEEPINGS = (
    Keeping("webhook_days", "webhooks", 1, "Bodies of webhooks", "As long as a webhook can be processed again."),
    Keeping("history_days", "history", REMEMBERED.days, "Events and runs", "What contacts did, and the ends of loops."),
    Keeping("message_days", "messages", REMEMBERED.days, "Messages", "What was sent to whom, and what it said."),
)  # fmt: skip


def read_days(days: Mapping[str, int | None]) -> dict[str, int]:
    """Days by the names of the workspace's file, as fields of Workspace; None leaves one out. Raises BadKeeping."""
    read = {}
    for keeping in KEEPINGS:
        if (number := days.get(keeping.name)) is not None:
            if not keeping.least <= number <= DAYS_MAX:
                raise BadKeeping(f"{keeping.name}: write a number of days from {keeping.least} to {DAYS_MAX}.")
            read[keeping.field] = number
    return read
