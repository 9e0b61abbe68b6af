"""A message through a provider, from the event to the answer: sent once with its id kept, or shown as unknown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.transport import set_transport
from tests.shop import Shop, event
from tests.transports.gateway import CLOSE, RECEIPTS, Fault, Gateway, gateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> Iterator[Shop]:
    yield Shop.opened()
    connection.close()


def sent(shop: Shop, *faults: Fault) -> tuple[Message, Gateway]:
    """One message, sent by Postmark, and sent again where anything is left to send."""
    with gateway("postmark", *faults) as server:
        set_transport(shop.workspace, f"postmark://sesame?api={server.url}")
        shop.workspace.save()
        shop.hear(event("invoice.paid"))
        shop.work()
        shop.send()
        shop.send()
    return Message.objects.get(), server


def test_a_message_is_handed_to_the_provider_once_with_its_id_kept(shop: Shop) -> None:
    message, server = sent(shop)
    assert (message.status, message.receipt) == (Status.SENT, RECEIPTS["postmark"])
    assert [heard.json["To"] for heard in server.heard] == ["ada@example.com"]
    assert {"Name": "Message-ID", "Value": message.message_id} in server.heard[0].json["Headers"]  # type: ignore[operator]


def test_a_message_that_a_provider_heard_and_did_not_answer_is_shown_and_not_sent_again(shop: Shop) -> None:
    message, server = sent(shop, CLOSE)
    assert message.status == Status.UNKNOWN
    assert "may or may not have been sent" in message.reason
    assert len(server.heard) == 1
