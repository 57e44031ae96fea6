"""The verb `plan`."""

from datetime import UTC, datetime
from typing import Any

from titleholder.cli.arguments import DEPLOY
from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_json, print_line
from titleholder.data_intervals import Interval, last_complete, next_fire
from titleholder.naming import TrainingRun
from titleholder.pipelines.candidate import deploy_version
from titleholder.rollout import plan as planning
from titleholder.rollout.descriptions import describe_step
from titleholder.rollout.display_names import split_text
from titleholder.rollout.intents import DeployCandidate, Intent, intent_from, resolve_target
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import NewVersion, call_of


def plan(
    context: CommandContext,
    verb: str,
    deployed_model_id: str | None,
    traffic_percentage: int | None,
    *,
    as_json: bool,
) -> int:
    """Print the calls that the intent of the verb, or DEPLOY, leads to, and the split after
    each."""
    view = context.endpoints.observe()
    intent: Intent
    if verb == DEPLOY:
        intent = _next_candidate(context)
    else:
        requested = intent_from(verb.replace("-", "_"), deployed_model_id, traffic_percentage)
        intent = resolve_target(requested, view)
    planned = planning.plan(view, intent, context.config.rollout)
    rows: list[dict[str, Any]] = []
    for step in planned.steps:
        text, call, view = describe_step(step, view), call_of(step, view), apply_to_view(view, step)
        split = {"split": view.split, "split_text": split_text(view, view.split)}
        rows.append({"step": text, "call": call, **split})
    if as_json:
        print_json({"steps": rows, "summary": planned.answer})
        return 0
    for number, row in enumerate(rows, 1):
        print_line(f"{number}. {row['step']}")
        print_line(f"   {row['call']}")
        print_line(f"   split: {row['split_text']}")
    print_line(f"Then: {planned.answer}" if rows else planned.answer)
    return 0


def _next_candidate(context: CommandContext) -> DeployCandidate:
    """The intent of the next weekly run, if its model passes the gate."""
    config = context.config
    last = last_complete(config.schedule.cron, datetime.now(UTC))
    coming = Interval(last.end, next_fire(config.schedule.cron, last.end))
    run = TrainingRun(config.model, coming, 0)
    return deploy_version(config, run, NewVersion(run.name, config.model, "", ""))
