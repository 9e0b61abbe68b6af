"""One Stripe account: its objects, its clock, and the events that changes to its objects leave behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.fake_stripe.shapes import API_VERSION, Object, build, difference, new_id


class StripeError(Exception):
    """An answer of Stripe's API that is not a success, see https://docs.stripe.com/api/errors."""

    def __init__(self, message: str, *, status: int = 400, type: str = "invalid_request_error", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: Object = {"error": {"message": message, "type": type, **more}}


class Account:
    """Objects by kind and id, oldest first, and all events, oldest first. `on_event` is told of each new one."""

    def __init__(self, *, livemode: bool = False, clock: Callable[[], float] = time.time) -> None:
        self.livemode = livemode
        self.clock = clock
        self.objects: dict[str, dict[str, Object]] = {}
        self.events: list[Object] = []
        self.on_event: Callable[[Object], None] = lambda event: None
        self.request: Object = {"id": None, "idempotency_key": None}
        # How a payment method pays, by its id: what its test token stands for ("visa", "chargeCustomerFail", ...).
        self.behaviours: dict[str, str] = {}

    def now(self) -> int:
        """Whole seconds since 1970, as everywhere in Stripe's objects."""
        return int(self.clock())

    def begin_request(self, idempotency_key: str | None) -> None:
        """The events that follow name this request as their cause."""
        self.request = {"id": new_id("request"), "idempotency_key": idempotency_key}

    def add(self, kind: str, **values: Any) -> Object:
        """Make and keep an object; no event is sent for it by this alone."""
        made = build(kind, **values)
        for key, value in {"created": self.now(), "livemode": self.livemode}.items():
            if key in made:
                made[key] = value
        self.objects.setdefault(kind, {})[made["id"]] = made
        return made

    def get(self, kind: str, id: Any) -> Object:
        """The object itself (not a copy), or Stripe's 404."""
        found = self.objects.get(kind, {}).get(id)
        if found is None:
            raise StripeError(f"No such {kind}: '{id}'", status=404, code="resource_missing", param="id")
        return found

    def all(self, kind: str, **having: Any) -> list[Object]:
        """The objects of a kind whose keys have these values, oldest first."""
        return [
            one
            for one in self.objects.get(kind, {}).values()
            if all(one[key] == value for key, value in having.items())
        ]

    def change(self, event_type: str | None, obj: Object, **values: Any) -> Object:
        """Set these keys; tell it as an event with `previous_attributes` if anything became different.

        `metadata` is merged key by key, as in Stripe's API, and so are the other values that are objects themselves.
        """
        before = deepcopy(obj)
        for key, value in values.items():
            obj[key] = merged(obj.get(key), value, drop_null=key == "metadata")
        previous = difference(before, obj)
        if previous and event_type:
            self.emit(event_type, obj, previous)
        return obj

    def emit(self, type: str, obj: Object, previous: Object | None = None) -> Object:
        """Write down that something happened, with the object as it is at this moment."""
        data: Object = {"object": deepcopy(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = build("event", api_version=API_VERSION, created=self.now(), data=data, livemode=self.livemode)
        event |= {"request": dict(self.request), "type": type}
        self.events.append(event)
        self.on_event(event)
        return event


def merged(old: Any, new: Any, *, drop_null: bool) -> Any:
    """`new` over `old`, key by key where both are objects; unset metadata keys disappear."""
    if not isinstance(new, dict):
        return {} if drop_null and new is None else new
    whole = (old if isinstance(old, dict) else {}) | new
    return {key: value for key, value in whole.items() if value not in (None, "")} if drop_null else whole
