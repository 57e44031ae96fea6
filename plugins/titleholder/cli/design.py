"""The verb `design`: what the evaluation of a challenger can find, before there is one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from titleholder.analysis.sequential.design import design_to_json
from titleholder.analysis.sequential.sentences import (
    difference_text,
    moment_text,
    probability_text,
    units_text,
)
from titleholder.cli.context import CommandContext
from titleholder.cli.design_plan import Assumed, DesignPlan, make_plan
from titleholder.cli.terminal import print_json, print_line, show, table
from titleholder.config.duel import format_days, format_loss


def design(context: CommandContext, assumed: Assumed, *, as_json: bool) -> int:
    """Print the design of a challenger that is deployed now or at the assumed time, and what it can
    find."""
    plan = make_plan(context, assumed, datetime.now(UTC))
    if as_json:
        print_json(_to_json(plan))
        return 0
    for line in _lines(plan):
        print_line(line)
    head = ("true difference", "promoted with", "rolled back with", "on average until")
    show(table(head, _powers(plan)))
    steps = plan.config.rollout.traffic_steps
    if len(steps) > 1:
        print_line(
            f"each of the {len(steps)} traffic steps needs such a verdict, the first one by then"
        )
    return 0


def _lines(plan: DesignPlan) -> Iterator[str]:
    planned, duel = plan.design, plan.duel
    assert planned.ends is not None, "make_plan refuses a design without an end"
    kind = planned.kind.replace("_", " ") + (" with futility" if planned.futility else "")
    loss = f"{format_loss(duel.loss)} of {duel.target}"
    yield f"{plan.config.model}: {kind} design of a challenger"
    yield f"  begins    {moment_text(planned.begins)}"
    length = format_days(planned.ends - planned.begins)
    yield f"  ends      {moment_text(planned.ends)}, after {length}"
    yield f"  looks     {planned.looks}, by {duel.schedule} (UTC)"
    margin = f", margin {planned.margin:g}" if planned.margin else ""
    yield (
        f"  errors    alpha {planned.alpha:g}, rollback_alpha {planned.rollback_alpha:g}; "
        f"{planned.hypothesis.replace('_', '-')}{margin}"
    )
    rate = plan.rate
    counted = (
        f"{plan.rows:,.0f} {units_text(planned)}" if planned.cluster_column else f"{plan.rows:,.0f}"
    )
    yield f"  rows      {counted} by the end: {rate.value:,.3g} a day, {rate.origin}"
    yield (
        f"  variance  {plan.variance.value:.3g} of the differences of the {loss}: "
        f"{plan.variance.origin}"
    )
    yield "the smallest true difference, champion's minus challenger's, that is found by the end"
    for probability, difference in plan.smallest.items():
        yield f"  with {100 * probability:.0f} %: {difference_text(planned, difference)}"


def _powers(plan: DesignPlan) -> Iterator[tuple[str, ...]]:
    for one in plan.powers:
        until = f"{plan.design.begins + one.duration:%a %Y-%m-%d}, {format_days(one.duration)}"
        chances = probability_text(one.promotion), probability_text(one.rollback)
        yield f"{one.difference:.2g}", *chances, until


def _to_json(plan: DesignPlan) -> dict[str, Any]:
    return {
        "model": plan.config.model,
        "design": design_to_json(plan.design),
        "rows": plan.rows,
        "rows_per_day": {"value": plan.rate.value, "origin": plan.rate.origin},
        "variance": {"value": plan.variance.value, "origin": plan.variance.origin},
        "smallest_difference": {str(key): value for key, value in plan.smallest.items()},
        "power": [
            {
                "difference": one.difference,
                "promotion": one.promotion,
                "rollback": one.rollback,
                "days": one.duration / timedelta(days=1),
            }
            for one in plan.powers
        ],
    }
