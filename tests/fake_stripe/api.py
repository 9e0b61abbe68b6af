"""Stripe's API as a table: method and path on the left, what happens on the right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.fake_stripe import catalog, checkout, customers, invoices, payments, quotes, subscriptions
from tests.fake_stripe.account import Account, StripeError
from tests.fake_stripe.form import ParameterError, decode
from tests.fake_stripe.shapes import API_VERSION, Object, token
from tests.fake_stripe.webhooks import Endpoint, Sender

Handler = Callable[..., Object]

MAX_PAGE = 100
USUAL_PAGE = 10

# Kind by the name of its collection in the URL: all of these can be listed and fetched.
COLLECTIONS = catalog.PLAIN | {
    "charges": "charge",
    "checkout/sessions": "checkout.session",
    "customers": "customer",
    "invoice_payments": "invoice_payment",
    "invoiceitems": "invoiceitem",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "quotes": "quote",
    "refunds": "refund",
    "subscriptions": "subscription",
}

# `{}` stands for an id. A product's and its like's collection is filled in below.
ROUTES: dict[tuple[str, str], Handler] = {
    ("POST", "/v1/customers"): customers.create_customer,
    ("POST", "/v1/customers/{}"): customers.update_customer,
    ("DELETE", "/v1/customers/{}"): customers.delete_customer,
    ("POST", "/v1/payment_methods"): customers.create_payment_method,
    ("POST", "/v1/payment_methods/{}"): customers.update_payment_method,
    ("POST", "/v1/payment_methods/{}/attach"): customers.attach_payment_method,
    ("POST", "/v1/payment_methods/{}/detach"): customers.detach_payment_method,
    ("POST", "/v1/payment_intents"): payments.create_payment_intent,
    ("POST", "/v1/payment_intents/{}/confirm"): payments.confirm_payment_intent,
    ("POST", "/v1/payment_intents/{}/capture"): payments.capture_payment_intent,
    ("POST", "/v1/payment_intents/{}/cancel"): payments.cancel_payment_intent,
    ("POST", "/v1/refunds"): payments.create_refund,
    ("POST", "/v1/refunds/{}"): payments.update_refund,
    ("GET", "/v1/disputes"): payments.list_disputes,
    ("POST", "/v1/disputes/{}"): payments.update_dispute,
    ("POST", "/v1/disputes/{}/close"): payments.close_dispute,
    ("POST", "/v1/invoiceitems"): invoices.create_item,
    ("DELETE", "/v1/invoiceitems/{}"): invoices.delete_item,
    ("POST", "/v1/invoices"): invoices.create_invoice,
    ("POST", "/v1/invoices/{}"): invoices.update_invoice,
    ("DELETE", "/v1/invoices/{}"): invoices.delete_invoice,
    ("POST", "/v1/invoices/{}/finalize"): invoices.finalize_invoice,
    ("POST", "/v1/invoices/{}/pay"): invoices.pay_invoice,
    ("POST", "/v1/invoices/{}/send"): invoices.send_invoice,
    ("POST", "/v1/invoices/{}/void"): invoices.void_invoice,
    ("POST", "/v1/invoices/{}/mark_uncollectible"): invoices.write_off_invoice,
    ("POST", "/v1/subscriptions"): subscriptions.create_subscription,
    ("POST", "/v1/subscriptions/{}"): subscriptions.update_subscription,
    ("POST", "/v1/subscriptions/{}/resume"): subscriptions.resume_subscription,
    ("DELETE", "/v1/subscriptions/{}"): subscriptions.cancel_subscription,
    ("POST", "/v1/quotes"): quotes.create_quote,
    ("POST", "/v1/quotes/{}/finalize"): quotes.finalize_quote,
    ("POST", "/v1/quotes/{}/accept"): quotes.accept_quote,
    ("POST", "/v1/quotes/{}/cancel"): quotes.cancel_quote,
    ("POST", "/v1/checkout/sessions"): checkout.create_session,
    ("POST", "/v1/checkout/sessions/{}/expire"): checkout.expire_session,
    ("GET", "/v1/payment_pages/{}"): checkout.get_payment_page,
    ("POST", "/v1/payment_pages/{}/confirm"): checkout.confirm_payment_page,
}


class Api:
    """Answers requests for one account and its webhook endpoints."""

    def __init__(self, account: Account, sender: Sender) -> None:
        self.account = account
        self.sender = sender
        table = ROUTES | self.event_routes() | plain_routes() | reading_routes()
        self.routes = [(method, pattern_of(path), handler) for (method, path), handler in table.items()]

    def call(
        self, method: str, path: str, params: Object | None = None, idempotency_key: str | None = None
    ) -> tuple[int, Object]:
        """Status and JSON of one request; a failure is an answer as well."""
        self.account.begin_request(idempotency_key)
        try:
            return 200, self.answer(method, path, params or {})
        except StripeError as error:
            return error.status, error.body

    def answer(self, method: str, path: str, params: Object) -> Object:
        """The object that was asked for, or a StripeError."""
        for wanted, pattern, handler in self.routes:
            match = pattern.fullmatch(path)
            if wanted == method and match:
                return handler(self.account, params, *(unquote(id) for id in match.groups()))
        message = f"Unrecognized request URL ({method}: {path}). This fake of Stripe has no such route."
        raise StripeError(message, status=404)

    def event_routes(self) -> dict[tuple[str, str], Handler]:
        """What concerns events and where they go; these need the sender beside the account."""
        return {
            ("GET", "/v1/events"): self.list_events,
            ("GET", "/v1/events/{}"): self.get_event,
            ("POST", "/v1/events/{}/retry"): self.retry_event,
            ("GET", "/v1/webhook_endpoints"): self.list_endpoints,
            ("POST", "/v1/webhook_endpoints"): self.create_endpoint,
            ("GET", "/v1/webhook_endpoints/{}"): self.get_endpoint,
            ("POST", "/v1/webhook_endpoints/{}"): self.update_endpoint,
            ("DELETE", "/v1/webhook_endpoints/{}"): self.delete_endpoint,
        }

    def list_events(self, account: Account, params: Object) -> Object:
        """GET /v1/events by `type` or `types`, `created`, and whether all endpoints took them (`delivery_success`)."""
        types = params.get("types") or ([params["type"]] if "type" in params else [])
        found = [event for event in account.events if not types or wildcard(types, event["type"])]
        found = [event for event in found if in_range(event["created"], params.get("created"))]
        if "delivery_success" in params:
            found = [event for event in found if self.sender.delivered(event) == params["delivery_success"]]
        return page(found, params, "/v1/events")

    def get_event(self, account: Account, params: Object, id: str) -> Object:
        """GET /v1/events/{id}."""
        for event in account.events:
            if event["id"] == id:
                return event
        raise StripeError(f"No such event: '{id}'", status=404, code="resource_missing", param="id")

    def retry_event(self, account: Account, params: Object, id: str) -> Object:
        """POST /v1/events/{id}/retry, the route of `stripe events resend`: to one endpoint, or to all that want it."""
        event = self.get_event(account, {}, id)
        named = params.get("webhook_endpoint")
        endpoints = [self.find_endpoint(named)] if named else list(self.sender.endpoints.values())
        for endpoint in endpoints:
            if named or endpoint.wants(event["type"]):
                self.sender.resend(event, endpoint)
        return event

    def list_endpoints(self, account: Account, params: Object) -> Object:
        """GET /v1/webhook_endpoints."""
        return page(account.all("webhook_endpoint"), params, "/v1/webhook_endpoints")

    def create_endpoint(self, account: Account, params: Object) -> Object:
        """POST /v1/webhook_endpoints; only this answer shows the secret."""
        if not params.get("url"):
            raise StripeError("Missing required param: url.", code="parameter_missing", param="url")
        secret = params.get("secret") or "whsec_" + token(32)
        secrets = tuple(secret) if isinstance(secret, list) else (secret,)
        endpoint = account.add("webhook_endpoint", url=params["url"], api_version=API_VERSION)
        self.sender.endpoints[endpoint["id"]] = Endpoint(endpoint["id"], params["url"], secrets)
        self.update_endpoint(account, params, endpoint["id"])
        return endpoint | {"secret": secrets[0]}

    def get_endpoint(self, account: Account, params: Object, id: str) -> Object:
        """GET /v1/webhook_endpoints/{id}."""
        return account.get("webhook_endpoint", id)

    def update_endpoint(self, account: Account, params: Object, id: str) -> Object:
        """POST /v1/webhook_endpoints/{id}."""
        shown = account.get("webhook_endpoint", id)
        values: Object = {
            key: params[key] for key in ("description", "enabled_events", "metadata", "url") if key in params
        }
        if "enabled" in params or "disabled" in params:
            on = params.get("enabled", not params.get("disabled"))
            values["status"] = "enabled" if on else "disabled"
        account.change(None, shown, **values)
        endpoint = self.sender.endpoints[id]
        endpoint.url, endpoint.events = shown["url"], tuple(shown["enabled_events"])
        endpoint.enabled = shown["status"] == "enabled"
        return shown

    def delete_endpoint(self, account: Account, params: Object, id: str) -> Object:
        """DELETE /v1/webhook_endpoints/{id}; what it was still to get is given up."""
        account.get("webhook_endpoint", id)
        del account.objects["webhook_endpoint"][id], self.sender.endpoints[id]
        with self.sender.lock:
            self.sender.pending = [one for one in self.sender.pending if one.endpoint.id != id]
        return {"id": id, "object": "webhook_endpoint", "deleted": True}

    def find_endpoint(self, id: Any) -> Endpoint:
        """The endpoint as the sender knows it."""
        self.account.get("webhook_endpoint", id)
        return self.sender.endpoints[id]


def read_parameters(query: str, body: str) -> Object:
    """Parameters of the query and the form together; unreadable ones are Stripe's 400."""
    try:
        return decode(query) | decode(body)
    except ParameterError as trouble:
        message, name = trouble.args
        raise StripeError(message, param=name) from None
    except ValueError as trouble:
        raise StripeError(f"Invalid request: {trouble}") from None


def plain_routes() -> dict[tuple[str, str], Handler]:
    """Create, update and delete for products and their like."""
    routes: dict[tuple[str, str], Handler] = {}
    for name in catalog.PLAIN:
        routes["POST", f"/v1/{name}"] = bound(catalog.create_plain, name)
        routes["POST", f"/v1/{name}/{{}}"] = bound(catalog.update_plain, name)
        routes["DELETE", f"/v1/{name}/{{}}"] = bound(catalog.delete_plain, name)
    return routes


def reading_routes() -> dict[tuple[str, str], Handler]:
    """List and fetch for every collection."""
    routes: dict[tuple[str, str], Handler] = {("GET", "/v1/disputes/{}"): bound(fetch, "dispute")}
    for name, kind in COLLECTIONS.items():
        routes["GET", f"/v1/{name}"] = bound(list_kind, name)
        routes["GET", f"/v1/{name}/{{}}"] = bound(fetch, kind)
    return routes


def bound(handler: Handler, name: str) -> Handler:
    """The handler with the collection's name before the ids of the path."""
    return lambda account, params, *ids: handler(account, params, name, *ids)


def list_kind(account: Account, params: Object, name: str) -> Object:
    """GET /v1/customers and its like; `customer`, `email` and `status` narrow it down."""
    having = {key: params[key] for key in ("customer", "email", "status", "subscription") if key in params}
    return page(account.all(COLLECTIONS[name], **having), params, f"/v1/{name}")


def fetch(account: Account, params: Object, kind: str, id: str) -> Object:
    """GET /v1/customers/{id} and its like."""
    return account.get(kind, id)


def page(oldest_first: list[Object], params: Object, url: str) -> Object:
    """One page, newest first, see https://docs.stripe.com/api/pagination: at most `limit`, after or before an id."""
    limit = params.get("limit", USUAL_PAGE)
    if not 1 <= limit <= MAX_PAGE:
        raise StripeError(f"Invalid limit: must be between 1 and {MAX_PAGE}", param="limit")
    rows = oldest_first[::-1]
    ids = [row["id"] for row in rows]
    if "ending_before" in params:
        rows = rows[: position(ids, params["ending_before"])]
        return {"object": "list", "data": rows[-limit:], "has_more": len(rows) > limit, "url": url}
    start = position(ids, params["starting_after"]) + 1 if "starting_after" in params else 0
    return {"object": "list", "data": rows[start : start + limit], "has_more": len(rows) > start + limit, "url": url}


def position(ids: list[str], id: str) -> int:
    """Where this id stands in the list."""
    try:
        return ids.index(id)
    except ValueError:
        raise StripeError(f"No such object: '{id}'", code="resource_missing", param="starting_after") from None


def wildcard(types: list[str], event_type: str) -> bool:
    """Stripe lets `invoice.*` stand for every event of invoices."""
    return any(event_type == one or (one.endswith("*") and event_type.startswith(one[:-1])) for one in types)


def in_range(created: int, limits: Any) -> bool:
    """`created[gte]=…` and its like; all limits must hold."""
    if not isinstance(limits, dict):
        return limits is None or created == int(limits)
    checks = {"gt": created.__gt__, "gte": created.__ge__, "lt": created.__lt__, "lte": created.__le__}
    return all(checks[name](int(limit)) for name, limit in limits.items())


def pattern_of(path: str) -> re.Pattern[str]:
    """`/v1/invoices/{}/pay` as an expression whose groups are the ids."""
    return re.compile("/".join("([^/]+)" if part == "{}" else re.escape(part) for part in path.split("/")))
