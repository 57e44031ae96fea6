"""Predictions per second, also while traffic changes."""

import statistics
from dataclasses import fields

from tests.bench.measuring import Options
from tests.bench.predictions import Line
from tests.bench.predictions import measure as lines
from tests.bench.results import Bar, Table

ONE = ":predict, one model"
STEADY = ":predict, two models"
CHANGES = (":predict, the split changes", ":predict, models come and go")


def measure(options: Options) -> Table:
    """The median of several rounds of everything in tests/bench/predictions.py."""
    rounds = 1 if options.quick else min(3, options.rounds)
    seen = [{line.what: line for line in lines(3_000, 10)} for _ in range(rounds)]
    numbers = [one.name for one in fields(Line) if one.name not in ("what", "first_failure")]
    found = {
        what: Line(
            what,
            **{name: statistics.median(getattr(of[what], name) for of in seen) for name in numbers},
            first_failure=next((of[what].first_failure for of in seen if of[what].failed), ""),
        )
        for what in seen[0]
    }
    first = next(iter(found.values()))
    slowest = max(
        statistics.median(of[what].p99 / of[STEADY].p99 for of in seen) for what in CHANGES
    )
    return Table(
        "Predictions",
        ("", "/s", "ratio", "cpu ms", "ratio", "p50 ms", "p99 ms", "failed"),
        [
            (
                one.what,
                f"{one.rate:.0f}",
                f"{one.rate / first.rate:.2f}",
                f"{one.cpu * 1000:.2f}",
                f"{one.cpu / first.cpu:.2f}",
                f"{one.p50 * 1000:.2f}",
                f"{one.p99 * 1000:.2f}",
                f"{sum(of[one.what].failed for of in seen)} {one.first_failure}".strip(),
            )
            for one in found.values()
        ],
        [
            Bar("errors", sum(line.failed for of in seen for line in of.values()), 0, ""),
            Bar("p99 while traffic changes beside two models at rest", slowest, 2),
            Bar(
                "one model beside the model called directly (0.54 in the sandbox's own process)",
                statistics.median(of[ONE].rate / of[first.what].rate for of in seen),
                0.27,
                at_least=True,
            ),
        ],
        [
            "Eight connections at once. The split changes some 20 times a second; models come and "
            "go as fast as they are deployed. The cost of an answer is the server's."
        ],
    )
