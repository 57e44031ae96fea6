"""How often a verdict is wrong, beside a z test that is repeated daily."""

from tests.bench.chances import ALPHA, MINIMUM_N, Shape, simulate
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table

# Nobody of these is better.
EQUAL = ("equal, zero-one", "equal, squared", "equal, skewed")


def measure(options: Options) -> Table:
    """28 daily looks at each of many rollouts."""
    rollouts = 500 if options.quick else 10_000
    lines = [
        (rows, one) for rows in (50, 500) for one in simulate(Shape(rollouts, rows), MINIMUM_N)
    ]
    wrong = max(one.promoted for _, one in lines if one.what in EQUAL)
    naive = max(one.naive_promoted for _, one in lines if one.what in EQUAL)
    return Table(
        "Verdicts: 28 daily looks at a challenger",
        (
            "the challenger is",
            "rows a day",
            "promoted",
            "rolled back",
            "naive: promoted",
            "rolled back",
        ),
        [
            (
                one.what,
                str(rows),
                f"{one.promoted:.2%}",
                f"{one.rolled_back:.2%}",
                f"{one.naive_promoted:.2%}",
                f"{one.naive_rolled_back:.2%}",
            )
            for rows, one in lines
        ],
        [Bar("an equal one is promoted", wrong * 100, ALPHA * 100, " %")],
        [f"{rollouts:,} rollouts a line. The naive test promotes an equal one in {naive:.1%}."],
    )
