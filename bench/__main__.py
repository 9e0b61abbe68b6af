"""`bin/bench NAME`: run one measurement. One JSON object a line on stdout, a short table on stderr."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterable

from bench import faults, hosts, whole
from bench.result import HEAD, CheckFailed, Result

BENCHES = {bench.__name__.rpartition(".")[2]: bench for bench in whole.BENCHES}
ALL = "all"
TRIALS = {"faults": faults, "hosts": hosts}  # They look for faults and measure no speed


def main() -> int:
    """Run the measurement that is named; 1 when its check fails."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, bench in {**BENCHES, ALL: whole, **TRIALS}.items():
        sub = names.add_parser(name, help=(bench.__doc__ or "").splitlines()[0])
        sub.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
        bench.options(sub)
    given = parser.parse_args()
    if given.name in TRIALS:
        return int(TRIALS[given.name].run(given))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # What was started is stopped on the way out.
    try:
        tell(whole.run(given) if given.name == ALL else [BENCHES[given.name].run(given)])
    except CheckFailed as failed:
        print(f"FAILED: {failed}", file=sys.stderr)
        return 1
    return 0


def tell(measured: Iterable[list[Result]]) -> None:
    """Each result as soon as it is there, and all of them for people at the end."""
    results: list[Result] = []
    for some in measured:
        for result in some:
            print(json.dumps(result.as_json()), flush=True)
        results += some
    print("\n".join([HEAD, *(result.as_row() for result in results)]), file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
