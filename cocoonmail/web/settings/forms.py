"""What people tell us on the Settings pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import available_timezones

from django import forms

from cocoonmail.accounts.models import Role, Workspace
from cocoonmail.emails import freemail
from cocoonmail.emails.domains import NotADomain, domain_name
from cocoonmail.emails.limits import RATE_WORDS, BadLimit, read_domain, read_domain_rates
from cocoonmail.emails.mime import address
from cocoonmail.emails.transport import set_transport, transport_of
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.transports import CAPTURE, Security, TransportSettings, is_loopback, to_url
from cocoonmail.transports.address import HOST
from cocoonmail.transports.options import RATE_MAX, RATE_MIN
from cocoonmail.web.settings.more_options import MoreOptions, more_initial, say_what_is_stored


class SenderForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who the workspace's emails come from, and what the law wants in them."""

    time_zone = forms.ChoiceField(help_text="Times on these pages, and the days in charts.")

    class Meta:
        model = Workspace
        fields = ["sender_name", "sender_email", "reply_to", "address", "name", "time_zone"]
        labels = {
            "sender_name": "Name",
            "sender_email": "Email address",
            "reply_to": "Reply to",
            "address": "Postal address",
            "name": "Workspace",
        }
        help_texts = {
            "sender_name": "Your readers see it beside the subject.",
            "sender_email": "Its domain must let your mail server send for it (SPF, DKIM).",
            "reply_to": "Where answers go, if not to the address above.",
            "address": "Stands below every marketing email, as the law asks. Without it they are held back.",
            "name": "Your readers see it where an email names you.",
        }
        widgets = {
            "sender_email": forms.EmailInput(attrs={"placeholder": "hello@example.com"}),
            "reply_to": forms.EmailInput(),
            "address": forms.TextInput(attrs={"placeholder": "1 Main St, 0150 Oslo, Norway", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(available_timezones())
        self.fields["time_zone"].choices = [(zone, zone.replace("_", " ")) for zone in zones]  # type: ignore[attr-defined]
        self.fields["sender_email"].required = True

    def clean_sender_email(self) -> str:
        """One mailbox, at a domain from which the transport may send."""
        email = _mailbox(self.cleaned_data["sender_email"])
        if trouble := freemail.trouble(email, _stored(self.instance)[0].host):
            raise forms.ValidationError(f"{trouble}.")
        return email

    def clean_reply_to(self) -> str:
        """One mailbox, or none."""
        return _mailbox(self.cleaned_data["reply_to"])


def _mailbox(text: str) -> str:
    if text and (address(text) is None or "." not in text.rpartition("@")[2]):
        raise forms.ValidationError("This is no email address. It looks like hello@example.com.")
    return text


class TransportForm(MoreOptions):
    """How mail leaves: not at all, or through an SMTP server. A stored password is kept, and never shown.

    What is written for a provider is `ProviderForm`'s, and this form then only shows the choice.
    """

    kind = forms.ChoiceField(
        label="Mail is",
        choices=[
            ("capture", "Captured: shown on the Messages page, sent to nobody"),
            ("smtp", "Sent by SMTP"),
            ("esp", "Sent by a provider: Amazon SES, Postmark, Resend, Mailgun, SendGrid, Brevo"),
        ],
        widget=forms.RadioSelect,
    )
    host = forms.CharField(
        label="Server",
        max_length=255,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "smtp.example.com"}),
    )
    port = forms.IntegerField(min_value=1, max_value=65535, required=False)
    security = forms.ChoiceField(
        label="Encryption",
        choices=[
            (Security.STARTTLS, "STARTTLS (port 587)"),
            (Security.TLS, "TLS from the start (port 465)"),
            (Security.NONE, "None (port 25)"),
        ],
    )
    username = forms.CharField(
        label="User name", max_length=320, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        max_length=500,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    allow_self_signed = forms.BooleanField(
        label="Accept a self-signed certificate",
        required=False,
        help_text="The connection is encrypted, but nobody vouches for the server: only for a network of your own.",
        widget=forms.CheckboxInput(attrs={"class": "switch"}),
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        self.workspace = workspace
        self.stored, self.unsealable = _stored(workspace)
        kwargs.setdefault("initial", _initial(self.stored))
        super().__init__(*args, **kwargs)
        say_what_is_stored(self, self.stored)

    def clean_host(self) -> str:
        """A name or an address of a server, and nothing around it."""
        host: str = self.cleaned_data["host"].strip("[]")
        if host and not HOST.fullmatch(host):
            raise forms.ValidationError("This is no server name. It looks like smtp.example.com.")
        return host

    def clean(self) -> dict[str, Any]:
        """Put the transport on the workspace, not yet saved; what is wrong is said beside its field."""
        data = super().clean() or {}
        if self.errors:
            return data
        for field, words in self._missing(data):
            self.add_error(field, words)
        if not self.errors:
            try:
                set_transport(self.workspace, to_url(self._settings(data), with_password=True))
            except ValueError as trouble:
                self.add_error(None, str(trouble))
        return data

    def _missing(self, data: dict[str, Any]) -> list[tuple[str, str]]:
        """(field, what is wrong) of what does not go together."""
        if data["kind"] == "capture":
            return []
        wrong = self.missing_for_login(self._settings(data), data)
        if not data["host"]:
            wrong.append(("host", "Write the server's name, such as smtp.example.com."))
        if data["username"] and data["security"] == Security.NONE and not is_loopback(data["host"]):
            wrong.append(("security", "Without encryption anybody on the way could read the password."))
        return wrong

    def _settings(self, data: dict[str, Any]) -> TransportSettings:
        if data["kind"] == "capture":
            return CAPTURE
        security = Security(data["security"])
        asked = TransportSettings(
            kind="smtp",
            host=data["host"],
            port=data["port"] or _PORTS[security],
            security=security,
            username=data["username"],
            allow_self_signed=data["allow_self_signed"] and security is not Security.NONE,
        )
        return self.with_more(asked, data)


_PORTS = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


def _stored(workspace: Workspace) -> tuple[TransportSettings, bool]:
    """What is stored, and whether it can no longer be opened."""
    try:
        return transport_of(workspace), False
    except Unsealable:
        return CAPTURE, True


def _initial(stored: TransportSettings) -> dict[str, Any]:
    security = stored.security if stored.kind == "smtp" else Security.STARTTLS
    shown = replace(stored, password="") if stored.kind == "smtp" else CAPTURE
    return {
        "kind": stored.kind,
        "host": shown.host,
        "port": shown.port or _PORTS[security],
        "security": security,
        "username": shown.username,
        "allow_self_signed": shown.allow_self_signed,
        **more_initial(shown),
    }


class LimitForm(forms.Form):
    """One domain's limit. Once it is valid, `rates` has the workspace's limits with it, not yet saved."""

    domain = forms.CharField(
        max_length=300, widget=forms.TextInput(attrs={"placeholder": "gmail.com", "autocomplete": "off"})
    )
    rate = forms.FloatField(
        label="Messages per second",
        min_value=RATE_MIN,
        max_value=RATE_MAX,
        error_messages=dict.fromkeys(["invalid", "min_value", "max_value"], RATE_WORDS),
        help_text="0.5 is one in two seconds.",
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.rates: dict[str, float] = {}

    def clean_domain(self) -> str:
        """A domain, whichever way it is written."""
        try:
            return read_domain(self.cleaned_data["domain"])
        except BadLimit as trouble:
            raise forms.ValidationError(str(trouble)) from trouble

    def clean(self) -> dict[str, Any]:
        """Put it among the others."""
        data = super().clean() or {}
        if not self.errors:
            try:
                self.rates = read_domain_rates(self.workspace.domain_rates | {data["domain"]: data["rate"]})
            except BadLimit as trouble:
                self.add_error(None, str(trouble))
        return data


class DomainForm(forms.Form):
    """A domain to sign for."""

    domain = forms.CharField(max_length=320, widget=forms.TextInput(attrs={"placeholder": "example.com"}))

    def clean_domain(self) -> str:
        """In lower-case ASCII, and no mailbox provider's."""
        try:
            return domain_name(self.cleaned_data["domain"])
        except NotADomain as trouble:
            raise forms.ValidationError(str(trouble)) from trouble


class InviteForm(forms.Form):
    """Who else may come in, and as what."""

    email = forms.EmailField(label="Email", max_length=254)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.EDITOR)

    def __init__(self, workspace: Workspace, roles: list[tuple[str, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.fields["role"].choices = roles  # type: ignore[attr-defined]

    def clean_email(self) -> str:
        """An address of somebody who is not a member yet."""
        email: str = self.cleaned_data["email"].lower()
        if self.workspace.members.filter(user__email=email).exists():
            raise forms.ValidationError("This person is a member already.")
        return email
