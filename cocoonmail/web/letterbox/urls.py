"""Addresses that stand in emails."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.letterbox import views

urlpatterns = [
    path("unsubscribe/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("unsubscribe/<str:token>/resubscribe", views.resubscribe, name="resubscribe"),
]
