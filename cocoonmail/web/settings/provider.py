"""The part of the transport's form that is for a provider. A stored key is kept, and never shown."""

from __future__ import annotations

from typing import Any

from django import forms

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.transport import set_transport
from cocoonmail.transports import TransportSettings, keep_secrets, to_url
from cocoonmail.transports.esp.address import API_MAX, MAILGUN_REGIONS, EspSettings, checked
from cocoonmail.transports.esp.providers import PROVIDERS
from cocoonmail.transports.options import CONNECTIONS, CONNECTIONS_MAX, shown_rate
from cocoonmail.web.settings.more_options import STORED, number_field, rate_field

# "Amazon SES: secret access key. Postmark: …", of those that call it otherwise than the form
KEY_NAMES = " ".join(f"{one.title}: {one.key}." for one in PROVIDERS.values() if one.key != "API key")
MORE = ("api", "requests", "pace")


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
        max_length=API_MAX,
        required=False,
        help_text="Only for a gateway of your own. Leave it blank for the provider's.",
        widget=forms.TextInput(attrs={"placeholder": "https://…", "autocomplete": "off"}),
    )
    # An SMTP server's are on the same page under the names of the options.
    requests = number_field("Requests at once", CONNECTIONS, CONNECTIONS_MAX)
    pace = rate_field()

    def __init__(self, workspace: Workspace, stored: TransportSettings, *args: Any, **kwargs: Any) -> None:
        self.workspace = workspace
        self.stored = stored
        kwargs.setdefault("initial", _initial(stored))
        super().__init__(*args, **kwargs)
        if stored.esp:
            key = self.fields["key"]
            key.widget.attrs["placeholder"] = STORED
            key.help_text = f"A key for {stored.esp.about.title} is stored. Leave this blank to keep it."

    @property
    def more_open(self) -> bool:
        """Whether there is something to see below "More options"."""
        return any(self[name].value() not in (None, "", CONNECTIONS, str(CONNECTIONS)) for name in MORE)

    def clean(self) -> dict[str, Any]:
        """Put the transport on the workspace, not yet saved; what is wrong is said beside its field."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            self._put(checked(_provider(data)), data)
        except ValueError as trouble:
            self.add_error(None, str(trouble))
        return data

    def _put(self, esp: EspSettings, data: dict[str, Any]) -> None:
        rate = float(data["pace"]) if data["pace"] is not None else None
        asked = TransportSettings("esp", esp=esp, connections=data["requests"] or CONNECTIONS, rate=rate)
        kept = keep_secrets(asked, self.stored)
        if kept.esp and kept.esp.key:
            set_transport(self.workspace, to_url(kept, with_password=True))
        elif self.stored.esp:
            said = f"Write it once more: the stored one is for {self.stored.esp.about.title}, as it was set up."
            self.add_error("key", said)
        else:
            self.add_error("key", "Write the key that the provider gave you.")


def _provider(data: dict[str, Any]) -> EspSettings:
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


def _initial(stored: TransportSettings) -> dict[str, Any]:
    if stored.esp is None:
        return {}
    esp = stored.esp
    return {
        "provider": esp.provider,
        "access_key": esp.access_key,
        "aws_region": esp.region if esp.provider == "ses" else "",
        "domain": esp.domain,
        "mailgun_region": esp.region if esp.provider == "mailgun" else "",
        "api": esp.api,
        "requests": stored.connections,
        "pace": shown_rate(stored.rate) if stored.rate is not None else None,
    }
