"""Addresses of the Settings pages."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.settings import limits, members, sender, transport, workspaces

urlpatterns = [
    path("settings", sender.sender, name="settings"),
    path("settings/transport", transport.transport, name="settings_transport"),
    path("settings/transport/tests", transport.send_test, name="settings_transport_test"),
    path("settings/limits", limits.limits, name="settings_limits"),
    path("settings/limits/remove", limits.remove, name="settings_limit_remove"),
    path("settings/members", members.members, name="settings_members"),
    path("settings/members/<int:pk>/role", members.change_role, name="member_role"),
    path("settings/members/<int:pk>/remove", members.remove, name="member_remove"),
    path("settings/invitations/<int:pk>/withdraw", members.withdraw, name="invitation_withdraw"),
    path("workspaces/<int:pk>/enter", workspaces.enter, name="workspace_enter"),
]
