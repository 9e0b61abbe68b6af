"""Addresses of the events' pages."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.events import views

urlpatterns = [
    path("events", views.events, name="events"),
    path("events/new", views.new, name="event_new"),
]
