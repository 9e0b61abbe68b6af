"""Which of several claims about one field is the newest, whatever the order they arrive in. Pure.

A field's held state is a set that only grows or is replaced by a later moment, so that merging the same claims in any
order gives the same state (promise R5). In its JSON form: {"at": seconds, "rank": 0-3, "told": [[event id, value,
previous or null], …]}, where `told` are the claims of that one moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cocoonmail.contacts.changes import Claim, Rank

TOLD_MAX = 20  # Claims of one second that are remembered; a customer changes less often than that.


def merge(held: Mapping[str, Any] | None, claim: Claim, at: int, rank: Rank, event_id: str) -> dict[str, Any]:
    """The held state with one more claim: a later moment replaces, the same moment adds, an earlier one is dropped."""
    told = [event_id, claim.value, claim.previous]
    if held is None or (at, rank) > (held["at"], held["rank"]):
        return {"at": at, "rank": int(rank), "told": [told]}
    if (at, rank) < (held["at"], held["rank"]) or told in held["told"]:
        return dict(held)
    return {**held, "told": sorted([*held["told"], told], key=_order)[-TOLD_MAX:]}


def _order(told: list[Any]) -> tuple[str, str, str]:
    event_id, value, previous = told
    return event_id, value, "" if previous is None else f"was {previous}"


def winner(held: Mapping[str, Any]) -> tuple[str, bool]:
    """The newest value, and whether that is certain.

    Of the claims of one second the newest is the one whose value no other calls its previous value. Where that does
    not single one out, the greatest event id wins, so that every order ends the same, and the answer is not certain.
    """
    told = held["told"]
    replaced = {previous for _, value, previous in told if previous is not None and previous != value}
    last = [(event_id, value) for event_id, value, _ in told if value not in replaced]
    if len({value for _, value in last}) == 1:
        return last[0][1], True
    _, value = max(last or [(event_id, value) for event_id, value, _ in told])
    return value, False
