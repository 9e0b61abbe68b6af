"""Promise S11 at the last moment: a message whose dot is about to follow when sending is paused goes back."""

from __future__ import annotations

import pytest

from cocoonmail.accounts import epoch
from cocoonmail.dispatch import claim_messages
from cocoonmail.emails.ledger import Mark, Verdict, write_ledger
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.pace import Later
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db


def test_a_pause_that_comes_before_the_mark_lets_no_dot_follow() -> None:
    shop = Shop.opened()
    shop.hear(event("invoice.paid", "ada@example.com"))
    shop.work()
    (claimed,) = claim_messages(10)
    epoch.pause(epoch.installation()[0], "for a test")
    (answer,) = write_ledger([Mark(claimed)])
    assert isinstance(answer, Later)
    assert Message.objects.get().status == Status.QUEUED
    assert claim_messages(10) == []

    epoch.resume()
    assert write_ledger([Mark(claimed)]) == [Verdict.GO]
