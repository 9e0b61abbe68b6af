"""Every way into the house: webhooks go to the door, who asks how we are to the watch, everything else to Django."""

from __future__ import annotations

import os
from secrets import token_hex
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cocoonmail.settings")
django = get_asgi_application()

from cocoonmail.intake.door import PREFIX, Door, Receive, Send  # noqa: E402 - needs Django's apps
from cocoonmail.kit.logs import REQUEST_ID  # noqa: E402
from cocoonmail.watch.answers import Watch  # noqa: E402

door = Door()
watch = Watch("web", local=settings.LOCAL)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of the web process."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["path"].startswith(PREFIX):
        await door(scope, receive, send)
    elif watch.answers(scope["path"]):
        await watch(scope, receive, send)
    else:
        REQUEST_ID.set(token_hex(4))
        await django(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """Start, and on the way out finish what the door has accepted."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await door.aclose()
    await send({"type": "lifespan.shutdown.complete"})
