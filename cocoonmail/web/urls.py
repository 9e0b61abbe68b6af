"""The addresses of the pages: one line a room, each room lists its own."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("cocoonmail.web.home.urls")),
    path("", include("cocoonmail.web.accounts.urls")),
    path("", include("cocoonmail.web.integrations.urls")),
    path("", include("cocoonmail.web.loops.urls")),
    path("", include("cocoonmail.web.gallery.urls")),
    path("", include("cocoonmail.web.audience.urls")),
    path("", include("cocoonmail.web.events.urls")),
    path("", include("cocoonmail.web.messages.urls")),
    path("", include("cocoonmail.web.settings.urls")),
    path("", include("cocoonmail.web.letterbox.urls")),
]
