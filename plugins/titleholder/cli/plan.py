"""The verb `plan`."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_line
from titleholder.data_intervals import Interval, last_complete, next_fire
from titleholder.naming import TrainingRun
from titleholder.pipelines.candidate import deploy_version
from titleholder.rollout import plan as planning
from titleholder.rollout.descriptions import describe_step
from titleholder.rollout.display_names import split_text
from titleholder.rollout.intents import DeployCandidate, Intent, intent_from, resolve_target
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.steps import NewVersion, call_of

DEPLOY = "deploy"
"""The intent of the next weekly run."""


def plan(context: CommandContext, options: argparse.Namespace) -> int:
    """Print the calls that an intent leads to, and the split after each."""
    view = context.endpoints.observe()
    intent: Intent
    if options.intent == DEPLOY:
        intent = _next_candidate(context)
    else:
        percentage = options.traffic_percentage
        requested = intent_from(options.intent, options.deployed_model_id, percentage)
        intent = resolve_target(requested, view)
    planned = planning.plan(view, intent, context.config.rollout)
    rows: list[dict[str, Any]] = []
    for step in planned.steps:
        text, call, view = describe_step(step, view), call_of(step, view), apply_to_view(view, step)
        split = {"split": view.split, "split_text": split_text(view, view.split)}
        rows.append({"step": text, "call": call, **split})
    if options.json:
        print(json.dumps({"steps": rows, "summary": planned.answer}))
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
    last = last_complete(config.schedule, datetime.now(UTC))
    coming = Interval(last.end, next_fire(config.schedule, last.end))
    run = TrainingRun(config.model, coming, 0)
    return deploy_version(config, run, NewVersion(run.name, config.model, "", ""))
