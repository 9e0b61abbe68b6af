"""Amazon SES: anymail's parameters, boto3's signature, our wire."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any

from anymail.backends.amazon_ses import EmailBackend
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from django.core.mail import EmailMessage

from cocoonmail.transports.base import Envelope
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.meaning import Answer, Reply
from cocoonmail.transports.esp.posting import Post
from cocoonmail.transports.esp.wire import NoAnswer, Wire


class SesPosting:
    """Requests to SES, which takes our finished MIME as it is."""

    def __init__(self, settings: EspSettings, wire: Wire) -> None:
        self._wire = wire
        self._backend = EmailBackend(
            client_params={
                "aws_access_key_id": settings.access_key,
                "aws_secret_access_key": settings.key,
                "region_name": settings.region,
                "endpoint_url": settings.api or None,
                # boto3 would repeat by itself what may have been taken.
                "config": {"retries": {"total_max_attempts": 1, "mode": "standard"}},
            }
        )
        self._backend.open()
        self._backend.client.meta.events.register("before-send.sesv2.SendEmail", self._send)

    def request(self, envelope: Envelope) -> Post:
        """The request for one message; calling it signs and posts it. Raises AnymailError for what cannot be sent."""
        letter = EmailMessage(from_email=envelope.sender, to=[envelope.recipient])
        payload = self._backend.build_message_payload(letter, {})
        return partial(self._post, {**payload.params, "Content": {"Raw": {"Data": envelope.data}}})

    def _post(self, params: dict[str, Any]) -> Reply:
        try:
            said = self._backend.client.send_email(**params)
        except NoAnswer as no_answer:
            return no_answer.silence
        except ClientError as error:
            return _refusal(error.response)
        return Answer(said["ResponseMetadata"]["HTTPStatusCode"], "", "", said.get("MessageId", ""))

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        """Instead of boto3's own connection, which does not tell whether bytes have left."""
        response = self._wire.post_once(
            method=request.method, url=request.url, headers=dict(request.headers), data=request.body
        )
        return AWSResponse(response.url, response.status_code, response.headers, _Body(response.content))


class _Body(BytesIO):
    """An answer's bytes in the shape that botocore reads."""

    def stream(self) -> Iterator[bytes]:
        """All at once."""
        yield self.getvalue()


def _refusal(response: dict[str, Any]) -> Answer:
    error = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Answer(status, error.get("Code", ""), error.get("Message", ""))
