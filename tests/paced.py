"""Sets the stage of test_pacing in an installation: `python -m tests.paced URL`.

Workspace Limited has mail to many domains and to a slow one, Free has no limits; all of it is due at once.
"""

from __future__ import annotations

import os
import sys

RATE, SLOW = 10, 2  # Messages per second: all of the limited workspace's mail, and its mail to one domain
LIMITED, TO_SLOW, FREE = 40, 4, 30  # Messages; the limited ones take four seconds


def main(url: str) -> None:
    """Both workspaces, with a loop and their messages."""
    from cocoonmail.emails.transport import set_transport
    from tests.backlog import backlog
    from tests.deeds import loop_of
    from tests.people import workspace

    slow = [f"ada{number}@slow.example" for number in range(TO_SLOW)]
    recipients = {
        "Limited": [*slow, *(f"ada{number}@example.com" for number in range(LIMITED))],
        "Free": [f"ada{number}@example.com" for number in range(FREE)],
    }
    loops = []
    for name, options, rates in (("Limited", f"?rate={RATE}", {"slow.example": float(SLOW)}), ("Free", "", {})):
        made = workspace(name)
        made.domain_rates = rates
        set_transport(made, f"{url}{options}")
        made.save()
        loops.append(loop_of(made))
    for loop in loops:
        backlog(loop, recipients[loop.workspace.name])


if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "cocoonmail.settings"
    django.setup()
    main(sys.argv[1])
