"""What each state is called on a page, and in which tone: good, info, warn, bad or idle."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """How a state looks: its tone and its word."""

    tone: str
    word: str


STATES: dict[str, Look] = {
    # A loop
    "draft": Look("idle", "Draft"),
    "live": Look("good", "Live"),
    "paused": Look("warn", "Paused"),
    # A delivery
    "waiting": Look("info", "Waiting"),
    "done": Look("good", "Processed"),
    "no_address": Look("warn", "No email address"),
    "parked": Look("warn", "Parked"),
    "ignored": Look("idle", "Ignored"),
    "logged": Look("idle", "Only logged"),
    "refused": Look("bad", "Refused"),
    # A backfill; a run
    "working": Look("info", "Fetching"),
    "stopped": Look("idle", "Stopped"),
    "in_progress": Look("info", "In progress"),
    "finished": Look("good", "Finished"),
    # A message
    "queued": Look("info", "Queued"),
    "sending": Look("info", "Sending"),
    "sent": Look("good", "Sent"),
    "captured": Look("good", "Captured"),
    "held": Look("warn", "Held"),
    "skipped": Look("idle", "Not sent"),
    "failed": Look("bad", "Failed"),
    "unknown": Look("bad", "Unknown"),
    "bounced": Look("bad", "Bounced"),
    "complained": Look("bad", "Marked as spam"),
    "opened": Look("good", "Opened"),
    "clicked": Look("good", "Clicked"),
    # A contact
    "subscribed": Look("good", "Subscribed"),
    "unsubscribed": Look("idle", "Unsubscribed"),
    "suppressed": Look("bad", "Mail stopped"),
    # An endpoint, a sender, a switch
    "on": Look("good", "On"),
    "off": Look("idle", "Off"),
    "connected": Look("good", "Connected"),
    "no_secret": Look("warn", "No secret yet"),
    "verified": Look("good", "Verified"),
    "unverified": Look("warn", "Not verified"),
    "test": Look("idle", "Test mode"),
    # A key pair, and a record of the DNS
    "signs": Look("good", "Signs"),
    "ready": Look("info", "Ready to sign"),
    "to_publish": Look("warn", "Not in the DNS yet"),
    "there": Look("good", "There"),
    "unsure": Look("warn", "There, but"),
    "missing": Look("warn", "Not there"),
    "other": Look("bad", "Another key"),
    "malformed": Look("bad", "Malformed"),
    "unanswered": Look("idle", "No answer"),
    "unchecked": Look("idle", "Not checked"),
    # A member, an email
    "owner": Look("info", "Owner"),
    "admin": Look("idle", "Admin"),
    "editor": Look("idle", "Editor"),
    "viewer": Look("idle", "Viewer"),
    "invited": Look("warn", "Invited"),
    "marketing": Look("idle", "Marketing"),
    "transactional": Look("idle", "Transactional"),
}


def look_of(state: object, word: str = "", tone: str = "") -> Look:
    """How a state looks. A state that is not in the table is idle and says its own name in plain letters."""
    key = str(getattr(state, "value", state))
    known = STATES.get(key, Look("idle", key.replace("_", " ").capitalize()))
    return Look(tone or known.tone, word or known.word)
