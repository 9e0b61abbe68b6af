"""Each provider's request: built by anymail's backend, sent by our wire, its answer read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import requests
from anymail.backends import brevo, mailgun, postmark, resend, sendgrid
from anymail.exceptions import AnymailAPIError

from cocoonmail.transports.base import Envelope
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.letter import for_django, name_of, parsed
from cocoonmail.transports.esp.meaning import Answer, Reply
from cocoonmail.transports.esp.wire import NoAnswer, Wire

Post = Callable[[], Reply]
MAILGUN_EU = "https://api.eu.mailgun.net/v3"


class Posting:
    """One provider's requests, over anymail's backend for it."""

    def __init__(self, settings: EspSettings, wire: Wire) -> None:
        self._provider = settings.provider
        self._backend = _BACKENDS[settings.provider](settings)
        self._wire = wire

    def request(self, envelope: Envelope) -> Post:
        """The request for one message, complete; calling it posts it. Raises AnymailError for what cannot be sent."""
        message = parsed(envelope)
        name = name_of(message, envelope)
        letter = for_django(message, envelope, self._own_id(name))
        payload = self._backend.build_message_payload(letter, {})
        self._put_key(payload, name)
        params = payload.get_request_params(self._backend.api_url)
        if self._provider == "mailgun":
            params = _as_mime(params, envelope)
        return partial(self._post, params, payload, letter)

    def _own_id(self, name: str) -> dict[str, str]:
        """Our Message-ID, as headers, where the provider keeps it."""
        match self._provider:
            case "postmark":
                return {"Message-ID": f"<{name}>", "X-PM-KeepID": "true"}
            case "sendgrid":
                return {"Message-ID": f"<{name}>"}
            case _:
                return {}

    def _put_key(self, payload: Any, name: str) -> None:
        """The idempotency key. Brevo's holds for half an hour, so that it names this hand-over and not the message."""
        match self._provider:
            case "resend":
                payload.headers["Idempotency-Key"] = name
            case "brevo":
                payload.data["headers"]["idempotencyKey"] = str(uuid4())
            case _:
                pass

    def _post(self, params: dict[str, Any], payload: Any, letter: Any) -> Reply:
        try:
            response = self._wire.post_once(**params)
        except NoAnswer as no_answer:
            return no_answer.silence
        return _answer(response, self._receipt(response, payload, letter))

    def _receipt(self, response: requests.Response, payload: Any, letter: Any) -> str:
        """The provider's id for the message; "" where the answer has none."""
        if not response.ok:
            return ""
        try:
            statuses = self._backend.parse_recipient_status(response, payload, letter)
        except AnymailAPIError:
            return ""
        taken = [status.message_id for status in statuses.values() if status.status in ("sent", "queued")]
        return (taken[0] or response.headers.get("X-Message-Id", "")) if taken else ""


def _as_mime(params: dict[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Mailgun takes finished MIME beside its form, which anymail does not use."""
    files = {"message": ("message.mime", envelope.data)}
    return {**params, "url": f"{params['url']}.mime", "data": {"to": envelope.recipient}, "files": files}


def _answer(response: requests.Response, receipt: str) -> Answer:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Answer(response.status_code, "", response.text, receipt)
    code = next((str(body[name]) for name in ("ErrorCode", "code", "name") if name in body), "")
    return Answer(response.status_code, code, _said(body) or response.text, receipt)


def _said(body: dict[str, Any]) -> str:
    """A provider's own words in an answer's JSON."""
    errors = body.get("errors")  # SendGrid
    if isinstance(errors, list):
        return "; ".join(str(error.get("message", "")) for error in errors if isinstance(error, dict))
    return str(body.get("Message") or body.get("message") or "")


def _address(settings: EspSettings, own: str = "") -> dict[str, str]:
    return {"api_url": settings.api or own} if settings.api or own else {}


_BACKENDS: dict[str, Callable[[EspSettings], Any]] = {
    "postmark": lambda s: postmark.EmailBackend(server_token=s.key, **_address(s)),
    "resend": lambda s: resend.EmailBackend(api_key=s.key, **_address(s)),
    "sendgrid": lambda s: sendgrid.EmailBackend(api_key=s.key, generate_message_id=False, **_address(s)),
    "brevo": lambda s: brevo.EmailBackend(api_key=s.key, **_address(s)),
    "mailgun": lambda s: mailgun.EmailBackend(
        api_key=s.key, sender_domain=s.domain, **_address(s, MAILGUN_EU if s.region == "eu" else "")
    ),
}
