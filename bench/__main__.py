"""`bin/bench NAME`: run one measurement. One JSON object a line on stdout, a short table on stderr."""

from __future__ import annotations

import argparse
import json
import sys

from bench import intake, process, send
from bench.result import CheckFailed, Result

BENCHES = {"intake": intake, "process": process, "send": send}


def main() -> int:
    """Run the measurement that is named; 1 when its check fails."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, bench in BENCHES.items():
        sub = names.add_parser(name, help=(bench.__doc__ or "").splitlines()[0])
        sub.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
        bench.options(sub)
    given = parser.parse_args()
    try:
        results = BENCHES[given.name].run(given)
    except CheckFailed as failed:
        print(f"FAILED: {failed}", file=sys.stderr)
        return 1
    for result in results:
        print(json.dumps(result.as_json()), flush=True)
    print(table(results), file=sys.stderr)
    return 0


def table(results: list[Result]) -> str:
    """The results for people."""
    head = (
        f"{'bench':<18}{'database':<10}{'ours/s':>10}{'limit/s':>10}{'ratio':>7}{'goal':>6}{'p50 ms':>8}{'p99 ms':>8}"
    )
    return "\n".join([head, *(result.as_row() for result in results)])


if __name__ == "__main__":
    raise SystemExit(main())
