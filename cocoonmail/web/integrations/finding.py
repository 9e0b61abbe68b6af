"""Find what a URL names, within the reader's own workspace: other tenants' ids lead nowhere."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Platform
from cocoonmail.web.integrations.guides import GUIDES, Guide
from cocoonmail.web.shared.middleware import MemberRequest


def platform_of(name: str) -> tuple[Platform, Guide]:
    """The platform of this name. Raises Http404."""
    if name not in PLATFORMS or name not in GUIDES:
        raise Http404
    return PLATFORMS[name], GUIDES[name]


def endpoints_of(request: MemberRequest, platform: str) -> QuerySet[Endpoint]:
    """The workspace's endpoints of one platform, the first one first."""
    return Endpoint.objects.filter(workspace=request.workspace, platform=platform).order_by("pk")


def endpoint_of(request: MemberRequest, platform: str, pk: int) -> Endpoint:
    """One endpoint. Raises Http404."""
    platform_of(platform)
    return get_object_or_404(endpoints_of(request, platform), pk=pk)


def delivery_of(request: MemberRequest, platform: str, pk: int) -> Delivery:
    """One delivery, with its endpoint and contact. Raises Http404."""
    platform_of(platform)
    mine = Delivery.objects.filter(workspace=request.workspace, endpoint__platform=platform)
    return get_object_or_404(mine.select_related("endpoint", "contact"), pk=pk)
