"""Who works: one row for each worker process, which it renews while it is alive."""

from __future__ import annotations

from datetime import timedelta

from django.db import models

BEAT = timedelta(seconds=10)
ALIVE = timedelta(seconds=35)  # Whoever was seen so lately works

assert ALIVE > BEAT * 3  # Two beats may fail.


class Worker(models.Model):
    """A worker process. Belongs to no workspace. `name` is host, process id and a random word.

    `offset` is how many seconds its machine's clock was ahead of the database's when it was last seen.
    """

    name = models.CharField(max_length=300, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    offset = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return self.name
