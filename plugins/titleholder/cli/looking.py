"""The verbs that look at what is now: status, plan."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from titleholder.cli.desk import Desk
from titleholder.cli.terminal import say
from titleholder.errors import Refusal
from titleholder.interval import Interval, last_complete
from titleholder.rollout.intents import Intent, SeatCandidate
from titleholder.rollout.plan import plan
from titleholder.rollout.roles import Roles
from titleholder.rollout.seats import seated
from titleholder.rollout.simulate import after
from titleholder.rollout.steps import NewVersion, call_of
from titleholder.rollout.view import View
from titleholder.rollout.wishes import Wish, intent_of, pin
from titleholder.run import Run


def status(desk: Desk, options: argparse.Namespace) -> int:
    """Who is on the endpoint with which share; 1 when a person has to decide something."""
    view = desk.endpoints.observe()
    holders, roles, told = seated(view)
    seats = [
        {
            "role": role,
            "share": seat.share,
            "id": seat.id,
            "version": seat.model,
            "display_name": seat.display_name,
            "data_until": end.isoformat() if (end := view.data_until(seat)) else None,
        }
        for seat, role in holders
    ]
    gone = _previous_gone(view, roles)
    if options.json:
        answer = {
            "model": view.model,
            "endpoint": view.endpoint,
            "deployed": seats,
            "previous_not_deployed": gone,
        }
        print(json.dumps(answer | {"busy": view.busy, "refusal": told or None}))
        return 1 if told else 0
    say(f"{view.model}: {view.endpoint or 'no endpoint yet'}")
    for seat in seats:
        until = f"data until {seat['data_until']:.16}" if seat["data_until"] else "not ours"
        say(
            f"  {seat['role'] or 'no role':10} {seat['share']:3} %  {seat['version']:20} "
            f"id {seat['id']}  {until}"
        )
    if gone:
        say(
            f"  previous       -  {gone['version'] or 'unknown version':20} id {gone['id']}  not "
            "deployed; reinstate deploys it again"
        )
    if view.endpoint and not seats:
        say("  no model is deployed")
    for operation in view.busy:
        say(f"  in the works: {operation}")
    if told:
        say(told)
    return 1 if told else 0


def _previous_gone(view: View, roles: Roles | None) -> dict[str, str | None] | None:
    """The previous champion and its version, where it is remembered and no longer deployed."""
    previous = roles.previous if roles else None
    if previous is None or view.seat(previous):
        return None
    version = view.version_of(previous)
    return {"id": previous, "version": f"{view.model}@{version.number}" if version else None}


def plan_of(desk: Desk, options: argparse.Namespace) -> int:
    """The exact calls that the intent comes to from here, and the split after each."""
    view = desk.endpoints.observe()
    intent = _intent(desk, options, view)
    decided = plan(view, intent, desk.policy)
    rows: list[dict[str, Any]] = []
    now = view
    for step in decided.steps:
        call = call_of(step, now)
        now = after(now, step)
        rows.append({"step": str(step), "call": call, "split": now.split})
    if options.json:
        print(json.dumps({"steps": rows, "summary": decided.answer}))
        return 0
    for number, row in enumerate(rows, 1):
        shares = ", ".join(f"{seat} {share} %" for seat, share in row["split"].items())
        say(f"{number}. {row['step']}")
        say(f"   {row['call']}")
        say(f"   split: {shares or 'empty'}")
    say(f"{'Then' if rows else 'Nothing to do'}: {decided.answer}")
    return 0


def _intent(desk: Desk, options: argparse.Namespace, view: View) -> Intent:
    if options.kind == "seat":
        return _next_candidate(desk)
    if options.share is not None and options.kind != "share":
        raise Refusal(f"{options.kind} takes no share; leave the {options.share} out")
    asked = Wish(options.kind, options.deployed_model_id, options.share)
    return intent_of(pin(asked, view))


def _next_candidate(desk: Desk) -> SeatCandidate:
    """What the next weekly run will want, if its model passes the gate."""
    from croniter import croniter

    config = desk.config
    last = last_complete(config.schedule, datetime.now(UTC))
    end: datetime = croniter(config.schedule, last.end).get_next(datetime)
    run = Run(config.model, Interval(last.end, end), 0)
    return SeatCandidate(
        version=NewVersion(run.name, config.model, "", "", ""),
        deployed_model_id=run.deployed_model_id,
        recency=run.recency,
        period=run.interval.length,
        share=config.rollout.challenger_share,
        endpoint=config.endpoint.display_name,
        create_endpoint=config.endpoint.create,
        wait=config.rollout.on_new_challenger == "wait",
    )
