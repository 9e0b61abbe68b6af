"""Promises of the loops' pages: the list, the builder, the email editor."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cocoonmail.contacts.models import EventName
from cocoonmail.emails.models import Email, Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, LoopState, Run, RunState
from tests.deeds import contact, goes_on, happens, loop_of
from tests.people import People, Person

PAGES = ["", "?step=trigger", "?step=wait", "?step=email", "?step=loop", "?step=gone", "/metrics", "/people"]
VERBS = ["name", "unknown", "trigger", "steps", "steps/wait", "steps/wait/move", "steps/wait/remove"]
VERBS += ["start", "pause", "publish"]


def version(loop: Loop) -> str:
    loop.refresh_from_db()
    return loop.updated_at.isoformat()


def html(person: Person, path: str) -> str:
    answer = person.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def kinds(loop: Loop) -> list[str]:
    loop.refresh_from_db()
    return [step["type"] for step in loop.steps]


def trigger(loop: Loop, event: str, **values: str) -> dict[str, str]:
    return {"version": version(loop), "event": event, "frequency": "one_time", **values}


def written(email: Email, **values: Any) -> dict[str, Any]:
    """An email's form, filled in."""
    email.refresh_from_db()
    fields = ["name", "subject", "preview", "format", "body", "kind", "from_name", "from_email", "reply_to"]
    return {**{name: getattr(email, name) for name in fields}, "version": email.updated_at.isoformat(), **values}


@pytest.mark.parametrize("tail", PAGES)
def test_every_page_of_a_loop_opens_for_everybody_inside_and_for_nobody_else(everybody: People, tail: str) -> None:
    loop = loop_of(everybody.alice.workspace)
    happens("newStripeCustomer", contact(everybody.alice.workspace), customerName="Ada Lovelace")
    goes_on()
    inside = (everybody.alice, everybody.bob, everybody.vera)
    assert [one.get(f"/loops/{loop.pk}{tail}").status_code for one in inside] == [200, 200, 200]
    assert everybody.mallory.get(f"/loops/{loop.pk}{tail}").status_code == 404


@pytest.mark.parametrize("verb", [*VERBS, "delete"])
def test_who_may_only_look_and_who_is_not_inside_change_nothing(everybody: People, verb: str) -> None:
    loop = loop_of(everybody.alice.workspace)
    before = Loop.objects.values().get()
    form = {**trigger(loop, "other"), "name": "Mine", "kind": "wait", "amount": "9", "unit": "days", "to": "down"}
    form["unknown_policy"] = "resend_once"
    assert everybody.vera.post(f"/loops/{loop.pk}/{verb}", form).status_code == 403
    assert everybody.mallory.post(f"/loops/{loop.pk}/{verb}", form).status_code == 404
    assert Loop.objects.values().get() == before


def test_an_empty_list_teaches_the_next_step(alice: Person) -> None:
    assert "Choose a template" in html(alice, "/loops")


def test_the_list_counts_who_entered_and_what_was_sent(alice: Person) -> None:
    loop_of(alice.workspace)
    for number in range(3):
        happens("newStripeCustomer", contact(alice.workspace, f"ada{number}@example.com"))
    goes_on()
    Message.objects.filter(pk=Message.objects.earliest("pk").pk).update(status=Status.CAPTURED)
    numbers = re.findall(r'<td class="number[^"]*">([\d,]+)</td>', html(alice, "/loops"))
    assert numbers == ["3", "0", "3", "1"]
    assert "30 days: 3 entered in all" in html(alice, "/loops")


def test_the_list_is_found_by_name_and_state_and_shows_only_ones_own(everybody: People) -> None:
    loop_of(everybody.alice.workspace), loop_of(everybody.mallory.workspace, "stripe-payment-failed")
    assert "Stripe - Payment Failed" not in html(everybody.alice, "/loops")
    assert "No loop fits" in html(everybody.alice, "/loops?state=paused")
    assert "Stripe - New Customer" in html(everybody.alice, "/loops?state=live&q=new")


def test_pages_need_as_many_queries_for_many_loops_as_for_few(alice: Person) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            html(alice, path)
        return len(captured)

    loop = loop_of(alice.workspace)
    happens("newStripeCustomer", contact(alice.workspace))
    few = [queries(path) for path in ("/loops", f"/loops/{loop.pk}", f"/loops/{loop.pk}/people")]
    for number in range(6):
        loop_of(alice.workspace, "stripe-payment-successful")
        happens("newStripeCustomer", contact(alice.workspace, f"ada{number}@example.com"))
        email = Email.objects.create(workspace=alice.workspace, name="More", subject="More", body="More")
        loop.steps.append({"id": f"more{number}", "type": "email", "email": email.pk})
    loop.save()
    many = [queries(path) for path in ("/loops", f"/loops/{loop.pk}", f"/loops/{loop.pk}/people")]
    assert all(now <= before for now, before in zip(many, few, strict=True))
    assert max(many) <= 20


def test_a_blank_loop_is_built_and_started_from_its_pages_alone(bob: Person) -> None:
    assert bob.post("/loops", {"name": "Welcome"}).status_code == 302
    loop = Loop.objects.get(name="Welcome")
    assert "Choose the event that starts it" in html(bob, f"/loops/{loop.pk}")
    bob.post(f"/loops/{loop.pk}/start")
    assert Loop.objects.get().state == LoopState.DRAFT

    bob.post(f"/loops/{loop.pk}/trigger", trigger(loop, "signedUp"))
    bob.post(f"/loops/{loop.pk}/steps", {"version": version(loop), "kind": "wait", "after": "trigger"})
    bob.post(f"/loops/{loop.pk}/steps", {"version": version(loop), "kind": "email", "after": (loop.steps and "") or ""})
    assert sorted(kinds(loop)) == ["email", "wait"]
    email = Email.objects.get()
    assert "Write a subject" in html(bob, f"/loops/{loop.pk}")
    answer = bob.post(f"/loops/{loop.pk}/start", follow=True).content.decode()
    assert "The loop cannot start yet." in answer
    assert "subject" in answer

    bob.post(f"/loops/{loop.pk}/emails/{email.pk}", written(email, subject="Welcome", body="Good to see you."))
    bob.post(f"/loops/{loop.pk}/start")
    loop.refresh_from_db()
    assert (loop.state, str(loop.trigger), loop.frequency) == (LoopState.LIVE, "signedUp", "one_time")


def test_a_new_event_name_typed_into_the_trigger_is_made(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    alice.post(f"/loops/{loop.pk}/trigger", trigger(loop, "trialEnded"))
    assert EventName.objects.filter(workspace=alice.workspace, name="trialEnded").exists()
    answer = alice.post(f"/loops/{loop.pk}/trigger", trigger(loop, "trial:ended"))
    assert answer.status_code == 422
    assert "may not contain a colon" in answer.content.decode()


@pytest.mark.parametrize(
    ("amount", "unit", "seconds"), [("0", "minutes", 0), ("90", "minutes", 5400), ("3", "days", 259200)]
)
def test_a_wait_takes_minutes_hours_and_days(bob: Person, amount: str, unit: str, seconds: int) -> None:
    loop = loop_of(bob.workspace, live=False)
    bob.post(f"/loops/{loop.pk}/steps/wait", {"version": version(loop), "amount": amount, "unit": unit})
    loop.refresh_from_db()
    assert loop.steps[0]["seconds"] == seconds


@pytest.mark.parametrize("amount", ["-1", "367", "99999999999999999999", "soon", ""])
def test_a_wait_that_cannot_be_is_refused_beside_its_field(bob: Person, amount: str) -> None:
    loop = loop_of(bob.workspace, live=False)
    answer = bob.post(f"/loops/{loop.pk}/steps/wait", {"version": version(loop), "amount": amount, "unit": "days"})
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()
    loop.refresh_from_db()
    assert loop.steps[0]["seconds"] == 0


def test_steps_are_added_behind_a_step_moved_and_removed(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    alice.post(f"/loops/{loop.pk}/steps", {"version": version(loop), "kind": "wait", "after": "wait"})
    assert kinds(loop) == ["wait", "wait", "email"]
    alice.post(f"/loops/{loop.pk}/steps/email/move", {"version": version(loop), "to": "up"})
    assert kinds(loop) == ["wait", "email", "wait"]
    alice.post(f"/loops/{loop.pk}/steps/email/remove", {"version": version(loop)})
    assert kinds(loop) == ["wait", "wait"]
    assert not Email.objects.exists()


@pytest.mark.parametrize("verb", ["trigger", "steps", "steps/wait", "steps/wait/move", "steps/wait/remove"])
def test_a_second_tab_cannot_overwrite_what_the_first_one_saved(alice: Person, bob: Person, verb: str) -> None:
    loop = loop_of(alice.workspace, live=False)
    opened_in_both = version(loop)
    alice.post(f"/loops/{loop.pk}/steps/wait", {"version": opened_in_both, "amount": "2", "unit": "days"})
    after_alice = Loop.objects.values().get()
    form = {"event": "other", "frequency": "one_time", "kind": "wait", "amount": "9", "unit": "days", "to": "down"}
    answer = bob.post(f"/loops/{loop.pk}/{verb}", {**form, "version": opened_in_both})
    assert answer.status_code == 409
    assert "changed in another tab, or by somebody else" in answer.content.decode()
    assert Loop.objects.values().get() == after_alice


def test_a_change_without_a_version_is_refused(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    assert alice.post(f"/loops/{loop.pk}/steps/wait/remove").status_code == 409
    assert alice.post(f"/loops/{loop.pk}/steps", {"kind": "wait", "version": "yesterday"}).status_code == 409


def test_a_refused_new_email_step_leaves_no_email_behind(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    alice.post(f"/loops/{loop.pk}/steps", {"kind": "email", "version": "2020-01-01T00:00:00+00:00"})
    assert Email.objects.count() == 1


def test_what_runs_stays_as_it_was_published_until_it_is_published_again(alice: Person) -> None:
    loop = loop_of(alice.workspace)
    assert "Unpublished changes" not in html(alice, f"/loops/{loop.pk}")
    alice.post(f"/loops/{loop.pk}/steps/wait", {"version": version(loop), "amount": "2", "unit": "days"})
    assert "a wait is longer" in html(alice, f"/loops/{loop.pk}")
    happens("newStripeCustomer", contact(alice.workspace))
    assert Message.objects.count() == 1

    alice.post(f"/loops/{loop.pk}/publish")
    assert "Unpublished changes" not in html(alice, f"/loops/{loop.pk}")
    happens("newStripeCustomer", contact(alice.workspace, "grace@example.com"))
    assert Message.objects.count() == 1


def test_a_changed_email_is_an_unpublished_change_of_its_loop(alice: Person) -> None:
    loop = loop_of(alice.workspace)
    email = Email.objects.get()
    alice.post(f"/loops/{loop.pk}/emails/{email.pk}", written(email, subject="Something else"))
    assert "reads differently" in html(alice, f"/loops/{loop.pk}")


def test_a_paused_loop_goes_on_where_it_was(bob: Person) -> None:
    loop = loop_of(bob.workspace)
    bob.post(f"/loops/{loop.pk}/pause")
    loop.refresh_from_db()
    assert loop.state == LoopState.PAUSED
    assert "Everybody stays where they are" in html(bob, f"/loops/{loop.pk}")
    bob.post(f"/loops/{loop.pk}/start")
    loop.refresh_from_db()
    assert loop.state == LoopState.LIVE


def test_metrics_count_each_email_by_what_became_of_it(alice: Person) -> None:
    loop = loop_of(alice.workspace)
    for status in (Status.SENT, Status.SENT, Status.HELD, Status.UNKNOWN):
        happens("newStripeCustomer", contact(alice.workspace, f"{status}{Message.objects.count()}@example.com"))
        goes_on()
        Message.objects.filter(pk=Message.objects.latest("pk").pk).update(status=status)
    page = html(alice, f"/loops/{loop.pk}/metrics")
    row = page[page.index("<tbody>") : page.index("</tbody>")]
    cells = [int(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r'<td class="number">(.*?)</td>', row)]
    assert cells == [2, 0, 1, 0, 0, 1]


def test_people_are_shown_with_the_step_they_wait_at(alice: Person) -> None:
    loop = loop_of(alice.workspace)
    loop.steps[0]["seconds"] = 3 * 86400
    loop.save()
    alice.post(f"/loops/{loop.pk}/publish")
    ada = contact(alice.workspace)
    happens("newStripeCustomer", ada)
    goes_on()
    page = html(alice, f"/loops/{loop.pk}/people")
    assert f"/audience/{ada.pk}" in page
    assert "Next: Send email" in page
    assert "in 3 days" in page
    assert "Nobody fits" in html(alice, f"/loops/{loop.pk}/people?state=finished")
    assert "ada@example.com" in html(alice, f"/loops/{loop.pk}/people?state=waiting&q=ADA")


def test_the_trigger_says_who_sends_its_event_or_that_nothing_does(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    assert "Nothing sends it yet" in html(alice, f"/loops/{loop.pk}")
    endpoint = alice.workspace.endpoints.create(name="Stripe", platform="stripe")
    endpoint.choices.create(workspace=alice.workspace, type="customer.created", trigger="newStripeCustomer")
    assert "Stripe: customer.created" in html(alice, f"/loops/{loop.pk}")


def test_a_workspace_without_sender_and_address_is_warned_before_its_mail_is_held(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    assert "would be held" not in html(alice, f"/loops/{loop.pk}")
    type(alice.workspace).objects.filter(pk=alice.workspace.pk).update(sender_email="", address="")
    page = html(alice, f"/loops/{loop.pk}")
    assert "There is no sender yet" in page
    assert "must carry your postal address" in page


def test_deleting_names_what_it_destroys_and_stops_what_is_queued(alice: Person) -> None:
    loop = loop_of(alice.workspace)
    for number in range(2):
        happens("newStripeCustomer", contact(alice.workspace, f"ada{number}@example.com"))
    goes_on()
    Run.objects.filter(pk=Run.objects.earliest("pk").pk).update(state=RunState.WAITING)
    page = html(alice, f"/loops/{loop.pk}?step=loop")
    for words in ("2 steps, with 1 email", "1 contact who are inside", "2 messages on their way"):
        assert words in page
    alice.post(f"/loops/{loop.pk}/delete")
    assert not Loop.objects.exists()
    assert not Run.objects.exists()
    assert not Email.objects.exists()
    assert set(Message.objects.values_list("status", "reason", "due_at")) == {
        (Status.SKIPPED, "its loop was deleted", None)
    }


def test_deleting_a_loop_leaves_an_email_that_another_loop_sends(alice: Person) -> None:
    first, second = loop_of(alice.workspace), loop_of(alice.workspace, "stripe-payment-failed")
    second.steps = first.steps
    second.save()
    alice.post(f"/loops/{first.pk}/delete")
    assert Email.objects.filter(pk=second.steps[1]["email"]).exists()


def test_the_editor_offers_what_events_and_contacts_can_say(alice: Person) -> None:
    loop = loop_of(alice.workspace, "stripe-payment-successful", live=False)
    EventName.objects.filter(name="successfulPayment").update(properties={"seenOnlyHere": "string"})
    page = html(alice, f"/loops/{loop.pk}/emails/{Email.objects.get().pk}")
    for tag in ("contact.firstName", "event.seenOnlyHere", "event.amountPaidDisplay", "event.invoiceUrl"):
        assert tag in page


def test_the_editor_tells_problems_with_their_lines(bob: Person) -> None:
    loop = loop_of(bob.workspace, live=False)
    email = Email.objects.get()
    broken = written(email, format="markdown", body="Hello\n\n{% if event.plan %}never closed", subject="")
    answer = bob.post(f"/loops/{loop.pk}/emails/{email.pk}/check", broken).content.decode()
    assert "Body, line 3" in answer
    assert "Write a subject" in answer
    email.refresh_from_db()
    assert email.subject


def test_a_preview_shows_what_is_in_the_editor_fenced_in_and_saves_nothing(bob: Person) -> None:
    loop = loop_of(bob.workspace, live=False)
    email = Email.objects.get()
    path = f"/loops/{loop.pk}/emails/{email.pk}/preview"
    answer = bob.post(path, written(email, format="markdown", body="Unsaved {{ contact.firstName }}"))
    assert "Unsaved Ada" in answer.content.decode()
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert "Unsaved" not in bob.get(path).content.decode()


def test_a_preview_can_use_a_real_event_but_none_of_another_workspace(everybody: People) -> None:
    alice, mallory = everybody.alice, everybody.mallory
    loop, theirs = loop_of(alice.workspace), loop_of(mallory.workspace)
    event = happens("newStripeCustomer", contact(alice.workspace, "grace@example.com", first_name="Grace"))
    steal = happens("newStripeCustomer", contact(mallory.workspace, "mal@example.com", first_name="Mal"))
    path = f"/loops/{loop.pk}/emails/{loop.steps[1]['email']}/preview"
    assert "Grace" in html(alice, f"{path}?event={event.pk}")
    assert "Mal" not in html(alice, f"{path}?event={steal.pk}")
    assert alice.get(f"/loops/{loop.pk}/emails/{theirs.steps[1]['email']}").status_code == 404
    assert html(alice, f"{path}?event=nonsense")


@pytest.mark.parametrize("tail", ["", "/preview", "/check"])
def test_only_editors_write_emails(everybody: People, tail: str) -> None:
    loop = loop_of(everybody.alice.workspace, live=False)
    email = Email.objects.get()
    path = f"/loops/{loop.pk}/emails/{email.pk}"
    assert everybody.vera.get(path).status_code == 200
    assert everybody.vera.post(path + tail, written(email)).status_code == 403
    assert everybody.mallory.post(path + tail, written(email)).status_code == 404
    assert everybody.mallory.get(path + tail).status_code == 404


def test_a_second_tab_of_the_editor_cannot_overwrite_and_keeps_what_was_written(alice: Person, bob: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    email = Email.objects.get()
    path, opened_in_both = f"/loops/{loop.pk}/emails/{email.pk}", written(email)
    alice.post(path, {**opened_in_both, "subject": "From Alice"})
    answer = bob.post(path, {**opened_in_both, "subject": "From Bob"})
    assert answer.status_code == 409
    assert "From Bob" in answer.content.decode()
    email.refresh_from_db()
    assert email.subject == "From Alice"
    bob.post(path, written(email, subject="From Bob, after all"))
    email.refresh_from_db()
    assert email.subject == "From Bob, after all"


def test_a_sender_that_is_no_address_is_refused_beside_its_field(bob: Person) -> None:
    loop = loop_of(bob.workspace, live=False)
    email = Email.objects.get()
    path = f"/loops/{loop.pk}/emails/{email.pk}"
    answer = bob.post(path, written(email, from_email="not an address"))
    assert answer.status_code == 422
    assert "is not an email address" in answer.content.decode()
    assert bob.post(path, written(email, reply_to="{{ event.ownerEmail }}")).status_code == 302


def test_two_saves_in_one_moment_are_two_versions(alice: Person) -> None:
    loop = loop_of(alice.workspace, live=False)
    seen = database_now() + timedelta(days=1)
    Loop.objects.filter(pk=loop.pk).update(updated_at=seen)
    alice.post(f"/loops/{loop.pk}/steps/email/move", {"version": seen.isoformat(), "to": "up"})
    assert kinds(loop) == ["email", "wait"]
    assert loop.updated_at > seen
