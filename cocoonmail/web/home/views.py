"""Home: what came in, what went out, what needs a person."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.middleware import MemberRequest


@page
def home(request: MemberRequest) -> HttpResponse:
    """The overview."""
    return render(request, "home/home.html")
