"""The inside of `bin/bench faults`: storms on real processes, one after the other, each told in a line of JSON.

Run as `python -m tests.faults.night '{"kills": 300, …}'`, on the database that COCOONMAIL_TEST_DATABASE names.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from tests import ground  # First, for it says where Django's settings look

# isort: split
import django

django.setup()

from tests.faults import plan  # noqa: E402 - needs the settings
from tests.faults.poisoned import PLACE, PoisonedStorm  # noqa: E402
from tests.faults.postgres import Server, postgres  # noqa: E402
from tests.faults.power import COMPILER  # noqa: E402
from tests.storm import Storm, storm  # noqa: E402

LEASE = "5"  # Seconds, where a worker outlives the fault; in the product 30
TOLD = 20  # Findings
ORPHANED = 30.0  # Seconds: promise W3
SLACK = 5.0  # Seconds that a worker takes to start and to finish what it has found

Maker = Callable[[random.Random, int, int], Sequence[plan.Fault]]

# What is done, whether it takes the library that is loaded into processes, and whether SQLite, PostgreSQL have it.
STORMS: dict[str, tuple[Maker, bool, tuple[bool, bool]]] = {
    "kills": (plan.kills, False, (True, True)),
    "power": (plan.cuts, True, (True, True)),
    "db": (plan.crashes, False, (False, True)),
    "clock": (plan.steps, True, (True, True)),
    "full": (plan.shortages, True, (True, True)),
    "poison": (plan.poisons, False, (True, True)),
}
OUTLIVED = ("db", "clock", "full")


def main(wanted: dict[str, int]) -> int:
    """All storms that are wanted; 1 when something was lost or doubled."""
    bad = False
    with postgres(ground.folder / "faults") if ground.POSTGRES else nullcontext() as server:
        for name, (make, powered, has) in STORMS.items():
            if not wanted[name] or not has[ground.POSTGRES]:
                continue
            if powered and not COMPILER:
                print(f"NO {name.upper()} FAULTS: there is no C compiler (cc) to make them with", file=sys.stderr)
                continue
            dice = random.Random(f"{wanted['seed']}/{name}")
            faults = make(dice, wanted[name], wanted["acks"])
            figures = weather(name, faults, powered, server, wanted["seed"])
            print(json.dumps(figures), flush=True)
            bad = bad or bool(figures["lost"] or figures["duplicates"] or figures["other"])
    return bad


def weather(name: str, faults: Sequence[plan.Fault], powered: bool, server: Server | None, seed: int) -> dict[str, Any]:
    """One storm, and its figures."""
    begin = time.monotonic()
    short = {"LEASE": LEASE} if name in OUTLIVED else {"POISON": PLACE} if name == "poison" else {}
    kind = PoisonedStorm if name == "poison" else Storm
    with tempfile.TemporaryDirectory(prefix="cocoonmail-faults-") as folder:
        with storm(Path(folder) / "house", seed, kind, powered=powered, server=server, **short) as raging:
            raging.rage(faults)
            raging.release()
            found = raging.findings()
            if name == "kills":
                found += orphans(raging)
            for one in found[:TOLD]:
                print(one, file=sys.stderr)
            return figures_of(name, raging, len(faults), found) | {
                "seed": seed,
                "seconds": round(time.monotonic() - begin, 1),
            }


def figures_of(name: str, raging: Storm, cycles: int, found: list[str]) -> dict[str, Any]:
    """What is told of a storm."""
    lost = sum(one.startswith(("lost", "silent")) for one in found)
    duplicates = sum(one.startswith(("twice", "invented")) for one in found)
    return {
        "name": f"faults {name}",
        "database": "postgres" if ground.POSTGRES else "sqlite",
        "cycles": cycles,
        "acks": len(raging.acks),
        "refused": raging.refused,
        "letters": len(raging.far.taken),
        "lost": lost,
        "duplicates": duplicates,
        "unknown": raging.house.counted("emails_message", "status")["unknown"],
        "released": raging.released,
        "other": len(found) - lost - duplicates,
    }


def orphans(raging: Storm) -> list[str]:
    """Promise W3: what a dead worker held is taken up by another within a lease, which is not shortened here."""
    raging.rage([plan.Kill(("work",), 20)], end_leases=False)
    waited = time.monotonic() - raging.died
    found = raging.findings()
    if waited > ORPHANED + SLACK:
        found.append(f"late: what a dead worker held was done after {waited:.0f} s")
    return found


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))
