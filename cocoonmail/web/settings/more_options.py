"""The transport's form, below "More options": what the login is made with, and how much goes out at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms

from cocoonmail.transports import Auth, OAuth, TransportSettings, keep_secrets
from cocoonmail.transports.options import (
    CONNECTIONS,
    CONNECTIONS_MAX,
    PER_CONNECTION,
    PER_CONNECTION_MAX,
    RATE_DECIMALS,
    RATE_MAX,
    RATE_MIN,
    shown_rate,
    token_url_trouble,
)

TOKEN_MAX = 4096  # Characters; Microsoft's have about 1,500
STORED = "••••••••"


def _secret(label: str, help_text: str = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, max_length=TOKEN_MAX, required=False, help_text=help_text, widget=widget)


def number_field(label: str, usual: int, most: int) -> forms.IntegerField:
    """A whole number from 1 to `most`; blank says `usual`."""
    words = f"A whole number from 1 to {most:,}."
    errors = dict.fromkeys(["invalid", "min_value", "max_value"], words)
    widget = forms.NumberInput(attrs={"placeholder": usual})
    return forms.IntegerField(
        label=label, min_value=1, max_value=most, required=False, error_messages=errors, widget=widget
    )


def rate_field() -> forms.DecimalField:
    """Messages per second; blank for no limit."""
    words = f"A number from {RATE_MIN} to {RATE_MAX:,.0f}, such as 10 or 0.5."
    kinds = ["invalid", "min_value", "max_value", "max_digits", "max_decimal_places", "max_whole_digits"]
    field = forms.DecimalField(
        label="Messages per second",
        max_digits=5 + RATE_DECIMALS,
        decimal_places=RATE_DECIMALS,
        required=False,
        help_text="Leave it empty for no limit.",
        error_messages=dict.fromkeys(kinds, words),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "placeholder": "No limit", "autocomplete": "off"}),
    )
    field.validators += [_between(words)]
    return field


def _between(words: str) -> Any:
    def check(value: Any) -> None:
        if not RATE_MIN <= float(value) <= RATE_MAX:
            raise forms.ValidationError(words)

    return check


class MoreOptions(forms.Form):
    """Fields that few need; each is left alone by a form that has not got it. Secrets are kept, and never shown."""

    auth = forms.ChoiceField(
        label="Log in with",
        choices=[
            (Auth.PASSWORD, "Password"),
            (Auth.PLAIN, "Password, without SCRAM"),
            (Auth.XOAUTH2, "OAuth 2 (Google, Microsoft)"),
        ],
        required=False,
        help_text="SCRAM is used where the server offers it. Go without it if a right password is refused.",
    )
    token_url = forms.CharField(
        label="Token address",
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "https://oauth2.googleapis.com/token", "autocomplete": "off"}),
    )
    client_id = forms.CharField(
        label="Client id", max_length=500, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    client_secret = _secret("Client secret")
    token = _secret("Refresh token", "Without a token address: an access token, which ends after about an hour.")
    connections = number_field("Connections at once", CONNECTIONS, CONNECTIONS_MAX)
    per_connection = number_field("Messages per connection", PER_CONNECTION, PER_CONNECTION_MAX)
    rate = rate_field()

    more = ("auth", "token_url", "client_id", "client_secret", "token", "connections", "per_connection", "rate")
    stored: TransportSettings

    @property
    def more_open(self) -> bool:
        """Whether there is something to see below "More options"."""
        usual = {"auth": Auth.PASSWORD, "connections": str(CONNECTIONS), "per_connection": str(PER_CONNECTION)}
        return any(
            self[name].errors or str(self[name].value() or "") not in ("", usual.get(name)) for name in self.more
        )

    def clean_auth(self) -> Auth:
        """A password where nothing was chosen."""
        return Auth(self.cleaned_data["auth"] or Auth.PASSWORD)

    def clean_token_url(self) -> str:
        """An address that a secret may go to, or none."""
        url: str = self.cleaned_data["token_url"]
        if url and (trouble := token_url_trouble(url)):
            raise forms.ValidationError(f"A token address {trouble}")
        return url

    def with_more(self, settings: TransportSettings, data: Mapping[str, Any]) -> TransportSettings:
        """The settings with these fields in them, and with the stored secrets that are for the same account."""
        oauth = OAuth(data["token_url"], data["client_id"], data["client_secret"]) if data["token_url"] else None
        by_token = data["auth"] is Auth.XOAUTH2
        asked = replace(
            settings,
            password=data["token"] if by_token else data["password"],
            auth=data["auth"],
            oauth=oauth if by_token else None,
            connections=data["connections"] or CONNECTIONS,
            per_connection=data["per_connection"] or PER_CONNECTION,
            rate=float(data["rate"]) if data["rate"] is not None else None,
        )
        return keep_secrets(asked, self.stored)

    def missing_for_login(self, asked: TransportSettings, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        """(field, what is wrong) of what a login needs."""
        if asked.auth is Auth.XOAUTH2:
            return self._missing_for_oauth(asked, data)
        wrong = []
        if asked.password and not asked.username:
            wrong.append(("username", "A password needs a user name."))
        if asked.username and not asked.password and self.stored.password:
            # A stored password goes to no other server or account than the one it was entered for.
            said = f"Write it once more: the stored one is for {self.stored.username} at {self.stored.host}."
            wrong.append(("password", "Enter the password." if self.stored.auth is Auth.XOAUTH2 else said))
        return wrong

    def _missing_for_oauth(self, asked: TransportSettings, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        wrong = []
        if not asked.username:
            wrong.append(("username", "OAuth 2 needs the mailbox's address here."))
        if bool(data["token_url"]) != bool(data["client_id"]):
            field = "client_id" if data["token_url"] else "token_url"
            wrong.append((field, "A token address and a client id go together."))
        if not asked.password:
            wrong.append(("token", "Enter the refresh token."))
        return wrong


def more_initial(stored: TransportSettings) -> dict[str, Any]:
    """What is shown of the stored settings: everything but secrets."""
    return {
        "auth": stored.auth,
        "token_url": stored.oauth.token_url if stored.oauth else "",
        "client_id": stored.oauth.client_id if stored.oauth else "",
        "connections": stored.connections,
        "per_connection": stored.per_connection,
        "rate": shown_rate(stored.rate) if stored.rate is not None else None,
    }


def say_what_is_stored(form: forms.Form, stored: TransportSettings) -> None:
    """Tell beside the fields of stored secrets that they may be left blank."""
    by_token = stored.auth is Auth.XOAUTH2
    held = {
        "password": (not by_token and stored.password, "A password is stored."),
        "token": (by_token and stored.password, "A token is stored."),
        "client_secret": (stored.oauth and stored.oauth.client_secret, "A secret is stored."),
    }
    for name, (secret, words) in held.items():
        if secret:
            form.fields[name].widget.attrs["placeholder"] = STORED
            form.fields[name].help_text = f"{words} Leave this blank to keep it."
