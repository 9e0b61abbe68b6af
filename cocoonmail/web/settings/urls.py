"""Addresses of the Settings pages."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.settings import domains, keeping, limits, members, sender, transport, workspaces

urlpatterns = [
    path("settings", sender.sender, name="settings"),
    path("settings/domains", domains.domains, name="settings_domains"),
    path("settings/domains/<int:pk>", domains.domain, name="domain"),
    path("settings/domains/<int:pk>/check", domains.check_dns, name="domain_check"),
    path("settings/domains/<int:pk>/on", domains.turn_on, name="domain_on"),
    path("settings/domains/<int:pk>/off", domains.turn_off, name="domain_off"),
    path("settings/domains/<int:pk>/rotate", domains.rotate, name="domain_rotate"),
    path("settings/domains/<int:pk>/remove", domains.remove, name="domain_remove"),
    path("settings/transport", transport.transport, name="settings_transport"),
    path("settings/transport/tests", transport.send_test, name="settings_transport_test"),
    path("settings/limits", limits.limits, name="settings_limits"),
    path("settings/limits/remove", limits.remove, name="settings_limit_remove"),
    path("settings/keeping", keeping.keeping, name="settings_keeping"),
    path("settings/members", members.members, name="settings_members"),
    path("settings/members/<int:pk>/role", members.change_role, name="member_role"),
    path("settings/members/<int:pk>/remove", members.remove, name="member_remove"),
    path("settings/invitations/<int:pk>/withdraw", members.withdraw, name="invitation_withdraw"),
    path("workspaces/<int:pk>/enter", workspaces.enter, name="workspace_enter"),
]
