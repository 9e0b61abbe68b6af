"""Promises of the Settings pages: a sender, a transport that is tried before it is trusted, and who may come in."""

from __future__ import annotations

import re
import ssl
from contextlib import AbstractContextManager

import pytest
from django.test import Client

from cocoonmail.accounts.enter import invite
from cocoonmail.accounts.models import Invitation, Member, Role, Workspace
from cocoonmail.emails.limits import DOMAINS_MAX
from cocoonmail.emails.transport import set_transport, transport_of, transport_url
from cocoonmail.kit.clock import database_now
from cocoonmail.transports import Security
from tests.people import People, Person, person, workspace
from tests.transports import certificates
from tests.transports.certificates import Certificates
from tests.transports.real import PASSWORD, USER, Inbox, mail_server
from tests.transports.threaded import in_a_thread

pytestmark = pytest.mark.django_db

SENDER = {
    "sender_name": "Acme",
    "sender_email": "hello@acme.test",
    "reply_to": "",
    "address": "1 Main St, Oslo",
    "name": "Acme",
    "time_zone": "Europe/Oslo",
}
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


def server(tls: ssl.SSLContext | None = None, *, login: str = "") -> AbstractContextManager[Inbox]:
    """A real mail server in a thread of its own, for the page sends while its view waits."""
    return in_a_thread(mail_server(tls, login=login))


def smtp(port: int, **changes: str) -> dict[str, str]:
    return {"kind": "smtp", "host": "127.0.0.1", "port": str(port), "security": "none", **changes}


def stored(person: Person) -> Workspace:
    return Workspace.objects.get(pk=person.workspace.pk)


def say(answer_to: Person, path: str, values: dict[str, str] | None = None) -> str:
    return answer_to.post(path, values or {}, follow=True).content.decode()


# The sender


def test_the_sender_and_the_time_zone_are_saved(alice: Person) -> None:
    say(alice, "/settings", {**SENDER, "sender_name": "Acme Mail", "reply_to": "help@acme.test"})
    saved = stored(alice)
    assert (saved.sender_name, saved.reply_to, saved.time_zone) == ("Acme Mail", "help@acme.test", "Europe/Oslo")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sender_email", ""),
        ("sender_email", "nobody"),
        ("sender_email", "a@localhost"),
        ("sender_email", "acme@Gmail.com"),
        ("sender_email", "a@b.test, c@d.test"),
        ("sender_email", "a@b.test\nBcc: x@y.test"),
        ("reply_to", "no address"),
        ("time_zone", "Mars/Olympus"),
        ("name", ""),
        ("name", "x" * 101),
        ("sender_name", "a\0b"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field_and_nothing_is_saved(alice: Person, field: str, value: str) -> None:
    html = say(alice, "/settings", {**SENDER, "sender_name": "New", field: value})
    assert 'class="errorlist"' in html
    assert stored(alice).sender_name == "Acme"


def test_whatever_is_written_is_shown_as_text(alice: Person) -> None:
    fields = {**SENDER, "sender_name": HOSTILE, "address": HOSTILE, "name": HOSTILE}
    assert HOSTILE not in say(alice, "/settings", fields)
    for path in ("/", "/settings", "/settings/transport", "/settings/limits", "/settings/members"):
        assert HOSTILE not in alice.get(path).content.decode(), path


# The transport


def test_a_password_is_sealed_kept_when_left_blank_and_never_shown(alice: Person) -> None:
    secret = "hunter2 & friends"
    fields = smtp(587, host="mx.acme.test", security="starttls", username="acme", password=secret)
    assert secret not in say(alice, "/settings/transport", fields)
    assert secret not in stored(alice).transport_sealed
    say(alice, "/settings/transport", {**fields, "password": "", "port": "2525"})
    kept = transport_of(stored(alice))
    assert (kept.password, kept.port, kept.security) == (secret, 2525, Security.STARTTLS)
    assert "hunter2" not in alice.get("/settings/transport").content.decode()


@pytest.mark.parametrize("change", [{"host": "mx.evil.test"}, {"username": "mallory"}])
def test_a_stored_password_goes_to_no_other_server_or_account(alice: Person, change: dict[str, str]) -> None:
    fields = smtp(587, host="mx.acme.test", security="starttls", username="acme", password="hunter2")
    say(alice, "/settings/transport", fields)
    before = transport_url(stored(alice))
    html = say(alice, "/settings/transport", {**fields, "password": "", **change})
    assert "Write it once more" in html
    assert transport_url(stored(alice)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"host": ""},
        {"host": "no host"},
        {"host": "user@mx.acme.test"},
        {"host": "mx.acme.test/x"},
        {"host": "mx.acme.test#"},
        {"port": "0"},
        {"port": "65536"},
        {"port": "x"},
        {"security": "whatever"},
        {"kind": "pigeon"},
        {"host": "mx.acme.test", "username": "acme", "password": "hunter2", "security": "none"},
        {"username": "", "password": "hunter2"},
        {"username": "a\x01b", "password": "x"},
    ],
)
def test_a_transport_that_cannot_work_is_refused_and_the_old_one_stays(alice: Person, change: dict[str, str]) -> None:
    html = say(alice, "/settings/transport", {**smtp(25), **change})
    assert 'class="errorlist' in html
    assert stored(alice).transport_sealed == ""


def test_capturing_again_forgets_the_server_and_its_password(alice: Person) -> None:
    say(alice, "/settings/transport", smtp(2525))
    assert transport_of(stored(alice)).kind == "smtp"
    say(alice, "/settings/transport", {"kind": "capture", "security": "none"})
    assert stored(alice).transport_sealed == ""


def test_a_test_arrives_at_the_members_own_address_and_shows_the_conversation(alice: Person) -> None:
    with server(login="PLAIN") as inbox:
        say(alice, "/settings/transport", smtp(inbox.port, username=USER, password=PASSWORD))
        html = say(alice, "/settings/transport/tests")
    assert "The server took it" in html
    assert "C: MAIL FROM:&lt;hello@acme.test&gt;" in html
    assert "correct horse" not in html
    assert inbox.envelopes[0].rcpt_tos == ["alice@acme.test"]
    assert b"Test from Cocoonmail" in (inbox.envelopes[0].content or b"")


def test_a_self_signed_certificate_is_refused_and_the_page_says_how_to_allow_it(
    alice: Person, made: Certificates
) -> None:
    with server(made.self_signed) as inbox:
        fields = smtp(inbox.port, security="starttls")
        say(alice, "/settings/transport", fields)
        html = say(alice, "/settings/transport/tests")
        assert "self-signed" in html
        assert "Accept a self-signed certificate" in html.split('id="result"')[1].split("</div></div>")[0]
        assert inbox.envelopes == []
        say(alice, "/settings/transport", {**fields, "allow_self_signed": "on"})
        assert "The server took it" in say(alice, "/settings/transport/tests")
    assert inbox.encrypted == [True]


def test_a_certificate_of_a_known_authority_needs_no_allowance(
    alice: Person, made: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    with server(made.good) as inbox:
        say(alice, "/settings/transport", smtp(inbox.port, security="starttls"))
        assert "The server took it" in say(alice, "/settings/transport/tests")


def test_a_wrong_password_is_said_in_the_servers_words(alice: Person) -> None:
    with server(login="PLAIN") as inbox:
        say(alice, "/settings/transport", smtp(inbox.port, username=USER, password="wrong"))
        html = say(alice, "/settings/transport/tests")
    assert "535" in html
    assert "The server took it" not in html


def test_a_server_that_is_not_there_is_said_and_nothing_breaks(alice: Person) -> None:
    with server() as inbox:
        port = inbox.port
    say(alice, "/settings/transport", smtp(port))
    assert "It could not be sent" in say(alice, "/settings/transport/tests")


def test_a_test_needs_a_server_and_a_sender(alice: Person) -> None:
    assert "There is no server to test yet" in say(alice, "/settings/transport/tests")
    alice.workspace.sender_email = ""
    set_transport(alice.workspace, "smtp://127.0.0.1:2525")
    alice.workspace.save()
    assert "Choose a sender first" in say(alice, "/settings/transport/tests")


# Sending limits


def test_a_limit_is_set_changed_and_removed_whichever_way_its_domain_is_written(alice: Person) -> None:
    assert "No domain has a limit" in alice.get("/settings/limits").content.decode()
    assert "Mail to gmail.com leaves at 5 a second" in say(
        alice, "/settings/limits", {"domain": "GMail.com", "rate": "5"}
    )
    say(alice, "/settings/limits", {"domain": " @bücher.example", "rate": "0.5"})
    say(alice, "/settings/limits", {"domain": "gmail.com", "rate": "2.5"})
    assert stored(alice).domain_rates == {"gmail.com": 2.5, "xn--bcher-kva.example": 0.5}
    assert "no limit of its own" in say(alice, "/settings/limits/remove", {"domain": "gmail.com"})
    say(alice, "/settings/limits/remove", {"domain": "gmail.com"})
    assert stored(alice).domain_rates == {"xn--bcher-kva.example": 0.5}


@pytest.mark.parametrize(
    ("domain", "rate", "words"),
    [
        ("gmail", "5", "is no domain. It looks like gmail.com"),
        ("ada@gmail.com", "5", "is no domain"),
        (HOSTILE, "5", "is no domain"),
        ("a\0b.com", "5", "errorlist"),
        ("", "5", "errorlist"),
        ("gmail.com", "", "errorlist"),
        ("gmail.com", "0", "from 0.001 to 10,000"),
        ("gmail.com", "10001", "from 0.001 to 10,000"),
        ("gmail.com", "nan", "from 0.001 to 10,000"),
        ("gmail.com", "quick", "from 0.001 to 10,000"),
    ],
)
def test_a_limit_that_cannot_be_is_said_beside_its_field(alice: Person, domain: str, rate: str, words: str) -> None:
    html = say(alice, "/settings/limits", {"domain": domain, "rate": rate})
    assert words in html
    assert HOSTILE not in html
    assert stored(alice).domain_rates == {}


def test_a_workspace_has_no_more_limits_than_it_may(alice: Person) -> None:
    Workspace.objects.update(domain_rates={f"d{number}.example": 1 for number in range(DOMAINS_MAX)})
    assert "100 domains at most" in say(alice, "/settings/limits", {"domain": "gmail.com", "rate": "5"})
    assert "leaves at 7 a second" in say(alice, "/settings/limits", {"domain": "d7.example", "rate": "7"})


# Members


def member(of: Person) -> Member:
    return Member.objects.get(user=of.user, workspace=of.workspace)


def link_in(html: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/welcome/[\w-]+)", html)
    assert found
    return found[1]


def test_an_invitation_is_a_link_that_is_shown_once_and_lets_one_person_in(alice: Person) -> None:
    html = say(alice, "/settings/members", {"email": "Carol@acme.test", "role": "editor"})
    link = link_in(html)
    assert "carol@acme.test" in html
    assert "/welcome/" not in alice.get("/settings/members").content.decode()
    carol = Client(SERVER_NAME="127.0.0.1")
    carol.post(link, {"name": "Carol", "password": "a long walk by the fjord"})
    assert Member.objects.get(user__email="carol@acme.test").role == Role.EDITOR
    assert carol.get("/").status_code == 200
    assert Client(SERVER_NAME="127.0.0.1").get(link).status_code == 410


def test_a_member_is_not_invited_twice_and_a_second_link_replaces_the_first(alice: Person) -> None:
    assert "a member already" in say(alice, "/settings/members", {"email": "bob@acme.test", "role": "editor"})
    first = link_in(say(alice, "/settings/members", {"email": "carol@acme.test", "role": "editor"}))
    second = link_in(say(alice, "/settings/members", {"email": "carol@acme.test", "role": "viewer"}))
    visitor = Client(SERVER_NAME="127.0.0.1")
    assert visitor.get(first).status_code == 410
    assert visitor.get(second).status_code == 200


def test_a_link_that_was_withdrawn_lets_nobody_in(alice: Person) -> None:
    link = link_in(say(alice, "/settings/members", {"email": "carol@acme.test", "role": "editor"}))
    say(alice, f"/settings/invitations/{Invitation.objects.get().pk}/withdraw")
    assert Client(SERVER_NAME="127.0.0.1").get(link).status_code == 410


def test_a_new_role_counts_from_the_next_click_on(alice: Person, bob: Person) -> None:
    assert bob.post("/settings", SENDER).status_code == 403
    say(alice, f"/settings/members/{member(bob).pk}/role", {"role": "admin"})
    assert bob.post("/settings", SENDER).status_code == 302
    say(alice, f"/settings/members/{member(bob).pk}/role", {"role": "viewer"})
    assert bob.post("/settings", SENDER).status_code == 403


def test_who_was_removed_is_out_at_once(alice: Person, bob: Person) -> None:
    assert bob.get("/messages").status_code == 200
    say(alice, f"/settings/members/{member(bob).pk}/remove")
    answer = bob.get("/messages")
    assert answer.status_code == 302
    assert answer["Location"] == "/no-workspace"


def test_the_last_owner_can_neither_leave_nor_step_down(alice: Person, bob: Person) -> None:
    owner = member(alice).pk
    assert "at least one owner" in say(alice, f"/settings/members/{owner}/remove")
    assert "at least one owner" in say(alice, f"/settings/members/{owner}/role", {"role": "editor"})
    assert member(alice).role == Role.OWNER
    say(alice, f"/settings/members/{member(bob).pk}/role", {"role": "owner"})
    alice.post(f"/settings/members/{owner}/remove")
    assert not Member.objects.filter(pk=owner).exists()


def test_an_admin_makes_no_owners_and_touches_none(alice: Person, bob: Person, vera: Person) -> None:
    Member.objects.filter(user=bob.user).update(role=Role.ADMIN)
    assert bob.post(f"/settings/members/{member(alice).pk}/remove").status_code == 403
    assert bob.post(f"/settings/members/{member(alice).pk}/role", {"role": "viewer"}).status_code == 403
    assert bob.post(f"/settings/members/{member(vera).pk}/role", {"role": "owner"}).status_code == 403
    bob.post("/settings/members", {"email": "carol@acme.test", "role": "owner"})
    assert not Invitation.objects.exists()
    assert bob.post(f"/settings/members/{member(vera).pk}/role", {"role": "editor"}).status_code == 302


def test_nobody_changes_anything_without_the_right(everybody: People) -> None:
    changes = {
        "/settings": SENDER,
        "/settings/transport": smtp(25),
        "/settings/transport/tests": {},
        "/settings/limits": {"domain": "gmail.com", "rate": "5"},
        "/settings/limits/remove": {"domain": "gmail.com"},
        "/settings/members": {"email": "x@y.test", "role": "viewer"},
        f"/settings/members/{member(everybody.alice).pk}/remove": {},
        f"/settings/members/{member(everybody.alice).pk}/role": {"role": "viewer"},
    }
    for path, values in changes.items():
        for who in (everybody.bob, everybody.vera):
            assert who.post(path, values).status_code == 403, path
    invite(everybody.alice.workspace, "carol@acme.test", Role.VIEWER, database_now())
    theirs = [
        f"/settings/members/{member(everybody.alice).pk}/remove",
        f"/settings/members/{member(everybody.alice).pk}/role",
        f"/settings/invitations/{Invitation.objects.get().pk}/withdraw",
        f"/workspaces/{everybody.alice.workspace.pk}/enter",
    ]
    for path in theirs:
        assert everybody.mallory.post(path, {"role": "viewer"}).status_code == 404, path


def test_whoever_has_several_workspaces_goes_from_one_to_the_other(alice: Person) -> None:
    assert "Your workspaces" not in alice.get("/settings").content.decode()
    other = workspace("Other")
    Member.objects.create(workspace=other, user=alice.user, role=Role.VIEWER)
    assert "Your workspaces" in alice.get("/settings").content.decode()
    alice.post(f"/workspaces/{other.pk}/enter")
    assert '<span class="workspace-name">Other</span>' in alice.get("/").content.decode()
    assert alice.post("/settings", SENDER).status_code == 403
    alice.post(f"/workspaces/{alice.workspace.pk}/enter")
    assert '<span class="workspace-name">Acme</span>' in alice.get("/").content.decode()


def test_a_form_from_another_site_changes_nothing(alice: Person) -> None:
    strict = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
    strict.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post("/settings", {**SENDER, "name": "Stolen"}).status_code == 403
    token = person("carol@acme.test", Role.OWNER, alice.workspace).get("/settings").cookies["csrf"].value
    assert strict.post("/settings", {**SENDER, "name": "Stolen", "csrfmiddlewaretoken": token}).status_code == 403
    assert strict.post("/settings", '{"name": "Stolen"}', content_type="text/plain").status_code == 403
    assert stored(alice).name == "Acme"
