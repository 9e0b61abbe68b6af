"""Addresses of the ways in."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.accounts import views

urlpatterns = [
    path("welcome", views.closed, name="closed"),
    path("welcome/<str:token>", views.welcome, name="welcome"),
    path("no-workspace", views.no_workspace, name="no_workspace"),
]
