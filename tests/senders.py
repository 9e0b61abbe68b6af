"""How a webhook is sent again and again without much ado: one connection each, kept open as Stripe keeps its own."""

from __future__ import annotations

import http.client
import time

from tests.fake_stripe.webhooks import HEADERS, signed
from tests.house import Installation
from tests.shop import SECRET

ANSWER_SECONDS = 30.0  # As long as Stripe's CLI waits


class Post:
    """Posts to an installation's last endpoint."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=ANSWER_SECONDS)

    def __call__(self, raw: bytes) -> int | None:
        """Send these bytes, signed now; the answer's status, None where there was none."""
        headers = HEADERS | {"Stripe-Signature": signed(raw, [SECRET], int(time.time()), test=True)}
        try:
            self.connection.request("POST", self.house.hook, raw, headers)
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return None
        return answer.status
