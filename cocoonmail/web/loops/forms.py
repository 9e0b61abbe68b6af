"""What people tell us about a loop, its steps and its emails."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms

from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.emails.compose import Format, Kind
from cocoonmail.emails.models import Email
from cocoonmail.loops.models import Frequency, UnknownPolicy
from cocoonmail.loops.steps import WAIT_MAX
from cocoonmail.web.shared.eventnames import EVENT_NAMES_LIST, event_name

# (seconds in one, its value in the form, its name), largest first.
UNITS = [(86400, "days", "days"), (3600, "hours", "hours"), (60, "minutes", "minutes")]


class VersionField(forms.DateTimeField):
    """When what is being changed was last changed, as its page saw it: tells two tabs apart."""

    widget = forms.HiddenInput
    RELOAD = "Reload this page first."

    def to_python(self, value: Any) -> datetime | None:
        """The moment, to the microsecond."""
        try:
            moment = datetime.fromisoformat(value) if value else None
        except ValueError:
            raise forms.ValidationError(self.RELOAD) from None
        if moment is not None and moment.tzinfo is None:
            raise forms.ValidationError(self.RELOAD)
        return moment

    def prepare_value(self, value: Any) -> Any:
        """As it is written into the page."""
        return value.isoformat() if isinstance(value, datetime) else value


class NameForm(forms.Form):
    """A loop's name."""

    name = forms.CharField(
        max_length=200, required=False, widget=forms.TextInput(attrs={"placeholder": "For example: Welcome"})
    )


class UnknownForm(forms.Form):
    """What follows when nobody knows whether an email of the loop was sent."""

    unknown_policy = forms.ChoiceField(
        label="When no answer came and nobody knows if an email left",
        widget=forms.RadioSelect,
        choices=[
            (UnknownPolicy.HOLD.value, "Hold it: a person decides, and nobody gets it twice"),
            (UnknownPolicy.RESEND_ONCE.value, "Send it again, once, ten minutes later: somebody may get it twice"),
        ],
        help_text="Counts at once, also for emails that were made before.",
    )


class TriggerForm(forms.Form):
    """What starts a loop, and how often for one contact."""

    version = VersionField()
    event = forms.CharField(
        label="Event received",
        max_length=100,
        widget=forms.TextInput(
            attrs={
                "list": EVENT_NAMES_LIST,
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "newStripeCustomer",
            }
        ),
        help_text="Choose an event, or type a new name. Capital letters count.",
    )
    frequency = forms.ChoiceField(
        label="A contact enters",
        widget=forms.RadioSelect,
        choices=[
            (Frequency.ONE_TIME.value, "One time: at the first such event, never again"),
            (Frequency.EVERY_TIME.value, "Every time: at each such event"),
        ],
    )

    def clean_event(self) -> str:
        """A name that an event may have."""
        return event_name(self.cleaned_data["event"])


class WaitForm(forms.Form):
    """How long a step waits."""

    version = VersionField()
    amount = forms.IntegerField(
        min_value=0, label="Wait for", widget=forms.NumberInput(attrs={"aria-label": "How long to wait"})
    )
    unit = forms.ChoiceField(
        choices=[(value, name) for _, value, name in reversed(UNITS)],
        widget=forms.Select(attrs={"aria-label": "Unit"}),
    )

    @classmethod
    def of(cls, duration: timedelta, version: datetime) -> WaitForm:
        """The form that shows this duration, in the largest unit that shows it whole."""
        seconds = int(duration.total_seconds())
        size, unit, _ = next((one for one in UNITS if seconds and seconds % one[0] == 0), UNITS[-1])
        return cls(initial={"amount": seconds // size, "unit": unit, "version": version})

    def clean(self) -> dict[str, Any]:
        """The duration, within what a wait may last."""
        data = super().clean() or {}
        if "amount" in data and "unit" in data:
            size = next(size for size, unit, _ in UNITS if unit == data["unit"])
            # Compared as numbers: a timedelta cannot even hold every number that can be typed.
            if data["amount"] * size > WAIT_MAX.total_seconds():
                self.add_error("amount", f"A wait lasts at most {WAIT_MAX.days} days.")
            else:
                data["duration"] = timedelta(seconds=data["amount"] * size)
        return data


class EmailForm(forms.ModelForm):  # type: ignore[type-arg]
    """An email as its author writes it. What is wrong with its Liquid and its MJML is told by emails.compose.check."""

    version = VersionField()
    format = forms.ChoiceField(
        label="Format", choices=[(Format.MARKDOWN.value, "Markdown"), (Format.MJML.value, "MJML")]
    )
    kind = forms.ChoiceField(
        label="Why you may send it",
        widget=forms.RadioSelect,
        choices=[
            (
                Kind.MARKETING.value,
                "Marketing: carries your postal address and an unsubscribe link, and skips people who unsubscribed",
            ),
            (
                Kind.TRANSACTIONAL.value,
                "Transactional: answers what this person just did, such as paying; also goes to who unsubscribed",
            ),
        ],
    )

    class Meta:
        model = Email
        fields = ["name", "subject", "preview", "format", "body", "kind", "from_name", "from_email", "reply_to"]
        labels = {
            "preview": "Preview text",
            "from_name": "Sender's name",
            "from_email": "Sender's address",
            "reply_to": "Reply to",
        }
        help_texts = {
            "name": "Only you see it.",
            "preview": "Inboxes show it behind the subject.",
            "reply_to": "Blank: answers go to the sender.",
        }
        widgets = {
            "body": forms.Textarea(attrs={"rows": 22, "class": "mono", "spellcheck": "true", "wrap": "soft"}),
        }

    def clean_from_email(self) -> str:
        """One address, or a merge tag that becomes one."""
        return address_or_tag(self.cleaned_data["from_email"])

    def clean_reply_to(self) -> str:
        """One address, or a merge tag that becomes one."""
        return address_or_tag(self.cleaned_data["reply_to"])


def address_or_tag(text: str) -> str:
    """The address, checked unless it is filled in later. Raises ValidationError."""
    if text and "{{" not in text:
        try:
            return parse(text).email
        except NotAnAddress as error:
            raise forms.ValidationError(f"{error}.") from error
    return text
