"""The watch of a champion: alarms without a reason and delays, compared with other rules."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from tests.bench.decay import (
    NOISE,
    RULES,
    TWO_YEARS,
    Champions,
    broken_day,
    champions,
    cusum_alarms,
    decayed,
    delays,
    false_alarms,
    few_rows_at_weekends,
    heavy_tailed,
    naive_alarms,
    resembling,
    worse_at_weekends,
)
from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from titleholder.analysis.decay.decay_state import DecayRules

WEEKLY = replace(RULES, weekly=True)
Scene = Callable[[np.random.Generator, int], Champions]
QUIET: dict[str, tuple[Scene, DecayRules]] = {
    "normal days": (lambda rng, count: champions(rng, count, TWO_YEARS), RULES),
    "heavy tails": (lambda rng, count: champions(rng, count, TWO_YEARS, heavy_tailed), RULES),
    "few rows at weekends": (lambda rng, count: few_rows_at_weekends(rng, count, TWO_YEARS), RULES),
    "15 % worse at weekends": (lambda rng, count: worse_at_weekends(rng, count, TWO_YEARS), RULES),
    "15 % worse at weekends, `weekly`": (
        lambda rng, count: worse_at_weekends(
            rng, count, TWO_YEARS, reference=WEEKLY.reference_length
        ),
        WEEKLY,
    ),
    "each day correlated by 0.3 with the last": (
        lambda rng, count: champions(rng, count, TWO_YEARS, resembling),
        RULES,
    ),
}
LAST = 120


def measure(options: Options) -> Table:
    """Simulated champions; not of time, and so not in rounds."""
    count = 100 if options.quick else 1_000
    alarms = {what: _alarms(scene, rules, count) for what, (scene, rules) in QUIET.items()}
    found = dict(_delays(count))
    one = broken_day(10 * count, 5)
    rows = [
        (f"false alarms: {what}", *(f"{mean:.2f}" for mean in means))
        for what, means in alarms.items()
    ]
    rows += [(f"median days: {what}", *map(_days, middle)) for what, middle in found.items()]
    rows += [("alarm on one bad day, or the next", *(f"{share:.1%}" for share in one.values()))]
    most = max(means[0] for what, means in alarms.items() if "correlated" not in what)
    return Table(
        "The watch of a champion",
        ("", "test", "CUSUM", "10 % worse"),
        rows,
        [
            Bar("most false alarms in two years of independent days", most, 1, ""),
            Bar("median days, 2 sd after 28 quiet days", found[_what(2, 28)][0], 6, ""),
            Bar("median days, 4 sd after 28 quiet days", found[_what(4, 28)][0], 3, ""),
            Bar("alarms on one bad day", 100 * one["test"], 3, " %"),
        ],
        notes=[
            f"{count:,} champions a line, whose daily mean loss is 1 with a standard deviation of "
            f"{NOISE:.0%} (sd), and a reference of {RULES.reference_days} days "
            f"({WEEKLY.reference_length} with `weekly`), which quiet days include. False alarms "
            "are those of two years after it, of rules that begin anew after each; days are those "
            "from the beginning of a decay to its alarm. CUSUM has k = 0.5, and h such that it "
            "would have one false alarm in two years with a known mean and sd. The bad day is 5 sd "
            "worse. docs/explanation/watching.md explains the lines.",
        ],
    )


def _alarms(scene: Scene, rules: DecayRules, count: int, seed: int = 1) -> tuple[float, ...]:
    found = scene(np.random.default_rng(seed), count)
    others = (cusum_alarms(found), naive_alarms(found))
    return (
        float(false_alarms(found, rules).mean()),
        *(float(one.sum(axis=1).mean()) for one in others),
    )


def _what(sd: float, quiet: int) -> str:
    return f"{sd:g} sd worse after {quiet} quiet days"


def _delays(count: int) -> Iterator[tuple[str, list[float]]]:
    for quiet in (14, 28, 90):
        rng = np.random.default_rng(quiet)
        found = champions(rng, count, quiet + LAST - RULES.reference_days)
        for sd in (1, 2, 4):
            taken = delays(decayed(found, quiet, sd=sd), quiet)
            yield _what(sd, quiet), [float(np.sort(one)[len(one) // 2]) for one in taken.values()]
        taken = delays(decayed(found, quiet, sd_a_day=0.05), quiet)
        what = f"worse by 0.05 sd a day after {quiet} quiet days"
        yield what, [float(np.sort(one)[len(one) // 2]) for one in taken.values()]


def _days(middle: float) -> str:
    return f"{middle:.0f}" if middle < np.inf else f"> {LAST}"
