"""A workspace as a file: applied, applied again, exported, refused with words."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cocoonmail.accounts.models import Workspace
from cocoonmail.api.ascode.apply import apply
from cocoonmail.api.ascode.export import export
from cocoonmail.api.ascode.report import Report
from cocoonmail.api.ascode.spec import BadFile, json_schema, read_file
from cocoonmail.emails.models import Email
from cocoonmail.emails.transport import transport_url
from cocoonmail.intake.models import Endpoint
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop, LoopState, LoopVersion

FILE = """
workspace: Acme
sender: {name: Acme, email: hello@acme.test}
address: "1 Main St, Oslo"
transport: smtp://ada:pa%2Fss@127.0.0.1:2525
domain_rates: {gmail.com: 5, gmx.de: 0.5}
keep: {webhooks: 30, messages: 400}
endpoints:
  - {name: Stripe, platform: stripe, secrets: [whsec_abc], user_group: Customers,
     events: {customer.created: newStripeCustomer, customer.updated: null, invoice.paid: successfulPayment,
              customer.deleted: {trigger: goodbye, removal: unsubscribe, condition: {mode: live}}}}
loops:
  - {name: Welcome, trigger: {event: newStripeCustomer}, frequency: every_time, state: live,
     steps: [{wait: 0m}, {email: {template: stripe-new-customer}}]}
  - {name: Farewell, trigger: {event: goodbye}, frequency: one_time, state: draft, unknown: resend_once,
     steps: [{wait: 1d12h}, {email: {name: Goodbye, subject: "Farewell, {{ contact.firstName | default: 'you' }}",
                                     body: "It was good to have you.", kind: transactional}}]}
"""
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "workspace.schema.json"

pytestmark = pytest.mark.django_db


def applied(text: str, *, dry_run: bool = False) -> Report:
    return apply(read_file(text), database_now(), dry_run=dry_run)


def test_a_file_becomes_a_workspace_with_endpoint_and_loops() -> None:
    report = applied(FILE)
    endpoint = Endpoint.objects.get()
    assert report.urls == {"Stripe": f"http://127.0.0.1:8000/hooks/stripe/{endpoint.token}"}
    assert [secret.reveal() for secret in endpoint.secrets.all()] == ["whsec_abc"]
    choices = {choice.type: choice.trigger for choice in endpoint.choices.filter(enabled=True)}
    assert choices == {
        "customer.created": "newStripeCustomer",
        "customer.updated": "",
        "invoice.paid": "successfulPayment",
        "customer.deleted": "goodbye",
    }
    assert dict(Loop.objects.values_list("name", "state")) == {"Welcome": "live", "Farewell": "draft"}
    assert transport_url(Workspace.objects.get()) == "smtp://ada:pa%2Fss@127.0.0.1:2525"


def test_a_transport_without_its_password_keeps_it_whatever_limits_change_but_for_no_other_server() -> None:
    applied(FILE)
    applied(FILE.replace("ada:pa%2Fss@127.0.0.1:2525", "ada@127.0.0.1:2525?rate=5"))
    assert transport_url(Workspace.objects.get()) == "smtp://ada:pa%2Fss@127.0.0.1:2525?rate=5"
    applied(FILE.replace("ada:pa%2Fss@127.0.0.1:2525", "ada@127.0.0.2:2525"))
    assert transport_url(Workspace.objects.get()) == "smtp://ada@127.0.0.2:2525"


def test_applying_twice_is_the_same_as_once() -> None:
    applied(FILE)
    before = LoopVersion.objects.count()
    assert applied(FILE).lines == []
    assert (LoopVersion.objects.count(), Email.objects.count()) == (before, 2)


def test_an_export_applied_changes_nothing() -> None:
    applied(FILE)
    workspace = Workspace.objects.get()
    for with_secrets in (False, True):
        assert applied(export(workspace, with_secrets=with_secrets)).lines == []


def test_an_export_gives_no_secret_away_unless_asked() -> None:
    applied(FILE)
    workspace = Workspace.objects.get()
    plain, whole = export(workspace), export(workspace, with_secrets=True)
    assert "whsec_abc" not in plain
    assert "pa%2Fss" not in plain
    assert "whsec_abc" in whole
    assert "pa%2Fss" in whole


def test_a_providers_key_is_told_nowhere_and_kept_when_an_export_without_it_is_applied() -> None:
    report = applied(FILE.replace("smtp://ada:pa%2Fss@127.0.0.1:2525", "mailgun://sesame@mg.acme.test?region=eu"))
    workspace = Workspace.objects.get()
    plain = export(workspace)
    assert "sesame" not in plain + " ".join(report.lines)
    assert applied(plain).lines == []
    assert applied(plain.replace("?region=eu", "?region=eu&rate=5")).lines == [
        "transport: mailgun://@mg.acme.test?region=eu&rate=5"
    ]
    assert transport_url(Workspace.objects.get()) == "mailgun://sesame@mg.acme.test?region=eu&rate=5"
    with pytest.raises(BadFile, match="needs its sending API key"):
        applied(plain.replace("mg.acme", "mg.evil"))
    Workspace.objects.all().delete()
    with pytest.raises(BadFile, match="needs its sending API key"):
        applied(plain)


def test_an_export_rebuilds_the_workspace_from_nothing() -> None:
    applied(FILE)
    text = export(Workspace.objects.get(), with_secrets=True)
    Workspace.objects.all().delete()
    applied(text)
    assert export(Workspace.objects.get(), with_secrets=True) == text


def test_a_dry_run_tells_what_would_change_and_changes_nothing() -> None:
    assert "endpoint Stripe: created" in applied(FILE, dry_run=True).lines
    assert Workspace.objects.count() == 0


def test_a_dry_run_gives_no_address_to_an_endpoint_that_it_does_not_make() -> None:
    assert applied(FILE, dry_run=True).urls == {"Stripe": ""}
    given = applied(FILE).urls
    assert given["Stripe"]
    assert applied(FILE, dry_run=True).urls == given


def test_what_changed_is_told_and_a_live_loop_is_published_anew() -> None:
    applied(FILE)
    changed = FILE.replace("{wait: 0m}", "{wait: 2h}").replace("whsec_abc", "whsec_new").replace("Customers", "Payers")
    lines = applied(changed).lines
    assert "endpoint Stripe: user_group = Payers" in lines
    assert "endpoint Stripe: secret …_new added" in lines
    assert "endpoint Stripe: secret …_abc removed" in lines
    assert "loop Welcome: published anew" in lines
    assert LoopVersion.objects.filter(loop__name="Welcome").count() == 2


def test_an_event_that_is_not_listed_is_off() -> None:
    applied(FILE)
    applied(FILE.replace("customer.updated: null, ", ""))
    assert not Endpoint.objects.get().choices.get(type="customer.updated").enabled


def test_limits_that_the_file_leaves_out_stay_and_an_empty_list_of_them_takes_them_away() -> None:
    applied(FILE)
    line = "domain_rates: {gmail.com: 5, gmx.de: 0.5}\n"
    applied(FILE.replace(line, ""))
    assert Workspace.objects.get().domain_rates == {"gmail.com": 5, "gmx.de": 0.5}
    assert applied(FILE.replace(line, "domain_rates: {'@GMX.de': 2}\n")).lines == [
        "workspace Acme: domain_rates = {'gmx.de': 2}"
    ]
    applied(FILE.replace(line, "domain_rates: {}\n"))
    assert Workspace.objects.get().domain_rates == {}


def test_a_loop_that_is_not_listed_is_left_alone_and_mentioned() -> None:
    applied(FILE)
    rest = FILE[: FILE.index("  - {name: Farewell")]
    assert "loop Farewell" in applied(rest).left_alone
    assert Loop.objects.filter(name="Farewell").exists()


def test_a_loop_is_paused_and_goes_on_as_the_file_says() -> None:
    applied(FILE)
    applied(FILE.replace("state: live", "state: paused"))
    assert Loop.objects.get(name="Welcome").state == LoopState.PAUSED
    applied(FILE)
    assert Loop.objects.get(name="Welcome").state == LoopState.LIVE


def test_what_follows_on_an_unknown_message_is_said_by_the_file_and_publishes_nothing() -> None:
    applied(FILE)
    policies = dict(Loop.objects.values_list("name", "unknown_policy"))
    assert policies == {"Welcome": "hold", "Farewell": "resend_once"}
    assert "unknown: resend_once" in export(Workspace.objects.get())
    lines = applied(FILE.replace("frequency: every_time,", "frequency: every_time, unknown: resend_once,")).lines
    assert lines == ["loop Welcome: unknown_policy = resend_once"]


def test_a_secret_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", "whsec_from_outside")
    applied(FILE.replace("whsec_abc", "env:STRIPE_SECRET"))
    assert Endpoint.objects.get().secrets.get().reveal() == "whsec_from_outside"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("workspace: Acme", "workspace: [1]"), "Expected `str`, got `array` - at `$.workspace`"),
        (("sender:", "sendr:"), "unknown field `sendr`"),
        (("platform: stripe", "platform: paddle"), "there is no platform 'paddle', only stripe"),
        (("invoice.paid:", "invoice.payed:"), "invoice.payed is no event that can be used"),
        (("template: stripe-new-customer", "template: nothing"), "there is no template 'nothing'"),
        (("{wait: 0m}", "{wait: soon}"), "a wait looks like 0m, 90m, 2h or 3d, not 'soon'"),
        (("{wait: 0m}", "{wait: 0m, email: {template: stripe-new-customer}}"), "write either wait or email"),
        (("mode: live}", "mode: sometimes}"), "“mode” must be live or test"),
        (("name: Farewell", "name: Welcome"), "There are two of this loop: Welcome"),
        (("whsec_abc", "env:NOT_SET_ANYWHERE"), "The environment has no NOT_SET_ANYWHERE"),
        (("smtp://ada:pa%2Fss@127.0.0.1:2525", "gopher://x"), "transport: "),
        (("gmail.com: 5", "gmail: 5"), "domain_rates: “gmail” is no domain"),
        (("gmail.com: 5", "gmail.com: 0"), "domain_rates: Write a number of messages per second from 0.001 to 10,000"),
        (("gmail.com: 5", "gmail.com: fast"), "Expected `float`, got `str` - at `$.domain_rates[...]`"),
        (("state: draft", "state: live, frequency: one_time"), "This is not YAML"),
    ],
)
def test_a_bad_file_is_refused_with_words_and_changes_nothing(change: tuple[str, str], words: str) -> None:
    text = FILE.replace(*change)
    if change[0] == "state: draft":
        text = FILE.replace("name: Acme, email", "name: Acme, : email: [")
    with pytest.raises(BadFile) as refused:
        applied(text)
    assert words in str(refused.value)
    assert Workspace.objects.count() == 0


def test_the_schema_in_the_documentation_is_the_form_of_the_file() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema()))
    jsonschema.validate(yaml.safe_load(FILE), json_schema())


def test_how_long_what_is_finished_is_kept_is_in_the_file_and_what_is_left_out_stays() -> None:
    applied(FILE)
    workspace = Workspace.objects.get()
    assert (workspace.webhook_days, workspace.history_days, workspace.message_days) == (30, 730, 400)
    applied("workspace: Acme\nkeep: {history: 100}")
    assert yaml.safe_load(export(Workspace.objects.get()))["keep"] == {"webhooks": 30, "history": 100, "messages": 400}


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ("{webhooks: 0}", "keep: webhooks: write a number of days from 1 to 3650"),
        ("{messages: 34}", "keep: messages: write a number of days from 35 to 3650"),
        ("{history: 3651}", "keep: history: write a number of days from 35 to 3650"),
    ],
)
def test_too_few_or_too_many_days_are_refused_with_the_limits(keep: str, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        applied(f"workspace: Acme\nkeep: {keep}")
