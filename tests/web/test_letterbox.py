"""Promises of the unsubscribe page: one click for people and mail programs, nothing for scanners and guessers."""

from __future__ import annotations

import pytest
from django.test import Client

from cocoonmail.contacts.models import Contact
from cocoonmail.emails.letters import unsubscribe_url
from cocoonmail.emails.models import Message
from cocoonmail.kit.clock import database_now
from tests.people import Person

pytestmark = pytest.mark.django_db

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def ada(acme: object, alice: Person) -> Contact:
    now = database_now()
    email = "ada.lovelace@example.com"
    return Contact.objects.create(
        workspace=alice.workspace, email=email, email_key=email, created_at=now, updated_at=now
    )


def link(contact: Contact, workspace: int = 0) -> str:
    """The path in a message to this contact, which needs not be stored to be signed."""
    message = Message(pk=7, workspace_id=workspace or contact.workspace_id, contact_id=contact.pk)
    url = unsubscribe_url(message)
    return url.removeprefix("http://127.0.0.1:8000")


@pytest.fixture
def reader() -> Client:
    """Whoever got the email: no account, and a server that would insist on CSRF tokens if it could."""
    return Client(SERVER_NAME="127.0.0.1", enforce_csrf_checks=True)


def test_looking_at_the_link_changes_nothing_however_often_scanners_look(reader: Client, ada: Contact) -> None:
    for _ in range(3):
        answer = reader.get(link(ada))
        assert answer.status_code == 200
        assert reader.head(link(ada)).status_code == 200
    ada.refresh_from_db()
    assert ada.subscribed
    html = answer.content.decode()
    assert "Unsubscribe</button>" in html
    assert "Acme" in html


def test_the_page_shows_its_owner_enough_of_the_address_and_nobody_else_the_rest(reader: Client, ada: Contact) -> None:
    html = reader.get(link(ada)).content.decode()
    assert "a•••@e•••.com" in html
    assert "lovelace" not in html
    assert "example.com" not in html


def test_a_mail_program_unsubscribes_with_one_post_and_no_cookies(reader: Client, ada: Contact) -> None:
    answer = reader.post(link(ada), ONE_CLICK, content_type=FORM)
    assert answer.status_code == 200
    assert not answer.cookies
    ada.refresh_from_db()
    assert not ada.subscribed
    assert ada.unsubscribed_at is not None


def test_a_one_click_post_as_multipart_or_with_an_empty_body_counts_as_well(reader: Client, ada: Contact) -> None:
    assert reader.post(link(ada), {"List-Unsubscribe": "One-Click"}).status_code == 200
    ada.refresh_from_db()
    assert not ada.subscribed
    assert reader.post(link(ada)).status_code == 200


def test_the_second_time_answers_as_the_first_and_keeps_the_first_moment(reader: Client, ada: Contact) -> None:
    first = reader.post(link(ada), ONE_CLICK, content_type=FORM)
    ada.refresh_from_db()
    moment = ada.unsubscribed_at
    second = reader.post(link(ada), ONE_CLICK, content_type=FORM)
    ada.refresh_from_db()
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert ada.unsubscribed_at == moment


def test_whoever_unsubscribed_by_mistake_comes_back_with_one_click(reader: Client, ada: Contact) -> None:
    page = reader.post(link(ada)).content.decode()
    assert f"{link(ada)}/resubscribe" in page
    answer = reader.post(f"{link(ada)}/resubscribe")
    assert "You are subscribed again" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.subscribed
    assert ada.unsubscribed_at is None


def test_looking_at_resubscribe_changes_nothing(reader: Client, ada: Contact) -> None:
    reader.post(link(ada))
    assert reader.get(f"{link(ada)}/resubscribe").status_code == 405
    ada.refresh_from_db()
    assert not ada.subscribed


def flipped(path: str) -> str:
    """The token with its last letter changed."""
    return path[:-1] + ("A" if path[-1] != "A" else "B")


def test_no_token_tells_whether_somebody_is_known_here(reader: Client, ada: Contact, mallory: Person) -> None:
    real = link(ada)
    tampered = real.replace(f".{ada.pk}.", f".{ada.pk + 1}.")
    wrong = {
        "flipped": flipped(real),
        "truncated": real[:-3],
        "other contact": tampered,
        "nothing": "/unsubscribe/x",
        "not letters": "/unsubscribe/%00%ff..",
        "long": "/unsubscribe/" + "9." * 5000,
        "signed, for a contact who is not there": link(Contact(pk=999_999, workspace_id=ada.workspace_id)),
        "signed, for another workspace": link(ada, mallory.workspace.pk),
        "signed, for nobody": link(Contact(pk=None, workspace_id=ada.workspace_id)),
    }
    answers = {reader.get("/unsubscribe/y").content}
    for name, path in wrong.items():
        for answer in (reader.get(path), reader.post(path), reader.post(f"{path}/resubscribe")):
            assert answer.status_code == 404, name
            answers.add(answer.content)
    assert len(answers) == 1
    ada.refresh_from_db()
    assert ada.subscribed


def test_the_link_of_a_deleted_contact_says_nothing(reader: Client, ada: Contact) -> None:
    path = link(ada)
    ada.delete()
    assert reader.get(path).content == reader.get("/unsubscribe/x").content


def test_a_senders_name_is_text_and_never_markup(reader: Client, ada: Contact) -> None:
    workspace = ada.workspace
    workspace.sender_name = "<script>alert(1)</script>"
    workspace.save()
    html = reader.get(link(ada)).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
