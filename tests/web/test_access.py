"""Who may open what: every address there is, tried by nobody, by Vera who looks, and by Mallory (promise D1).

The routes are read from the urlconf. One that is in no list here fails the test, so that nobody forgets to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from cocoonmail.accounts.enter import invite
from cocoonmail.accounts.models import Invitation, Member, Role, User
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.domains import add_pair
from cocoonmail.emails.models import Message, SendingDomain, Status
from cocoonmail.intake.backfill import begin
from cocoonmail.intake.models import Backfill, Delivery
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from tests.people import People, Person
from tests.shop import Shop, event

pytestmark = pytest.mark.django_db

# Pages that members look at; nothing is changed there.
LOOK = set(
    "home integrations endpoint endpoint_deliveries delivery delivery_body "
    "loop loop_metrics loop_people loops templates template template_preview "
    "audience contact events messages message message_text message_source message_conversation "
    "message_rendered message_raw domain".split()
)
# Pages with a form that changes something.
BOTH = set(
    "platform endpoint_options endpoint_backfills "
    "loop_new loop_email loop_email_preview loop_email_check contact_new event_new "
    "settings settings_domains settings_transport settings_limits settings_keeping settings_members".split()
)
# Verbs: they only take POST.
CHANGE = set(
    "endpoint_events endpoint_secrets endpoint_made_secret endpoint_remove_secret endpoint_rehearsals "
    "endpoint_only_log_test endpoint_enable endpoint_delete endpoint_stop_backfill delivery_process_again "
    "loop_name loop_unknown loop_trigger loop_steps loop_step loop_step_move loop_step_remove loop_start "
    "loop_pause loop_publish loop_delete template_create contact_property contact_stop contact_allow contact_delete "
    "message_send_again message_arrived messages_send_again messages_arrived messages_start_sending "
    "messages_discard_waiting settings_transport_test "
    "settings_limit_remove domain_check domain_on domain_off domain_rotate domain_remove "
    "member_role member_remove invitation_withdraw".split()
)
# Nobody has to be known for these: their tests are in test_welcome, test_letterbox and test_account_pages.
PUBLIC = set("closed welcome no_workspace unsubscribe resubscribe".split())
# What everybody may change, whatever their role, for it is only about themselves.
OWN = {"workspace_enter"}
# allauth's pages about one's own account, which take no ids: those on the way in, and those for whoever is in.
ACCOUNT = "account/"
ON_THE_WAY_IN = set(
    "account_login account_signup account_inactive account_confirm_login_code account_email_verification_sent "
    "account_confirm_email account_reset_password account_reset_password_done account_reset_password_from_key "
    "account_reset_password_from_key_done account_logout mfa_authenticate".split()
)
ONES_OWN = set(
    "account_change_password account_email account_reauthenticate account_set_password mfa_activate_totp "
    "mfa_deactivate_totp mfa_download_recovery_codes mfa_generate_recovery_codes mfa_index mfa_reauthenticate "
    "mfa_view_recovery_codes".split()
)
ROUTES = LOOK | BOTH | CHANGE | PUBLIC | OWN


@dataclass(frozen=True)
class Acme:
    """A workspace with one of everything that an address can name."""

    people: People
    ids: dict[str, dict[str, Any]]

    def path(self, name: str) -> str:
        """The address of a route, with Acme's ids."""
        wanted = _parameters()[name]
        known = max((key for key in self.ids if name.startswith(key)), key=len, default="")
        return reverse(name, kwargs={key: self.ids[known][key] for key in wanted})


@pytest.fixture
def acme(everybody: People) -> Acme:
    shop = Shop.opened()
    shop.hear(event("customer.created"))
    shop.work()
    workspace = everybody.alice.workspace
    loop = Loop.objects.get(name="Welcome")
    stripe = {"platform": "stripe", "pk": shop.endpoint.pk}
    step = loop.steps[-1]
    backfill = begin(shop.endpoint, "rk_test_0123456789", 30, starts_loops=True)
    invite(workspace, "carol@acme.test", Role.VIEWER, database_now())
    return Acme(
        everybody,
        {
            "": {},
            "platform": {"platform": "stripe"},
            "endpoint": {**stripe, "secret": shop.endpoint.secrets.get().pk, "backfill": backfill.pk},
            "delivery": {**stripe, "pk": Delivery.objects.get().pk},
            "loop": {"pk": loop.pk, "step": step["id"], "email_pk": step["email"]},
            "template": {"key": "stripe-new-customer"},
            "contact": {"pk": Contact.objects.get().pk},
            "message": {"pk": Message.objects.get().pk},
            "member": {"pk": Member.objects.get(user=everybody.alice.user).pk},
            "invitation": {"pk": Invitation.objects.get().pk},
            "workspace": {"pk": workspace.pk},
            "domain": {"pk": add_pair(workspace, "acme.test", database_now()).pk},
        },
    )


def _routes(patterns: Sequence[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, before + str(one.pattern))
        else:
            yield before + str(one.pattern), one


def _ours() -> dict[str, URLPattern]:
    """Every route that is not allauth's, by name."""
    found = [(path, one) for path, one in _routes(get_resolver().url_patterns) if not path.startswith(ACCOUNT)]
    assert all(one.name for _, one in found), "Every route has a name."
    return {str(one.name): one for _, one in found}


def _parameters() -> dict[str, list[str]]:
    """What each route's address takes, also from the includes that it stands in."""
    ours = {path: one.name for path, one in _routes(get_resolver().url_patterns) if not path.startswith(ACCOUNT)}
    return {str(name): re.findall(r"<\w+:(\w+)>", path) for path, name in ours.items()}


def test_every_route_is_listed_and_every_listed_route_is_there() -> None:
    assert set(_ours()) == ROUTES
    lists = (LOOK, BOTH, CHANGE, PUBLIC, OWN)
    assert sum(map(len, lists)) == len(ROUTES), "A route is in one list only."


def test_every_page_about_an_account_is_listed_and_asks_who_it_is() -> None:
    there = {str(one.name) for path, one in _routes(get_resolver().url_patterns) if path.startswith(ACCOUNT)}
    assert there == ON_THE_WAY_IN | ONES_OWN
    stranger = Client(SERVER_NAME="127.0.0.1")
    for name in sorted(ONES_OWN):
        for answer in (stranger.get(reverse(name)), stranger.post(reverse(name))):
            assert (answer.status_code, answer.headers["Location"][:15]) == (302, "/account/login/"), name


def test_nobody_sees_or_changes_anything_without_signing_in(acme: Acme) -> None:
    stranger = Client(SERVER_NAME="127.0.0.1")
    for name in sorted(ROUTES - PUBLIC):
        for answer in (stranger.get(acme.path(name)), stranger.post(acme.path(name))):
            assert (answer.status_code, answer.headers.get("Location", "")[:15]) == (302, "/account/login/"), name


def test_vera_sees_every_page_and_changes_nothing(acme: Acme) -> None:
    before = counted()
    vera = acme.people.vera
    for name in sorted(LOOK | BOTH):
        assert vera.get(acme.path(name)).status_code in (200, 302), name
    for name in sorted(BOTH | CHANGE):
        assert vera.post(acme.path(name)).status_code == 403, name
    for name in sorted(LOOK):
        assert vera.post(acme.path(name)).status_code in (403, 405), name
    assert counted() == before


def test_looking_at_what_changes_something_changes_nothing(acme: Acme) -> None:
    before = counted()
    for name in sorted(CHANGE):
        assert acme.people.alice.get(acme.path(name)).status_code in (302, 405), name
    assert counted() == before


def test_a_form_that_another_site_sends_is_refused_everywhere(acme: Acme) -> None:
    before = counted()
    alice = Client(SERVER_NAME="127.0.0.1", enforce_csrf_checks=True)
    alice.force_login(acme.people.alice.user, backend="django.contrib.auth.backends.ModelBackend")
    for name in sorted(BOTH | CHANGE | OWN):
        assert alice.post(acme.path(name)).status_code == 403, name
        assert alice.post(acme.path(name), '{"a": 1}', content_type="text/plain").status_code == 403, name
    assert counted() == before


def names_of_a_tenant(acme: Acme) -> list[str]:
    """The routes whose address names something that belongs to a workspace; a gallery's template belongs to nobody."""
    return [name for name in sorted(ROUTES - PUBLIC) if set(_parameters()[name]) - {"platform", "key"}]


@pytest.mark.parametrize("role", Role.values)
def test_whoever_is_in_another_workspace_finds_nothing_behind_the_ids_of_this_one(acme: Acme, role: str) -> None:
    mallory: Person = acme.people.mallory
    Member.objects.filter(user=mallory.user).update(role=role)
    before = counted()
    for name in names_of_a_tenant(acme):
        path = acme.path(name)
        looked, changed = mallory.get(path).status_code, mallory.post(path).status_code
        # Whose role does not allow to change such things is told so before anything is looked for.
        refused = {403} if role in (Role.EDITOR, Role.VIEWER) else set()
        assert looked in {404, 405}, (name, looked)
        assert changed in {404, 405} | refused, (name, changed)
        assert 404 in {looked, changed} or changed in refused, name
    assert counted() == before


def test_whoever_is_in_no_workspace_is_sent_away_from_every_page(acme: Acme) -> None:
    before = counted()
    lost = Person(User.objects.create_user("lost@nowhere.test"), acme.people.alice.workspace)
    for name in sorted(ROUTES - PUBLIC - OWN):
        for answer in (lost.get(acme.path(name)), lost.post(acme.path(name))):
            assert (answer.status_code, answer.headers.get("Location")) in (
                (302, reverse("no_workspace")),
                (405, None),
            ), name
    assert lost.post(acme.path("workspace_enter")).status_code == 404
    assert counted() == before


def test_a_session_that_names_another_workspace_opens_nothing_of_it(acme: Acme) -> None:
    mallory = acme.people.mallory
    session = mallory.session
    session["workspace"] = acme.people.alice.workspace.pk
    session.save()
    assert "ada@example.com" not in mallory.get(reverse("audience")).content.decode()
    assert mallory.get(acme.path("contact")).status_code == 404


def test_ids_of_another_workspace_in_a_form_choose_nothing(acme: Acme) -> None:
    mallory, message, contact = acme.people.mallory, acme.ids["message"]["pk"], acme.ids["contact"]["pk"]
    Message.objects.update(status=Status.UNKNOWN, due_at=None)
    for name in ("messages_send_again", "messages_arrived"):
        for chosen in ({"pk": [message]}, {"all": "yes", "status": "unknown"}):
            assert mallory.post(reverse(name), chosen).status_code == 302
    assert Message.objects.get().status == Status.UNKNOWN
    answer = mallory.post(reverse("contact_property"), {"contact": contact, "name": "", "type": "string"})
    assert answer.status_code == 404, "There is no page of Ada's to show her wrong form on."


def test_mallory_sees_nothing_of_another_workspace_on_pages_of_her_own(acme: Acme) -> None:
    for name in sorted((LOOK | BOTH) - set(names_of_a_tenant(acme))):
        html = acme.people.mallory.get(acme.path(name)).content.decode()
        for theirs in ("ada@example.com", "alice@acme.test", "newStripeCustomer"):
            if name in ("templates", "template", "platform") and theirs == "newStripeCustomer":
                continue  # The gallery suggests it to everybody.
            assert theirs not in html, (name, theirs)


COUNTED = (Backfill, Contact, Delivery, Invitation, Loop, Member, Message, SendingDomain)


def counted() -> dict[str, int]:
    """How much there is of everything that a page could make or destroy, and in which state."""
    return {
        **{model.__name__: model.objects.count() for model in COUNTED},
        "fetching": Backfill.objects.filter(state="working").count(),
        "live": Loop.objects.filter(state="live").count(),
        "queued": Message.objects.filter(status="queued").count(),
        "signing": SendingDomain.objects.filter(enabled=True).count(),
        "checked": SendingDomain.objects.filter(checked_at__isnull=False).count(),
        "owners": Member.objects.filter(role=Role.OWNER).count(),
    }
