"""What to do about an endpoint that somebody changed by hand: adopt it, or restore it."""

from collections.abc import Iterable

from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.rollout.display_names import listed, version_name, version_text
from titleholder.rollout.intents import Adopt
from titleholder.rollout.outcome import Plan
from titleholder.rollout.plan_candidate import undeploy
from titleholder.rollout.roles import (
    Roles,
    differences_from,
    orphans,
    recorded_state,
    unmanaged,
    with_recorded_roles,
)
from titleholder.rollout.steps import Deploy, SetTraffic, Step
from titleholder.rollout.view import DeployedModel, View


def adopt(view: View, wish: Adopt) -> Plan:
    """Record what is there; the traffic stays as it is.

    Raises ManualActionRequired when more than two models have traffic, when none has, when nothing
    tells who is champion, or when a model without traffic has no role.
    """
    if view.endpoint is None:
        raise InvalidRequest(f"{view.model} has no endpoint; there is nothing to adopt")
    recorded = recorded_state(view)
    if not view.deployed_models:
        steps = (SetTraffic({}, None, "adopt"),) if recorded else ()
        return Plan(steps, f"{view.endpoint} holds no model; the next weekly run crowns one")
    roles = _roles_as_found(view, wish.champion)
    if unknown := [seat for seat in unmanaged(view, roles) if not seat.traffic_percentage]:
        raise ManualActionRequired(
            f"{listed(unknown)} on {view.endpoint} has neither traffic nor a role; undeploy it or "
            "give it traffic, then adopt; or restore what was recorded"
        )
    steps = () if recorded == (roles, view.split) else (SetTraffic(view.split, roles, "adopt"),)
    share = view.split[roles.champion]
    return Plan(
        steps,
        f"{version_text(view, roles.champion)} is champion with {share} % of the requests, "
        + (
            f"{version_text(view, roles.challenger)} challenger with {100 - share} %"
            if share < 100
            else "alone"
        ),
    )


def _roles_as_found(view: View, champion: str | None) -> Roles:
    busy, everyone = (
        [seat for seat in view.deployed_models if seat.traffic_percentage],
        _listed(view.deployed_models),
    )
    if not busy or len(busy) > 2:
        raise ManualActionRequired(
            f"{len(busy)} models on {view.endpoint} have traffic ({everyone}) and a rollout "
            "knows a champion and a challenger; change the split, then adopt"
        )
    ids = [seat.id for seat in busy]
    if champion is not None and champion not in ids:
        raise InvalidRequest(
            f"{version_text(view, champion)} has no traffic on {view.endpoint} ({everyone}); "
            "name one "
            "that has, or give it some first"
        )
    # The label tells, where it was left alone: not the greater share, which the challenger may
    # have been given on purpose.
    labelled = view.labels.get("champion")
    known = champion or (labelled if labelled in ids else None)
    if known is None and len(ids) > 1:
        raise ManualActionRequired(
            f"{_listed(busy)} on {view.endpoint} have traffic and nothing tells who is "
            f"champion; say so with `python -m titleholder adopt {view.model} --champion {ids[0]}`"
        )
    title = known or ids[0]
    challenger = next((seat for seat in ids if seat != title), None)
    return with_recorded_roles(view, title, challenger)


def restore(view: View) -> Plan:
    """Go back to the roles and the split that were recorded: deploy who is missing, write the
    split, undeploy who was not there.

    Raises ManualActionRequired when nothing is recorded, or when the registry has no version of who
    is missing.
    """
    recorded = recorded_state(view)
    if view.endpoint is None or recorded is None:
        raise InvalidRequest(
            f"no rollout has written to the endpoint of {view.model} yet, so there is nothing to "
            f"restore; `python -m titleholder adopt {view.model}` takes it as it is"
        )
    roles, split = recorded
    steps: list[Step] = []
    for role, name in (("champion", roles.champion), ("challenger", roles.challenger)):
        if name is None or view.deployed_model(name) is not None:
            continue
        version = view.version_for_deployment(name)
        if version is None:
            raise ManualActionRequired(
                f"the {role} {version_text(view, name)} is not deployed on {view.endpoint} any "
                "more, and "
                f"the registry has no version of {view.model} that belongs to it; adopt what is "
                "there instead"
            )
        steps.append(Deploy(name, version_name(view.model, version.reference), version.reference))
    if steps:
        # In the place of what an interrupted run left, not beside it.
        steps = [*undeploy(*orphans(view)), *steps]
    if view.split != split:
        steps.append(SetTraffic(split, roles, "restore"))
    steps += undeploy(*unmanaged(view, roles))
    if not differences_from(view, roles, split):
        return Plan((), f"{view.endpoint} is as it was recorded")
    return Plan(tuple(steps), f"{view.endpoint} is as it was recorded again")


def _listed(seats: Iterable[DeployedModel]) -> str:
    return ", ".join(
        f"{seat.model} (id {seat.id}) with {seat.traffic_percentage} %" for seat in seats
    )
