"""The part of the transport's form that is for a provider. A stored key is kept, and never shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.transport import set_transport
from cocoonmail.transports import TransportSettings, to_url
from cocoonmail.transports.esp.address import MAILGUN_REGIONS, EspSettings, checked
from cocoonmail.transports.esp.providers import PROVIDERS

# "Amazon SES: secret access key. Postmark: …", of those that call it otherwise than the form
KEY_NAMES = " ".join(f"{one.title}: {one.key}." for one in PROVIDERS.values() if one.key != "API key")


class ProviderForm(forms.Form):
    """Which provider, and what it needs to know. What the chosen one does not need is not looked at."""

    provider = forms.ChoiceField(choices=[(scheme, provider.title) for scheme, provider in PROVIDERS.items()])
    access_key = forms.CharField(
        label="Access key ID", max_length=500, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    key = forms.CharField(
        label="API key",
        max_length=500,
        required=False,
        help_text=KEY_NAMES,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    aws_region = forms.CharField(
        label="Region",
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "eu-west-1", "autocomplete": "off"}),
    )
    domain = forms.CharField(
        label="Sending domain",
        max_length=253,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "mg.example.com", "autocomplete": "off"}),
    )
    mailgun_region = forms.ChoiceField(
        label="Region", choices=[(name, name.upper()) for name in MAILGUN_REGIONS], required=False
    )
    api = forms.CharField(
        label="Address of the API",
        max_length=300,
        required=False,
        help_text="Only for a gateway of your own. Leave it blank for the provider's.",
        widget=forms.TextInput(attrs={"placeholder": "https://…", "autocomplete": "off"}),
    )

    def __init__(self, workspace: Workspace, stored: TransportSettings, *args: Any, **kwargs: Any) -> None:
        self.workspace = workspace
        self.stored = stored.esp
        kwargs.setdefault("initial", _initial(self.stored))
        super().__init__(*args, **kwargs)
        if self.stored:
            self.fields["key"].widget.attrs["placeholder"] = "••••••••"
            self.fields[
                "key"
            ].help_text = f"A key for {self.stored.about.title} is stored. Leave this blank to keep it."

    def clean(self) -> dict[str, Any]:
        """Put the transport on the workspace, not yet saved; what is wrong is said beside its field."""
        data = super().clean() or {}
        if self.errors:
            return data
        if not data["key"] and not self.stored:
            self.add_error("key", "Write the key that the provider gave you.")
            return data
        try:
            self._put(_settings(data))
        except ValueError as trouble:
            self.add_error(None, str(trouble))
        return data

    def _put(self, written: EspSettings) -> None:
        settings = checked(written if written.key or not self.stored else replace(written, key=self.stored.key))
        if self.stored and not written.key and settings != self.stored:
            # A stored key goes to no other provider, account or address than the one it was entered for.
            said = f"Write it once more: the stored one is for {self.stored.about.title}, as it was set up."
            self.add_error("key", said)
            return
        set_transport(self.workspace, to_url(TransportSettings("esp", esp=settings), with_password=True))


def _settings(data: dict[str, Any]) -> EspSettings:
    """What was written, of it what the chosen provider needs; not yet checked."""
    key, api = data["key"], data["api"]
    match data["provider"]:
        case "ses":
            return EspSettings("ses", key, access_key=data["access_key"], region=data["aws_region"], api=api)
        case "mailgun":
            region = data["mailgun_region"] or MAILGUN_REGIONS[0]
            return EspSettings("mailgun", key, domain=data["domain"].lower(), region=region, api=api)
        case provider:
            return EspSettings(provider, key, api=api)


def _initial(stored: EspSettings | None) -> dict[str, Any]:
    if stored is None:
        return {}
    return {
        "provider": stored.provider,
        "access_key": stored.access_key,
        "aws_region": stored.region if stored.provider == "ses" else "",
        "domain": stored.domain,
        "mailgun_region": stored.region if stored.provider == "mailgun" else "",
        "api": stored.api,
    }
