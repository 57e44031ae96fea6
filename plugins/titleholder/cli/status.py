"""The verbs about the present state: status, plan."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.history import fields
from titleholder.cli.last_change import last_change, last_change_lines
from titleholder.cli.terminal import print_line
from titleholder.intervals import Interval, last_complete
from titleholder.labels import Label
from titleholder.naming import TrainingRun
from titleholder.rollout.descriptions import describe_step
from titleholder.rollout.display_names import split_text, version_name
from titleholder.rollout.intents import DeployCandidate, Intent, intent_from, resolve_target
from titleholder.rollout.plan import plan
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.status import endpoint_status
from titleholder.rollout.steps import NewVersion, call_of
from titleholder.rollout.view import View

DEPLOY = "deploy"
"""The intent of the next weekly run, for `plan`."""


def status(desk: CommandContext, options: argparse.Namespace) -> int:
    """Print the deployed models with role and traffic, and the last change; 1 when a person has to
    act."""
    view = desk.endpoints.observe()
    holders, roles, needs_action = endpoint_status(view)
    deployed = [
        {
            "role": role,
            "traffic_percentage": one.traffic_percentage,
            "id": one.id,
            "version": one.model,
            "display_name": one.display_name,
            "data_interval_end": end.isoformat() if (end := view.data_interval_end(one)) else None,
        }
        for one, role in holders
    ]
    undeployed = {
        role.value: _undeployed(view, roles.holder(role))
        for role in (Label.PREVIOUS_CHAMPION, Label.LAST_CHALLENGER)
        if roles is not None
    }
    past = last_change(desk, roles.last_challenger if roles else None, datetime.now(UTC))
    if options.json:
        answer = {
            "model": view.model,
            "endpoint": view.endpoint,
            "deployed": deployed,
            "not_deployed": {role: model for role, model in undeployed.items() if model},
            "last_change": fields(past.last) if past.last else None,
            "challenger_removed_by": fields(past.removal) if past.removal else None,
            "events_unreadable": past.unreadable or None,
            "pending_operations": view.pending_operations,
            "needs_action": needs_action or None,
        }
        print(json.dumps(answer))
        return 1 if needs_action else 0
    print_line(f"{view.model}: {view.endpoint or 'no endpoint yet'}")
    for row in deployed:
        data_end = row["data_interval_end"]
        until = f"data until {data_end:.16}" if data_end else "not deployed by Titleholder"
        print_line(
            f"  {row['role'] or 'no role':17} {row['traffic_percentage']:3} %  "
            f"{row['version']:20} id {row['id']}  {until}"
        )
    for role, model in undeployed.items():
        if model is not None:
            undo = role == Label.PREVIOUS_CHAMPION
            remedy = "; undo-promotion deploys it again" if undo else ""
            print_line(
                f"  {role:17}     -  {model['version'] or 'unknown version':20} id {model['id']}  "
                f"not deployed{remedy}"
            )
    if view.endpoint and not deployed:
        print_line("  no model is deployed")
    for operation in view.pending_operations:
        print_line(f"  pending operation: {operation}")
    for written in last_change_lines(past, view):
        print_line(f"  {written}")
    if needs_action:
        print_line(needs_action)
    return 1 if needs_action else 0


def _undeployed(view: View, deployed_model_id: str | None) -> dict[str, str | None] | None:
    """Id and version of a model that has a role and is not deployed."""
    if deployed_model_id is None or view.deployed_model(deployed_model_id):
        return None
    version = view.version_for_deployment(deployed_model_id)
    name = version_name(view.model, version.number) if version else None
    return {"id": deployed_model_id, "version": name}


def plan_of(desk: CommandContext, options: argparse.Namespace) -> int:
    """Print the calls that an intent leads to, and the split after each."""
    view = desk.endpoints.observe()
    intent = _intent(desk, options, view)
    decided = plan(view, intent, desk.config.rollout)
    rows: list[dict[str, Any]] = []
    now = view
    for step in decided.steps:
        words, call, now = describe_step(step, now), call_of(step, now), apply_to_view(now, step)
        split = {"split": now.split, "split_text": split_text(now, now.split)}
        rows.append({"step": words, "call": call, **split})
    if options.json:
        print(json.dumps({"steps": rows, "summary": decided.answer}))
        return 0
    for number, row in enumerate(rows, 1):
        print_line(f"{number}. {row['step']}")
        print_line(f"   {row['call']}")
        print_line(f"   split: {row['split_text']}")
    print_line(f"Then: {decided.answer}" if rows else decided.answer)
    return 0


def _intent(desk: CommandContext, options: argparse.Namespace, view: View) -> Intent:
    if options.intent == DEPLOY:
        return _next_candidate(desk)
    asked = intent_from(options.intent, options.deployed_model_id, options.traffic_percentage)
    return resolve_target(asked, view)


def _next_candidate(desk: CommandContext) -> DeployCandidate:
    """The intent of the next weekly run, if its model passes the gate."""
    from croniter import croniter

    config = desk.config
    last = last_complete(config.schedule, datetime.now(UTC))
    end: datetime = croniter(config.schedule, last.end).get_next(datetime)
    run = TrainingRun(config.model, Interval(last.end, end), 0)
    return DeployCandidate(
        version=NewVersion(run.name, config.model, "", "", ""),
        deployed_model_id=run.deployed_model_id,
        recency=run.recency,
        period=run.interval.length,
        traffic_percentage=config.rollout.traffic_percentage,
        endpoint=config.endpoint.display_name,
        create_endpoint=config.endpoint.create,
        keep_current=config.rollout.on_new_challenger == "keep_current",
    )
