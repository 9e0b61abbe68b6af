"""Settings: how long what is finished is kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from cocoonmail.accounts.keeping import DAYS_MAX, KEEPINGS, REMEMBERED
from cocoonmail.accounts.models import Workspace
from cocoonmail.web.settings.frame import for_reading, frame
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest


class KeepingForm(forms.ModelForm):  # type: ignore[type-arg]
    """A number of days for each choice."""

    class Meta:
        model = Workspace
        fields = [keeping.field for keeping in KEEPINGS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for keeping in KEEPINGS:
            self.fields[keeping.field] = forms.IntegerField(
                label=f"{keeping.label}, in days",
                help_text=f"{keeping.help} From {keeping.least} to {DAYS_MAX}.",
                min_value=keeping.least,
                max_value=DAYS_MAX,
            )


@admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def keeping(request: MemberRequest) -> HttpResponse:
    """The form, with all choices at once."""
    workspace = Workspace.objects.get(pk=request.workspace.pk)
    form = KeepingForm(request.POST or None, instance=workspace)
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=list(form.cleaned_data))
        messages.success(request, "Saved. What is older is let go of within the next minutes.")
        return redirect("settings_keeping")
    context = {"form": for_reading(form, request), "remembered": REMEMBERED.days}
    return render(request, "settings/keeping.html", {**frame(request, "/settings/keeping"), **context})
