"""Every address that people and programs may ask for. Webhooks are answered before this, by the door in asgi.py."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("account/", include("allauth.urls")),
    path("", include("cocoonmail.web.urls")),
]

handler500 = "cocoonmail.web.shared.trouble.trouble"
