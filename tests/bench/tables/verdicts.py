"""The rate of wrong verdicts, compared with a z test that is repeated daily."""

from tests.bench.measuring import Options
from tests.bench.results import Table
from tests.bench.verdicts import ALPHA, DAYS, MINIMUM_N, Shape, simulate


def measure(options: Options) -> Table:
    """Simulated rollouts of four weeks; not of time, and so not in rounds."""
    rollouts = 1_000 if options.quick else 10_000
    rows = []
    for a_day, planned_rows in ((50, MINIMUM_N), (500, MINIMUM_N), (500, 2_500)):
        for line in simulate(Shape(rollouts, a_day), planned_rows):
            days = ("-" if day is None else f"{day:.0f}" for day in (line.day, line.naive_day))
            ours, naive = days
            rows.append(
                (
                    line.what,
                    f"{a_day}",
                    f"{planned_rows:,}",
                    *(f"{line.promoted:.2%}", f"{line.rolled_back:.2%}", ours),
                    *(f"{line.naive_promoted:.2%}", f"{line.naive_rolled_back:.2%}", naive),
                )
            )
    return Table(
        "Verdicts that are wrong",
        (
            "the challenger is",
            *("rows a day", "planned rows", "promoted", "rolled back", "day"),
            *("daily z: promoted", "rolled back", "day"),
        ),
        rows,
        notes=[
            f"{rollouts:,} rollouts a line, {DAYS} daily looks, alpha {ALPHA}. "
            "docs/explanation/verdict.md explains them."
        ],
    )
