"""The inside of `bench backlog`: webhooks that wait, in plenty."""

from __future__ import annotations

import sys

import django

django.setup()

from bench.crowd import pile_up  # noqa: E402 - needs the settings

if __name__ == "__main__":
    pile_up(int(sys.argv[1]))
