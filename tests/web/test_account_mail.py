"""Promises of account mail: it leaves by a workspace's transport, and where none sends, the server's log has it."""

from __future__ import annotations

import logging
import re

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings
from typer.testing import CliRunner

from cocoonmail.accounts.models import User
from cocoonmail.cli.app import app
from cocoonmail.emails.transport import set_transport
from tests.people import Person
from tests.web.test_settings import server

pytestmark = pytest.mark.django_db

NEW = "another walk by the fjord"


@pytest.fixture(autouse=True)
def real_way_out(settings: Settings) -> None:
    """Tests of Django keep mail in memory unless told otherwise."""
    settings.EMAIL_BACKEND = "cocoonmail.web.accounts.mail.AccountMail"
    cache.clear()


@pytest.fixture
def visitor() -> Client:
    return Client(SERVER_NAME="127.0.0.1")


def ask(visitor: Client, email: str) -> None:
    answer = visitor.post("/account/password/reset/", {"email": email}, follow=True)
    assert "Look in your inbox" in answer.content.decode()


def link_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/account/password/reset/key/\S+)", text)
    assert found, text
    return found[1]


def choose(visitor: Client, path: str, password: str = NEW) -> str:
    form = visitor.get(path, follow=True)
    action = form.request["PATH_INFO"]
    return visitor.post(action, {"password1": password, "password2": password}, follow=True).content.decode()


def test_while_no_mail_leaves_the_link_is_in_the_log_and_works_once(
    visitor: Client, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ask(visitor, "alice@acme.test")
    assert "To: alice@acme.test" in caplog.text
    path = link_in(caplog.text)
    assert "Your password is changed" in choose(visitor, path)
    assert User.objects.get(email="alice@acme.test").check_password(NEW)
    assert "This link no longer works" in Client(SERVER_NAME="127.0.0.1").get(path, follow=True).content.decode()
    assert alice.get("/").status_code == 302


def test_the_link_has_our_host_whatever_the_request_says(alice: Person, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ask(Client(SERVER_NAME="localhost"), "alice@acme.test")
    assert "http://127.0.0.1:8000/account/password/reset/key/" in caplog.text
    assert "localhost" not in caplog.text


def test_where_a_workspace_sends_by_smtp_the_mail_goes_out_from_its_sender(visitor: Client, alice: Person) -> None:
    with server() as inbox:
        set_transport(alice.workspace, f"smtp://127.0.0.1:{inbox.port}")
        alice.workspace.save()
        ask(visitor, "alice@acme.test")
    (envelope,) = inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("hello@acme.test", ["alice@acme.test"])
    assert isinstance(envelope.content, bytes)
    content = envelope.content.decode()
    assert "From: Acme <hello@acme.test>" in content
    assert "/account/password/reset/key/" in content.replace("=\r\n", "")


def test_a_mail_server_that_is_away_breaks_no_page_and_the_log_has_the_mail(
    visitor: Client, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with server() as inbox:
        port = inbox.port
    set_transport(alice.workspace, f"smtp://127.0.0.1:{port}")
    alice.workspace.save()
    with caplog.at_level(logging.WARNING):
        ask(visitor, "alice@acme.test")
    assert link_in(caplog.text)


def test_the_page_says_the_same_for_somebody_who_has_no_account(
    visitor: Client, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ask(visitor, "nobody@acme.test")
    assert "No account signs in with this address" in caplog.text


def test_whoever_runs_the_server_can_print_a_link_for_a_person(visitor: Client, alice: Person) -> None:
    printed = CliRunner().invoke(app, ["reset-link", "Alice@acme.test"])
    assert printed.exit_code == 0, printed.output
    assert "Your password is changed" in choose(visitor, link_in(printed.output))
    assert CliRunner().invoke(app, ["reset-link", "nobody@acme.test"]).exit_code == 1
