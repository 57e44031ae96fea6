"""From the source table to a training file."""

import statistics

from tests.bench.measuring import Cost, Options, call, environment, middle
from tests.bench.results import Bar, Table
from tests.bench.rows import WINDOW, put
from tests.bench.sandbox import running

SIZES = 100_000, 1_000_000, 10_000_000
ROUNDS = 3
SEED_CAN = 1_000_000


def measure(options: Options) -> Table:
    """Rows a second and peak memory, ours and the seed's, in turn."""
    sizes = SIZES[:2] if options.quick else SIZES
    ours: dict[int, Cost] = {}
    seeds: dict[int, Cost] = {}
    ratios: dict[int, float] = {}
    with running(options.home) as sandbox:
        env = environment(options.home, **sandbox.env)
        with sandbox.bigquery() as client:
            tables = {size: put(client, size) for size in sizes}

        def export(way: str, size: int) -> Cost:
            path = str(options.home / "exported")
            given = (sandbox.project, tables[size], *WINDOW, path)
            rows, cost = call(f"alternatives.{way}:export", *given, env=env)
            if rows != size:
                raise RuntimeError(f"{way} exported {rows} of {size} rows")
            return cost

        for size in sizes:
            both = []
            for _ in range(min(options.rounds, ROUNDS)):
                seed = export("seed_way", size) if size <= SEED_CAN else None
                both.append((export("our_way", size), seed))
            ours[size] = middle([own for own, _ in both])
            seed_costs = [seed for _, seed in both if seed is not None]
            if seed_costs:
                seeds[size] = middle(seed_costs)
                ratios[size] = statistics.median(
                    seed.seconds / own.seconds for own, seed in both if seed is not None
                )
    most = max(sizes)
    less = most // 10

    def line(what: str, size: int, cost: Cost, ratio: str) -> tuple[str, ...]:
        rate = f"{size / cost.seconds:,.0f}"
        return (what, f"{size:,}", f"{cost.seconds:.1f}", rate, ratio, f"{cost.peak:.0f}")

    rows = []
    for size in sizes:
        if size in seeds:
            rows.append(line("the seed's way: JSON rows, pandas, CSV", size, seeds[size], "1"))
        ratio = f"{ratios[size]:.1f}" if size in ratios else "-"
        rows.append(line("`create_dataset`: Arrow streams, Parquet", size, ours[size], ratio))
    return Table(
        "From the source table to a training file",
        ("", "rows", "s", "rows/s", "ratio", "peak MiB"),
        rows,
        [
            Bar(f"at {SEED_CAN:,} rows", ratios[SEED_CAN], 20, at_least=True),
            Bar(
                f"peak memory at {most:,} rows beside {less:,}",
                ours[most].peak / ours[less].peak,
                1.25,
            ),
        ],
        [
            "The emulator's time is in both. Memory is that of the exporting process.",
        ],
    )
