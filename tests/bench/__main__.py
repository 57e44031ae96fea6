"""`python -m tests.bench [TABLE ...]`: measure, print, and write to tests/bench/RESULTS.md."""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measuring import Options
from tests.bench.results import write_section

# In this order: the short ones first.
TABLES = [
    *("imports", "parsing", "rules", "verdicts", "decay", "duel", "predictions"),
    *("weekly", "slots", "export", "training", "nights", "first", "suite"),
]


def main() -> int:
    """Measure the tables named, or all; 1 when one of them could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}")
    parser.add_argument("--rounds", type=int, default=5, help="of the short measurements")
    parser.add_argument("--quick", action="store_true", help="the long tables with less in them")
    parser.add_argument("--suite", type=Path, metavar="LOG", help="the output of `make test`")
    options = parser.parse_args()
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    failed = []
    for name in options.tables or TABLES:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"titleholder-bench-{name}-") as home:
            measured_with = Options(options.rounds, options.quick, Path(home), options.suite)
            try:
                module = importlib.import_module(f"tests.bench.tables.{name}")
                table = module.measure(measured_with)
            except Exception as error:
                # Measure the other tables all the same.
                failed.append(name)
                print(f"\n## {name}: could not be measured: {error}", file=sys.stderr)
                continue
        write_section(name, table, TABLES, options.quick)
        print(f"\n## {table.title} ({time.monotonic() - begin:.0f} s)\n\n{table}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
