"""What people tell us about an endpoint: its secrets, its options, and a test event to send."""

from __future__ import annotations

from typing import Any

from django import forms

from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.intake.models import Endpoint
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.platforms.base import Platform
from cocoonmail.web.integrations.guides import Guide

SECRETS_MAX = 20  # Per endpoint; every one is tried against each request
SECRET_LENGTH_MIN, SECRET_LENGTH_MAX = 12, 200  # Characters; Stripe's have 38 or 70


class SecretForm(forms.Form):
    """A signing secret, pasted from the platform."""

    secret = forms.CharField(
        max_length=1000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )

    def __init__(self, endpoint: Endpoint, platform: Platform, guide: Guide, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.endpoint, self.platform, self.guide = endpoint, platform, guide
        field = self.fields["secret"]
        field.label, field.help_text = guide.secret_title, guide.secret_help
        field.widget.attrs["placeholder"] = f"{platform.secret_prefix}…"
        field.error_messages["required"] = f"Paste the signing secret from {platform.title}. {guide.secret_help}"

    def clean_secret(self) -> str:
        """A text that can be a signing secret of this platform, and is not here yet."""
        secret: str = self.cleaned_data["secret"]
        if not secret.startswith(self.platform.secret_prefix):
            raise forms.ValidationError(self._what_it_is(secret))
        if not secret.isascii() or not secret.isprintable() or " " in secret:
            raise forms.ValidationError("There is a blank or a foreign letter inside. Copy only the secret itself.")
        if not SECRET_LENGTH_MIN <= len(secret) <= SECRET_LENGTH_MAX:
            raise forms.ValidationError("This is not the whole secret. Reveal it first, then copy all of it.")
        stored = list(self.endpoint.secrets.all())
        if len(stored) >= SECRETS_MAX:
            raise forms.ValidationError(f"An endpoint has at most {SECRETS_MAX} secrets. Remove one that is not used.")
        if any(_is(one, secret) for one in stored):
            raise forms.ValidationError("This secret is here already.")
        return secret

    def _what_it_is(self, secret: str) -> str:
        named = (words for start, words in self.guide.mistakes.items() if secret.startswith(start))
        prefix = self.platform.secret_prefix
        return next(named, f"A {self.platform.title} signing secret begins with {prefix}. {self.guide.secret_help}")


def _is(stored: Any, secret: str) -> bool:
    try:
        return bool(stored.reveal() == secret)
    except Unsealable:
        return False


class NewEndpointForm(forms.ModelForm):  # type: ignore[type-arg]
    """One more endpoint of a platform, told from the others by its name."""

    class Meta:
        model = Endpoint
        fields = ["name"]
        help_texts = {"name": "For example one per account: “Stripe EU”."}


class OptionsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an endpoint does with everything that comes in."""

    process_test = forms.TypedChoiceField(
        label="Events of test mode",
        choices=[
            ("True", "Process them: contacts are made and loops run, marked as test"),
            ("False", "Only log them: they show in the log and do nothing"),
        ],
        coerce=lambda value: value == "True",
        widget=forms.RadioSelect,
        help_text="Events of live mode are always processed.",
    )

    class Meta:
        model = Endpoint
        fields = ["name", "user_group", "process_test", "connect", "enabled"]
        labels = {
            "user_group": "User group for new contacts",
            "connect": "Events of connected accounts",
            "enabled": "Switched on",
        }
        help_texts = {
            "name": "Only you see it.",
            "user_group": "Contacts who are here already keep theirs.",
            "connect": "Stripe Connect sends platforms the events of their merchants' customers. Off: ignored.",
            "enabled": "Switched off, requests are answered 410 and counted. Stripe stops sending after a while.",
        }
        widgets = {
            "connect": forms.CheckboxInput(attrs={"class": "switch"}),
            "enabled": forms.CheckboxInput(attrs={"class": "switch"}),
        }

    def clean_name(self) -> str:
        """A name that no other endpoint of the platform has."""
        name: str = self.cleaned_data["name"]
        mine = self.instance
        same = Endpoint.objects.filter(workspace_id=mine.workspace_id, platform=mine.platform, name=name)
        if same.exclude(pk=mine.pk).exists():
            raise forms.ValidationError("Another endpoint has this name.")
        return name


class RehearsalForm(forms.Form):
    """A test event: which one, and whose."""

    type = forms.ChoiceField(label="Event")
    email = forms.CharField(
        label="Email", max_length=320, widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text="Loops that are live write to this address.",
    )  # fmt: skip
    name = forms.CharField(label="Name", max_length=200, required=False)

    def __init__(self, platform: Platform, on: set[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ticked = [(name, name) for name in platform.events if name in on]
        others = [(name, name) for name in platform.events if name not in on]
        groups = [("Switched on here", ticked), ("Ignored here", others)]
        self.fields["type"].choices = [(title, names) for title, names in groups if names]  # type: ignore[attr-defined]

    def clean_email(self) -> str:
        """An address that the platform itself would take."""
        email: str = self.cleaned_data["email"]
        try:
            parse(email)
        except NotAnAddress as error:
            raise forms.ValidationError(str(error)) from error
        return email
