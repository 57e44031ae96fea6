"""Training on the same rows, with the same grid and folds, by the project's component and by the
seed's."""

import statistics

import pyarrow.parquet as pq

from tests.bench.alternatives.our_way import FEATURES, TARGETS
from tests.bench.measuring import Options, call, environment
from tests.bench.results import Bar, Table
from tests.bench.rows import chunk

# Rows, and rounds of them.
SIZES = {2_000: 3, 10_000: 1, 50_000: 1}


def measure(options: Options) -> Table:
    """Seconds by the clock, and R2 on the fifth of the rows that neither has seen."""
    sizes = list(SIZES)[:2] if options.quick else list(SIZES)
    env = environment(options.home)
    rows, speed, better = [], {}, {}
    for size in sizes:
        file = str(options.home / f"{size}.parquet")
        pq.write_table(chunk(0, size, size).drop_columns("measured_at"), file)
        ways = {
            "the seed's component": ("seed_way:train", file, FEATURES, TARGETS, None),
            "the seed's, on all cores": ("seed_way:train", file, FEATURES, TARGETS, -1),
            "`train`": ("our_way:train", file, str(options.home / f"{size}")),
        }
        if size == max(SIZES):  # it takes a quarter of an hour on one core
            del ways["the seed's component"]
        seconds: dict[str, list[float]] = {what: [] for what in ways}
        scores: dict[str, float] = {}
        for _ in range(min(options.rounds, SIZES[size])):
            for what, (function, *given) in ways.items():
                score, cost = call(f"alternatives.{function}", *given, env=env)
                seconds[what].append(cost.seconds)
                scores[what] = score
        taken = {what: statistics.median(seen) for what, seen in seconds.items()}
        seed, *_, own = ways
        speed[size] = taken[seed] / taken[own]
        better[size] = scores[own] - scores[seed]
        rows += [
            (
                what,
                f"{size:,}",
                f"{taken[what]:.1f}",
                f"{taken[seed] / taken[what]:.1f}",
                f"{scores[what]:.3f}",
            )
            for what in ways
        ]
    return Table(
        "Training",
        ("", "rows", "s", "times as fast", "R2"),
        rows,
        [
            Bar("at 10,000 rows", speed[10_000], 5, at_least=True),
            *(
                Bar(f"R2 above the seed's, at {size:,} rows", gain, 0, "", at_least=True)
                for size, gain in better.items()
            ),
        ],
        [
            "Grid, folds and held-out rows are the same. The seed's networks see unscaled "
            "numbers. Each time has the imports in it, and `train`'s also the evaluation."
        ],
    )
