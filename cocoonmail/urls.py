"""Every address that people and programs may ask for. Webhooks are answered before this, by the door in asgi.py."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("account/", include("allauth.urls")),
    path("", include("cocoonmail.web.urls")),
]

handler400 = "cocoonmail.web.shared.errors.bad_request"
handler403 = "cocoonmail.web.shared.errors.forbidden"
handler404 = "cocoonmail.web.shared.errors.not_found"
handler500 = "cocoonmail.web.shared.errors.server_error"
