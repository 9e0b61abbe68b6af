"""The page for what went wrong: on our side, or only with a database that does not answer just now."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

from cocoonmail.kit.connections import drop_idle

RETRY_AFTER = 5  # Seconds


def trouble(request: HttpRequest) -> HttpResponse:
    """503 while the database is away, or too busy to answer in time (promise R8); else 500."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError):
        return server_error(request)
    drop_idle(error)
    page = render_to_string("503.html")
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER)})
