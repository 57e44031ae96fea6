"""The verbs that look at what is now: status, plan."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.history import fields
from titleholder.cli.last_change import last_change, last_change_lines
from titleholder.cli.terminal import print_line
from titleholder.errors import InvalidRequest
from titleholder.intervals import Interval, last_complete
from titleholder.naming import TrainingRun
from titleholder.rollout.descriptions import describe_step
from titleholder.rollout.display_names import split_text, version_name
from titleholder.rollout.intents import DeployCandidate, Intent
from titleholder.rollout.plan import plan
from titleholder.rollout.simulate import apply_to_view
from titleholder.rollout.status import endpoint_status
from titleholder.rollout.steps import NewVersion, call_of
from titleholder.rollout.view import View
from titleholder.rollout.wishes import Wish, intent_of, resolve_target


def status(desk: CommandContext, options: argparse.Namespace) -> int:
    """Who is on the endpoint with which share, and what was changed last; 1 when a person has to
    decide something."""
    view = desk.endpoints.observe()
    holders, roles, told = endpoint_status(view)
    seats = [
        {
            "role": role,
            "share": seat.traffic_percentage,
            "id": seat.id,
            "version": seat.model,
            "display_name": seat.display_name,
            "data_interval_end": end.isoformat() if (end := view.data_interval_end(seat)) else None,
        }
        for seat, role in holders
    ]
    gone = {role: _gone(view, getattr(roles, role, None)) for role in ("previous", "withdrawn")}
    past = last_change(desk, roles.last_challenger if roles else None, datetime.now(UTC))
    if options.json:
        answer = {
            "model": view.model,
            "endpoint": view.endpoint,
            "deployed": seats,
            "previous_not_deployed": gone["previous"],
            "withdrawn_not_deployed": gone["withdrawn"],
            "last_change": fields(past.last) if past.last else None,
            "withdrawn_by": fields(past.left) if past.left else None,
            "events_unread": past.unread or None,
        }
        print(json.dumps(answer | {"busy": view.pending_operations, "refusal": told or None}))
        return 1 if told else 0
    print_line(f"{view.model}: {view.endpoint or 'no endpoint yet'}")
    for seat in seats:
        until = (
            f"data until {seat['data_interval_end']:.16}"
            if seat["data_interval_end"]
            else "not ours"
        )
        print_line(
            f"  {seat['role'] or 'no role':10} {seat['share']:3} %  {seat['version']:20} "
            f"id {seat['id']}  {until}"
        )
    for role, model in gone.items():
        if model is not None:
            remedy = "; reinstate deploys it again" if role == "previous" else ""
            print_line(
                f"  {role:10}     -  {model['version'] or 'unknown version':20} id {model['id']}  "
                f"not deployed{remedy}"
            )
    if view.endpoint and not seats:
        print_line("  no model is deployed")
    for operation in view.pending_operations:
        print_line(f"  in the works: {operation}")
    for written in last_change_lines(past, view):
        print_line(f"  {written}")
    if told:
        print_line(told)
    return 1 if told else 0


def _gone(view: View, deployed_model_id: str | None) -> dict[str, str | None] | None:
    """The model and its version, where it is remembered and no longer deployed."""
    if deployed_model_id is None or view.deployed_model(deployed_model_id):
        return None
    version = view.version_for_deployment(deployed_model_id)
    name = version_name(view.model, version.number) if version else None
    return {"id": deployed_model_id, "version": name}


def plan_of(desk: CommandContext, options: argparse.Namespace) -> int:
    """The exact calls that the intent comes to from here, and the split after each."""
    view = desk.endpoints.observe()
    intent = _intent(desk, options, view)
    decided = plan(view, intent, desk.policy)
    rows: list[dict[str, Any]] = []
    now = view
    for step in decided.steps:
        words, call, now = describe_step(step, now), call_of(step, now), apply_to_view(now, step)
        split = {"split": now.split, "shares": split_text(now, now.split)}
        rows.append({"step": words, "call": call, **split})
    if options.json:
        print(json.dumps({"steps": rows, "summary": decided.answer}))
        return 0
    for number, row in enumerate(rows, 1):
        print_line(f"{number}. {row['step']}")
        print_line(f"   {row['call']}")
        print_line(f"   split: {row['shares']}")
    print_line(f"Then: {decided.answer}" if rows else decided.answer)
    return 0


def _intent(desk: CommandContext, options: argparse.Namespace, view: View) -> Intent:
    if options.kind == "seat":
        return _next_candidate(desk)
    if options.share is not None and options.kind != "share":
        raise InvalidRequest(f"{options.kind} takes no share; leave the {options.share} out")
    asked = Wish(options.kind, options.deployed_model_id, options.share)
    return intent_of(resolve_target(asked, view))


def _next_candidate(desk: CommandContext) -> DeployCandidate:
    """What the next weekly run will want, if its model passes the gate."""
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
