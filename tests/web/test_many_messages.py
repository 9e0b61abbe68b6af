"""What a person decides about many messages at once that stand still and never left: held ones, and failed ones."""

from __future__ import annotations

from collections import Counter

import pytest

from cocoonmail.emails.models import Message, Status
from cocoonmail.web.messages import decisions
from tests.people import Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

PEOPLE = 7


@pytest.fixture
def shop(alice: Person) -> Shop:
    """Some messages that are held."""
    made = Shop.opened()
    made.hear(*(event("invoice.paid", f"person{number}@example.com") for number in range(PEOPLE)))
    made.work()
    Message.objects.update(status=Status.HELD, due_at=None, reason="its template has no price", attempts=3)
    return made


def statuses() -> Counter[str]:
    return Counter(Message.objects.values_list("status", flat=True))


@pytest.mark.parametrize("status", [Status.HELD, Status.FAILED])
def test_all_that_stand_still_are_sent_by_one_decision(alice: Person, shop: Shop, status: Status) -> None:
    Message.objects.update(status=status)
    assert f"All {PEOPLE}" in alice.get(f"/messages?status={status}").content.decode()
    answer = alice.post("/messages/send-again", {"all": "yes", "status": status}, follow=True)
    assert f"{PEOPLE} messages are on the way again." in answer.content.decode()
    assert answer.redirect_chain == [(f"/messages?status={status}", 302)]
    assert statuses() == {Status.QUEUED: PEOPLE}
    assert set(Message.objects.values_list("reason", "attempts")) == {("", 0)}
    assert not Message.objects.filter(due_at=None).exists()


def test_those_that_were_ticked_are_sent_to_the_address_of_today(alice: Person, shop: Shop) -> None:
    one = Message.objects.select_related("contact").latest("pk")
    assert one.contact is not None
    one.contact.email = one.contact.email_key = "moved@example.com"
    one.contact.save()
    alice.post("/messages/send-again", {"pk": [one.pk], "status": "held"})
    one.refresh_from_db()
    assert (one.status, one.to_email) == (Status.QUEUED, "moved@example.com")
    assert one.facts["contact"]["email"] == "moved@example.com"
    assert statuses() == {Status.QUEUED: 1, Status.HELD: PEOPLE - 1}


def test_very_many_go_so_many_at_a_time_and_the_rest_is_told(
    alice: Person, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "AT_ONCE", 5)
    monkeypatch.setattr(decisions, "TOGETHER", 2)
    answer = alice.post("/messages/send-again", {"all": "yes", "status": "held"}, follow=True)
    assert "5 messages are on the way again. 2 are left: send again to go on." in answer.content.decode()
    answer = alice.post("/messages/send-again", {"all": "yes", "status": "held"}, follow=True)
    assert "2 messages are on the way again." in answer.content.decode()
    assert statuses() == {Status.QUEUED: PEOPLE}


def test_whom_nobody_can_write_to_any_more_stays_and_viewers_decide_nothing(
    alice: Person, vera: Person, mallory: Person, shop: Shop
) -> None:
    Message.objects.filter(pk=Message.objects.latest("pk").pk).update(contact=None)
    assert "Send them" not in vera.get("/messages?status=held").content.decode()
    assert vera.post("/messages/send-again", {"all": "yes", "status": "held"}).status_code == 403
    mallory.post("/messages/send-again", {"all": "yes", "status": "held"})
    assert statuses() == {Status.HELD: PEOPLE}
    alice.post("/messages/send-again", {"all": "yes", "status": "held"})
    assert statuses() == {Status.QUEUED: PEOPLE - 1, Status.HELD: 1}
