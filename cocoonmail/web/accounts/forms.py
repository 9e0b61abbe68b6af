"""What a person says about themselves on the way in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from cocoonmail.accounts.models import Invitation, User


class WelcomeForm(forms.Form):
    """The first owner names the workspace; an invited member only chooses a password."""

    workspace = forms.CharField(
        label="Company or product", max_length=100, help_text="Your readers see it. You can change it later."
    )
    name = forms.CharField(label="Your name", max_length=150)
    email = forms.EmailField(label="Email", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label="Password",
        help_text="At least 12 characters.",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, invitation: Invitation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invitation.workspace is not None:
            del self.fields["workspace"]
        if invitation.email:
            self.fields["email"].initial = invitation.email
            self.fields["email"].disabled = True

    def clean_email(self) -> str:
        """An address that nobody logs in with yet."""
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(
                "This address has an account here already. Sign in first, then open this link again."
            )
        return email

    def clean(self) -> dict[str, Any]:
        """A password that is long, not one of the well-known ones, and not the person's own name or address."""
        data = super().clean() or {}
        if password := data.get("password"):
            try:
                validate_password(password, User(email=data.get("email", ""), first_name=data.get("name", "")))
            except forms.ValidationError as wrong:
                self.add_error("password", wrong)
        return data
