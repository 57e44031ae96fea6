"""What to do about an endpoint that somebody changed by hand: adopt it, or restore it."""

from titleholder.errors import Refusal
from titleholder.rollout.intents import Adopt
from titleholder.rollout.outcome import Plan
from titleholder.rollout.roles import (
    Roles,
    differences_to,
    leftovers,
    record,
    remembered,
    strangers,
)
from titleholder.rollout.seating import undeploy
from titleholder.rollout.steps import Deploy, SetTraffic, Step
from titleholder.rollout.view import Seat, View


def adopt(view: View, wish: Adopt) -> Plan:
    """Record what is there; the traffic stays as it is.

    Raises Refusal when more than two models have traffic, when none has, when nothing tells who is
    champion, or when a model without traffic has no role.
    """
    if view.endpoint is None:
        raise Refusal(f"{view.model} has no endpoint; there is nothing to adopt")
    recorded = record(view)
    if not view.seats:
        steps = (SetTraffic({}, None, "adopt"),) if recorded else ()
        return Plan(steps, f"{view.endpoint} holds no model; the next weekly run crowns one")
    roles = _as_it_is(view, wish.champion)
    if unknown := [seat for seat in strangers(view, roles) if not seat.share]:
        named = ", ".join(f"{seat.id} ({seat.display_name})" for seat in unknown)
        raise Refusal(
            f"{named} on {view.endpoint} has neither traffic nor a role; undeploy it or give it "
            "traffic, then adopt; or restore what was recorded"
        )
    steps = () if recorded == (roles, view.split) else (SetTraffic(view.split, roles, "adopt"),)
    share = view.split[roles.champion]
    return Plan(
        steps,
        f"{roles.champion} is champion with {share} % of the requests, "
        + (f"{roles.challenger} challenger with {100 - share} %" if share < 100 else "alone"),
    )


def _as_it_is(view: View, champion: str | None) -> Roles:
    busy = [seat for seat in view.seats if seat.share]
    if not busy or len(busy) > 2:
        raise Refusal(
            f"{len(busy)} models on {view.endpoint} have traffic ({_listed(view.seats)}) and a "
            "rollout knows a champion and a challenger; change the split, then adopt"
        )
    ids = [seat.id for seat in busy]
    if champion is not None and champion not in ids:
        raise Refusal(
            f"{champion} has no traffic on {view.endpoint} ({_listed(view.seats)}); name one that "
            "has, or give it some first"
        )
    # The label tells, where it was left alone: not the greater share, which the challenger may
    # have been given on purpose.
    labelled = view.labels.get("champion")
    known = champion or (labelled if labelled in ids else None)
    if known is None and len(ids) > 1:
        raise Refusal(
            f"{' and '.join(ids)} on {view.endpoint} have traffic and nothing tells who is "
            f"champion; say so with `python -m titleholder adopt {view.model} --champion {ids[0]}`"
        )
    title = known or ids[0]
    challenger = next((seat for seat in ids if seat != title), None)
    return remembered(view, title, challenger)


def restore(view: View) -> Plan:
    """Go back to the roles and the split that were recorded: deploy who is missing, write the
    split, undeploy who was not there.

    Raises Refusal when nothing is recorded, or when the registry has no version of who is missing.
    """
    recorded = record(view)
    if view.endpoint is None or recorded is None:
        raise Refusal(
            f"no rollout has written to the endpoint of {view.model} yet, so there is nothing to "
            f"restore; `python -m titleholder adopt {view.model}` takes it as it is"
        )
    roles, split = recorded
    steps: list[Step] = []
    for role, name in (("champion", roles.champion), ("challenger", roles.challenger)):
        if name is None or view.seat(name) is not None:
            continue
        version = view.version_of(name)
        if version is None:
            raise Refusal(
                f"the {role} {name} is not deployed on {view.endpoint} any more, and the registry "
                f"has no version of {view.model} that belongs to it; adopt what is there instead"
            )
        steps.append(Deploy(name, f"{view.model}-{role}-model", version.reference))
    if steps:
        # In the place of what an interrupted run left, not beside it.
        steps = [*undeploy(*leftovers(view)), *steps]
    if view.split != split:
        steps.append(SetTraffic(split, roles, "restore"))
    steps += undeploy(*strangers(view, roles))
    if not differences_to(view, roles, split):
        return Plan((), f"{view.endpoint} is as it was recorded")
    return Plan(tuple(steps), f"{view.endpoint} is as it was recorded again")


def _listed(seats: tuple[Seat, ...]) -> str:
    return ", ".join(f"{seat.id} with {seat.share} %" for seat in seats)
