"""Who may open a page: members, and for some pages only those with a role that allows it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from cocoonmail.accounts.models import Role
from cocoonmail.web.shared.middleware import MemberRequest

Rest = ParamSpec("Rest")
View = Callable[Concatenate[MemberRequest, Rest], HttpResponse]

EDITORS = (Role.OWNER, Role.ADMIN, Role.EDITOR)
ADMINS = (Role.OWNER, Role.ADMIN)


def page(view: View[Rest]) -> Callable[..., HttpResponse]:
    """A page for members. Every role may look; what changes something asks for editors."""
    return _for(tuple(Role), EDITORS, view)


def admin_page(view: View[Rest]) -> Callable[..., HttpResponse]:
    """A page on which only owners and admins may change something."""
    return _for(tuple(Role), ADMINS, view)


def _for(readers: tuple[Role, ...], writers: tuple[Role, ...], view: View[Rest]) -> Callable[..., HttpResponse]:
    @login_required
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        member = getattr(request, "member", None)
        if member is None:
            return redirect("no_workspace")
        allowed = readers if request.method in ("GET", "HEAD") else writers
        if member.role not in allowed:
            raise PermissionDenied("Your role in this workspace does not allow this. Ask an owner or admin.")
        return view(request, *args, **kwargs)  # type: ignore[arg-type]

    return checked
