"""What people tell us about a contact."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django import forms
from django.db import IntegrityError, transaction

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.contacts.models import Contact, ContactProperty

VALUE_MAX = 500  # Characters of a property's value
PROPERTIES_MAX = 200  # Custom properties per workspace
SOURCE = "Added by hand"
PREFIX = "property-"  # Before a custom property's name, so that none stands in for a field of the form

# Names that mean something else in an email or in the API.
RESERVED = frozenset(
    "id email firstName lastName notes source subscribed userGroup userId mailingLists optInStatus createdAt updatedAt "
    "listId teamId softDeleteAt".split()
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class NewContactForm(forms.Form):
    """A person who is added by hand."""

    email = forms.CharField(
        max_length=320,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Write the person's email address."},
    )
    first_name = forms.CharField(label="First name", max_length=VALUE_MAX, required=False)
    last_name = forms.CharField(label="Last name", max_length=VALUE_MAX, required=False)
    user_group = forms.CharField(label="User group", max_length=100, required=False)
    subscribed = forms.BooleanField(
        required=False,
        initial=True,
        widget=forms.CheckboxInput(attrs={"class": "switch"}),
        help_text="Only somebody who asked for it may get marketing emails.",
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_email(self) -> str:
        """An address of a person who is not here yet."""
        try:
            self.address = parse(self.cleaned_data["email"])
        except NotAnAddress as error:
            raise forms.ValidationError(f"{error}.") from error
        if Contact.objects.filter(workspace=self.workspace, email_key=self.address.key).exists():
            raise forms.ValidationError(f"{self.address.email} is in your audience already.")
        return self.address.email

    def create(self, now: datetime) -> Contact:
        """The contact, saved."""
        subscribed = self.cleaned_data["subscribed"]
        return Contact.objects.create(
            workspace=self.workspace,
            email_key=self.address.key,
            source=SOURCE,
            unsubscribed_at=None if subscribed else now,
            created_at=now,
            updated_at=now,
            **self.cleaned_data,
        )


class ContactForm(forms.ModelForm):  # type: ignore[type-arg]
    """A contact's properties, the custom ones among them. Only what was changed on the page is written.

    Each field carries what the page showed, so that a value that was synced meanwhile is not put back.
    """

    class Meta:
        model = Contact
        fields = ["first_name", "last_name", "user_group", "subscribed", "notes"]
        labels = {"first_name": "First name", "last_name": "Last name", "user_group": "User group"}
        help_texts = {
            "subscribed": "Off: marketing emails skip them. Switch it on again only if they asked you to.",
            "notes": "Only your team sees them.",
        }
        widgets = {
            "subscribed": forms.CheckboxInput(attrs={"class": "switch"}),
            "notes": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["notes"].widget.attrs["maxlength"] = 10_000
        for name, field in custom_fields(self.instance).items():
            self.fields[name] = field
        for field in self.fields.values():
            field.show_hidden_initial = True

    def write(self, now: datetime) -> Contact:
        """Write what was changed over what is stored now, so that a sync meanwhile loses nothing."""
        with transaction.atomic():
            contact = Contact.objects.select_for_update().get(pk=self.instance.pk)
            for name in self.changed_data:
                self._put(contact, name, now)
            contact.updated_at = now
            contact.save()
        return contact

    def _put(self, contact: Contact, name: str, now: datetime) -> None:
        value = self.cleaned_data[name]
        if name.startswith(PREFIX):
            contact.properties = _with(contact.properties, name.removeprefix(PREFIX), value)
            return
        setattr(contact, name, value)
        if name == "subscribed":
            contact.unsubscribed_at = None if value else now


def _with(properties: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The properties with this value; an empty one clears it."""
    value = value.isoformat() if isinstance(value, date) else value
    rest = {key: old for key, old in properties.items() if key != name}
    return rest if value in (None, "") else {**rest, name: value}


def custom_fields(contact: Contact) -> dict[str, forms.Field]:
    """A field for each custom property of the workspace, with the contact's value."""
    defined = ContactProperty.objects.filter(workspace_id=contact.workspace_id).order_by("name")
    return {f"{PREFIX}{one.name}": _field(one, contact.properties.get(one.name)) for one in defined}


def _field(one: ContactProperty, value: Any) -> forms.Field:
    common: dict[str, Any] = {"label": one.name, "required": False, "initial": value}
    match ContactProperty.Type(one.type):
        case ContactProperty.Type.NUMBER:
            return NumberField(**common)
        case ContactProperty.Type.BOOLEAN:
            choices = [("", "Not known"), ("True", "Yes"), ("False", "No")]
            return forms.TypedChoiceField(**common, choices=choices, coerce=lambda v: v == "True", empty_value=None)
        case ContactProperty.Type.DATE:
            return forms.DateField(**common, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
        case ContactProperty.Type.STRING:
            return forms.CharField(**common, max_length=VALUE_MAX)


class NumberField(forms.FloatField):
    """A number that stays whole where it is whole."""

    widget = forms.NumberInput(attrs={"step": "any"})

    def clean(self, value: Any) -> int | float | None:
        """The number; JSON and both databases keep it as it is."""
        number = super().clean(value)
        return int(number) if number is not None and number.is_integer() and abs(number) < 2**53 else number


class PropertyForm(forms.Form):
    """A new custom property."""

    name = forms.CharField(
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "planName", "spellcheck": "false", "autocomplete": "off"}),
        help_text="Letters and numbers, as emails write it: {{ contact.planName }}",
    )
    type = forms.ChoiceField(choices=ContactProperty.Type.choices)

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_name(self) -> str:
        """A name that emails can write and nothing else has."""
        name: str = self.cleaned_data["name"]
        if not _NAME.match(name):
            raise forms.ValidationError("Begin with a letter, then use letters, numbers and _ only, such as planName.")
        if name in RESERVED:
            raise forms.ValidationError(f"{name} is a property that every contact has.")
        mine = ContactProperty.objects.filter(workspace=self.workspace)
        if mine.filter(name=name).exists():
            raise forms.ValidationError(f"There is a property {name} already.")
        if mine.count() >= PROPERTIES_MAX:
            raise forms.ValidationError(f"A workspace has at most {PROPERTIES_MAX} custom properties.")
        return name

    def create(self) -> None:
        """Save it; who was quicker with the same name has saved it already."""
        try:
            with transaction.atomic():
                ContactProperty.objects.create(workspace=self.workspace, **self.cleaned_data)
        except IntegrityError:
            return
