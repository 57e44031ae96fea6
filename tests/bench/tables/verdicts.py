"""The rate of wrong verdicts and of found improvements, compared with other tests."""

import math
from collections.abc import Iterator

from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from tests.bench.verdicts import (
    ALPHA,
    HEAD,
    ROWS,
    Line,
    cells,
    odd_looks,
    other_lines,
    power_lines,
    turned,
    with_futility,
)


def measure(options: Options) -> Table:
    """Simulated rollouts of one and four weeks; not of time, and so not in rounds."""
    rollouts = 1_000 if options.quick else 10_000
    by_power = {days: power_lines(rollouts, days) for days in (7, 28)}
    others = {days: other_lines(rollouts, days) for days in (7, 28)}
    odd = odd_looks(rollouts)
    lines = [
        line
        for days in (7, 28)
        for line in (*(one for found in by_power[days].values() for one in found), *others[days])
    ]
    rows = [cells(line) for line in lines]
    rows += [
        (f"equal, {what}", "7", "", f"{promoted:.2%}", "", "", "", "")
        for what, promoted in odd.items()
    ]
    given_up = [one for days in (7, 28) for one in with_futility(rollouts, days)]
    without, with_it = turned(rollouts, 7)
    return Table(
        "Verdicts",
        HEAD,
        rows,
        [
            *_bars(by_power, lines, odd, rollouts),
            Bar("promoted, 7 days better and then worse", with_it * 100, 3.35, " %"),
        ],
        notes=[
            f"{rollouts:,} rollouts a line, {ROWS} rows and one look a day, alpha {ALPHA} on each "
            "side. `at the end` is one z test on the last day, the best possible, `for "
            "ever` the confidence sequence, `daily z` a z test repeated every day; `day` is the "
            "mean day of a promotion. Without a look at the newest days, "
            f"{without:.1%} of the challengers that become worse after 7 days are promoted. "
            "docs/explanation/verdict.md explains the lines.",
            "With `futility`, zero-one losses, "
            + "; ".join(
                f"{one.days} days, {one.what}: {one.given_up:.1%} given up, on day {one.day:.1f}, "
                f"and {one.promoted:.3f} of the promotions"
                for one in given_up
            )
            + ".",
        ],
    )


def _bars(
    by_power: dict[int, dict[float, list[Line]]],
    lines: list[Line],
    odd: dict[str, float],
    rollouts: int,
) -> Iterator[Bar]:
    found = [line for days in by_power.values() for p, of in days.items() if p for line in of]
    equal = [line for days in by_power.values() for line in days[0.0]]
    least = min(line.promoted / line.at_the_end for line in found)
    yield Bar("the least power beside the test at the end", least, 0.94, "", at_least=True)
    # A rate of 10,000 rollouts varies: three standard errors are 0.7 points.
    most = 100 * (ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / rollouts))
    wrong = [line.promoted for line in lines if line.what.startswith(("equal, s", "equal, z"))]
    yield Bar("most promotions of equal models", 100 * max(wrong), most, " %")
    yield Bar("most promotions by odd looks", 100 * max(odd.values()), most, " %")
    unused = 100 * min(line.promoted for line in equal)
    yield Bar("fewest promotions of equal models", unused, 50 * ALPHA, " %", at_least=True)
    slowest = max(line.day / line.days for days in by_power.values() for line in days[0.95])
    yield Bar("mean day of a promotion, found in 95%", slowest, 0.65, " of the days")
