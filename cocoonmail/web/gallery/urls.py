"""Addresses of the templates' pages."""

from __future__ import annotations

from django.urls import path

from cocoonmail.web.gallery import views

urlpatterns = [
    path("templates", views.templates, name="templates"),
    path("templates/<slug:key>", views.template, name="template"),
    path("templates/<slug:key>/preview", views.preview, name="template_preview"),
    path("templates/<slug:key>/loops", views.create, name="template_create"),
]
