"""The time of a verdict and of a plan, called in this process."""

import statistics
import timeit
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.bench.measuring import Options
from tests.bench.results import Bar, Table
from tests.titleholder.analysis.designs import context_for, design_for
from tests.titleholder.rollout.scenes import NEW, OLD, VERSIONS, Roles, candidate, deployed, view
from titleholder.analysis.evidence import EvaluationContext, Evidence
from titleholder.analysis.sequential import group_sequential
from titleholder.analysis.sequential.design import Look
from titleholder.analysis.verdict import verdict
from titleholder.config.duel import Duel
from titleholder.config.rollout import Rollout
from titleholder.rollout.intents import Intent, Promote, RollBack
from titleholder.rollout.plan import plan
from titleholder.rollout.view import Version, View

NOW = datetime(2026, 11, 16, 3, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Duel(loss="zero_one", target="y")
CONTEXT = context_for(RULES, NOW - 3 * DAY, NOW)
# The last of sixty looks.
LOOKS = tuple(Look(day / 60, 5_000.0 * day) for day in range(1, 60))
MANY = replace(CONTEXT, design=design_for(RULES, NOW - 60 * DAY, 60 * DAY, 60), earlier=LOOKS)
CALLS = 500


def evidence(mean: float) -> Evidence:
    """A million rows, on a tenth of which the two models differ."""
    return Evidence(
        champion="old",
        challenger="new",
        loss="zero_one",
        target="y",
        n=1e6,
        rows_compared=1e6,
        mean=mean,
        variance=0.1,
        skewness=0.0,
        coverage=1.0,
        champion_rows=1e6,
        challenger_rows=1e6,
        rows=1e6,
        rows_labelled=1e6,
        rows_skipped=0,
        champion_invalid_predictions=0,
        challenger_invalid_predictions=0,
        newest=NOW - DAY,
        measured=NOW,
        smallest=-1,
        largest=1,
    )


def of_years(found: View) -> View:
    """The same with five years of weekly versions in the registry."""
    older = tuple(Version(str(n), frozenset([f"m1-old{n}"])) for n in range(1_000, 1_260))
    return replace(found, versions=VERSIONS + older)


def of_new_looks(given: Evidence, context: EvaluationContext) -> Callable[[], object]:
    """The verdict whose boundaries no call before has computed."""

    def call() -> object:
        group_sequential.boundaries.cache_clear()
        return verdict(given, RULES, context)

    return call


def measure(options: Options) -> Table:
    """The median of several batches of calls, in microseconds."""
    held = of_years(view(deployed(1, 100), roles=Roles(champion=OLD)))
    both = of_years(
        view(deployed(1, 90), deployed(0, 10), roles=Roles(champion=OLD, challenger=NEW))
    )

    def planned(found: View, intent: Intent) -> Callable[[], object]:
        return lambda: plan(found, intent, Rollout())

    ways: dict[str, Callable[[], object]] = {
        "verdict: promote": of_new_looks(evidence(0.05), CONTEXT),
        "verdict: hold": of_new_looks(evidence(0.0), CONTEXT),
        "verdict: roll back": of_new_looks(evidence(-0.05), CONTEXT),
        "verdict: hold, at the last of 60 looks": of_new_looks(evidence(0.0), MANY),
        "with an adjusted estimate: promote, at the last of 60 looks": of_new_looks(
            evidence(0.05), MANY
        ),
        "plan: deploy a challenger, 264 versions registered": planned(held, candidate()),
        "plan: nothing to do": planned(both, candidate()),
        "plan: promote": planned(both, Promote(NEW)),
        "plan: roll back": planned(both, RollBack(NEW)),
    }
    taken: dict[str, list[float]] = {what: [] for what in ways}
    for _ in range(options.rounds):
        for what, way in ways.items():
            calls = CALLS // 20 if "60 looks" in what else CALLS
            taken[what].append(timeit.timeit(way, number=calls) / calls)
    found = {what: statistics.median(seen) * 1e6 for what, seen in taken.items()}
    return Table(
        "A verdict, and a plan",
        ("", "µs"),
        [(what, f"{micro:.0f}") for what, micro in found.items()],
        [
            Bar(
                f"the slowest {kind}",
                max(micro for what, micro in found.items() if what.startswith(kind)) / 1_000,
                limit,
                " ms",
            )
            for kind, limit in (("verdict", 5), ("plan", 1))
        ],
    )
