"""Past events: what to ask Stripe's API for, and what its answers mean. Pure.

A list of events, newest first, 30 days back: https://docs.stripe.com/api/events/list. Each says there what it said in
its webhook, if in another API version where the endpoint has one of its own.
Errors: https://docs.stripe.com/api/errors, https://docs.stripe.com/rate-limits.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from cocoonmail.platforms.base import HistoryPage, NotNow, Question, Rejected

DAYS = 30  # How far back Stripe's list goes
PAGE = 100  # Events; the most that Stripe gives at once
TYPES_MAX = 20  # Types that one request may name
KEY_BEGINS = ("rk_live_", "rk_test_", "sk_live_", "sk_test_")
RIGHT = "In Stripe's Dashboard open Developers → API keys and create a restricted key that may read Events."


class _List(msgspec.Struct):
    """A page of Stripe's list, its events untouched."""

    data: list[msgspec.Raw]
    has_more: bool


def complaint(key: str) -> str:
    """Why this cannot be a key for reading events, "" where it can."""
    if key.startswith("whsec_"):
        return f"This is a webhook's signing secret, not an API key. {RIGHT}"
    if key.startswith("pk_"):
        return f"This is a publishable key, which may read nothing. {RIGHT}"
    if not key.startswith(KEY_BEGINS):
        return f"An API key of Stripe begins with rk_ or sk_. {RIGHT}"
    if not key.isascii() or not key.isprintable() or " " in key:
        return "There is a blank or a foreign letter inside. Copy only the key itself."
    return ""


def ask(key: str, since: int, after: str, types: Collection[str]) -> Question:
    """The request for the page that follows the event `after`, or the first one; `since` in seconds since 1970."""
    params = [("limit", str(PAGE)), ("created[gte]", str(since))]
    if len(types) <= TYPES_MAX:
        params += [("types[]", type_) for type_ in sorted(types)]
    if after:
        params.append(("starting_after", after))
    return Question("/v1/events", tuple(params), {"Authorization": f"Bearer {key}"})


def understand(status: int, headers: Mapping[str, str], body: bytes) -> HistoryPage | NotNow | Rejected:
    """What an answer means. `headers` with lower-case names."""
    if status == 200:
        return _page(body)
    said = _error(body)
    if status == 429 or status >= 500 or status == 409:
        return NotNow(f"Stripe answered {status}{said and f': {said}'}", _seconds(headers.get("retry-after", "")))
    if status == 401:
        return Rejected("wrong_key", f"Stripe does not know this API key, or it has expired. {RIGHT}")
    if status == 403:
        return Rejected("not_allowed", f"This API key may not read events. {RIGHT}")
    return Rejected("refused", f"Stripe answered {status}{said and f': {said}'}")


def _page(body: bytes) -> HistoryPage | NotNow:
    try:
        bodies, more = _read(body)
        after = str(json.loads(bodies[-1])["id"]) if more and bodies else ""
    except (ValueError, KeyError, TypeError):
        return NotNow("Stripe's answer was not a list of events", None)
    return HistoryPage(tuple(bodies), after)


def _read(body: bytes) -> tuple[list[bytes], bool]:
    """Each event as it was written. msgspec refuses the lone surrogates that JSON may hold: those are written anew."""
    try:
        page = msgspec.json.decode(body, type=_List)
        return [bytes(one) for one in page.data], page.has_more
    except (msgspec.MsgspecError, UnicodeError):
        document = json.loads(body)
        return [json.dumps(one).encode() for one in document["data"]], bool(document["has_more"])


def _error(body: bytes) -> str:
    """Stripe's own words, "" where there are none."""
    try:
        words: Any = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(words)[:300] if isinstance(words, str) and words.isprintable() else ""


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
