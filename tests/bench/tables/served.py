"""Predictions of the local Vertex AI beside the model itself, also while traffic moves."""

from tests.bench.measuring import Options
from tests.bench.predictions import measure as answers
from tests.bench.results import Bar, Table


def measure(options: Options) -> Table:
    """One run of every load; they are as long as the rounds say."""
    size = (1_500, 5.0) if options.quick else (1_000 * options.rounds, 2.0 * options.rounds)
    direct, bare, one, two, *moving = answers(*size)
    lines = [direct, bare, one, two, *moving]
    slowest = max(line.p99 / two.p99 for line in moving)
    return Table(
        "Predictions, also through a traffic change",
        ("", "a second", "ratio", "p50, ms", "p99, ms", "failed"),
        [
            (
                line.what,
                f"{line.rate:,.0f}",
                f"{line.rate / direct.rate:.2f}",
                f"{line.p50 * 1000:.2f}",
                f"{line.p99 * 1000:.2f}",
                str(line.failed),
            )
            for line in lines
        ],
        [
            Bar("failed answers", sum(line.failed for line in lines), 0, ""),
            Bar("the slowest p99 while traffic moves beside two models at rest", slowest, 2),
        ],
        ["8 connections at once, from a second process."],
    )
