"""The templates: emails that are ready to be sent, shown as their readers would see them, each a loop in one click."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from cocoonmail.accounts.models import Workspace
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.from_template import create_loop
from cocoonmail.loops.gallery import BY_KEY, TEMPLATES, Template
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.framed import framed
from cocoonmail.web.shared.mailview import Shown, facts_here, show
from cocoonmail.web.shared.middleware import MemberRequest


@page
@require_safe
def templates(request: MemberRequest) -> HttpResponse:
    """All of them, each with a preview."""
    return render(request, "gallery/templates.html", {"templates": TEMPLATES})


@page
@require_safe
def template(request: MemberRequest, key: str) -> HttpResponse:
    """One of them in full: its subject, how it looks, its plain text, and what sets it off."""
    found = template_of(key)
    return render(request, "gallery/template.html", {"template": found, "shown": shown(request.workspace, found)})


@page
@require_safe
def preview(request: MemberRequest, key: str) -> HttpResponse:
    """The email itself, with sample values, for a frame."""
    return framed(shown(request.workspace, template_of(key)).html)


@page
@require_POST
def create(request: MemberRequest, key: str) -> HttpResponse:
    """Make a draft loop of it and open the builder."""
    loop = create_loop(request.workspace, template_of(key), database_now())
    messages.success(request, "Your loop is ready. Look at its email, then start it.")
    return redirect("loop", pk=loop.pk)


def template_of(key: str) -> Template:
    """The template of this key. Raises Http404."""
    if key not in BY_KEY:
        raise Http404
    return BY_KEY[key]


def shown(workspace: Workspace, template: Template) -> Shown:
    """The template as a reader of this workspace would get it, with sample values."""
    return show(template.draft, facts_here(workspace, template.sample), workspace)
