"""How a new model comes in: the plan of the weekly run."""

from datetime import datetime

from titleholder.errors import ManualActionRequired
from titleholder.labels import NEWEST
from titleholder.naming import Recency
from titleholder.rollout.display_names import version_of_model, version_text
from titleholder.rollout.intents import DeployCandidate, Policy
from titleholder.rollout.outcome import Plan
from titleholder.rollout.roles import Roles, RoleState, high_water, resolve_roles
from titleholder.rollout.steps import (
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
)
from titleholder.rollout.view import DeployedModel, View


def deploy_candidate(view: View, wish: DeployCandidate, policy: Policy) -> Plan:
    """Register the candidate; crown it where nobody is champion, else seat it as challenger.

    One is only registered if a version with newer data is, deployed or not, or if one with newer
    data ever had traffic. One that has a role, or has had it, is left alone: what it was given was
    changed since on purpose. Raises ManualActionRequired when a person has to decide.
    """
    version, mine = view.version(wish.version.alias), view.deployed_model(wish.deployed_model_id)
    steps: list[Step] = [] if version is not None else [Register(wish.version)]
    if mine is not None and (version is None or view.version_served_by(mine) != version):
        raise ManualActionRequired(
            f"{view.endpoint} has the deployed model {mine.id} already, serving {mine.model} "
            f"instead of {wish.version.alias}; undeploy it or give this model an endpoint of "
            "its own"
        )
    # A week that is too old needs nothing of the endpoint, so it does not matter what was changed
    # there by hand; but what others deployed must have a place there before it counts.
    newer = _newer_of_ours(view, wish)
    if newer is None:
        if view.endpoint is None:
            if not wish.create_endpoint:
                raise ManualActionRequired(
                    f"there is no endpoint named {wish.endpoint!r}; create it, or set "
                    f"endpoint.create: true in {view.model}.yaml"
                )
            steps.insert(0, CreateEndpoint(wish.endpoint))
        standing = resolve_roles(view)
        newer = _newer_of_others(view, wish)
        if newer is None:
            return _deploy_as_challenger(view, wish, policy, standing, steps)
    if mine is not None and not mine.traffic_percentage and mine.id not in view.labels.values():
        steps += undeploy(mine)
    return Plan(
        tuple(steps),
        f"superseded: {newer} is newer than this run, whose data ends {_time(wish.recency.until)}; "
        "live traffic stays as it is. An older week is never given any: to replace the newest "
        "model, clear submit_pipeline of the newest week with what follows it, which trains it "
        "anew",
        "superseded",
    )


def _deploy_as_challenger(
    view: View, wish: DeployCandidate, policy: Policy, standing: RoleState, steps: list[Step]
) -> Plan:
    me, roles = wish.deployed_model_id, standing.roles
    name = version_of_model(view, wish.version.alias)
    tidy = undeploy(*(seat for seat in standing.orphans if seat.id != me))
    if roles is None:
        # The run that deployed a leftover may be about to crown it. Vertex AI undeploys a model
        # that has traffic by then only if it is the last one there: so no leftover ever is.
        crown = SetTraffic({me: 100}, Roles(me), "crown")
        steps += [*tidy[:-1], *_deploy(view, wish), crown, *tidy[-1:]]
        return Plan(tuple(steps), f"{name} is champion with 100 % of the requests")
    if not standing.recorded:
        steps.append(SetTraffic(view.split, roles, "adopt"))
    if me == roles.champion:
        share = view.split[me]
        return Plan((*steps, *tidy), f"{name} is champion with {share} % of the requests")
    if me in (roles.previous_champion, roles.last_challenger):
        return Plan(
            tuple(steps),
            f"{name} was {'champion' if me == roles.previous_champion else 'withdrawn'} before "
            "and is not "
            "seated again; to train anew, clear submit_pipeline with what follows it",
            "withdrawn",
        )
    judged = view.deployed_model(roles.challenger)
    if wish.keep_current and judged is not None and judged.id != me:
        steps += [*tidy, *undeploy(view.deployed_model(me))]
        return Plan(
            tuple(steps),
            f"waiting: {version_text(view, judged.id)} is still being judged, so {name} is only "
            "registered; to seat it once that one has left, clear update_traffic",
            "waiting",
        )
    # A challenger with its label is seated: its share may have been changed since, on purpose.
    seated = me == roles.challenger
    share = view.split.get(me, 0) if seated else wish.traffic_percentage
    old = None if seated else view.deployed_model(roles.challenger)
    gone, previous = (
        view.deployed_model(roles.last_challenger),
        view.deployed_model(roles.previous_champion),
    )
    surge = policy.replacement == "surge"
    steps += tidy
    if seated:
        steps += undeploy(gone, previous) if surge else []
    else:
        new = Roles(
            roles.champion,
            me,
            roles.previous_champion,
            old.id if old is not None else roles.last_challenger,
        )
        coming = [
            *_deploy(view, wish),
            SetTraffic({roles.champion: 100 - share, me: share}, new, "seat"),
        ]
        if surge:
            # Three are deployed meanwhile, never four.
            steps += [*undeploy(gone, previous if old else None), *coming]
            steps += undeploy(old, None if old else previous)
        else:
            steps += [*undeploy(gone, previous), *_remove_challenger(roles, old), *coming]
    return Plan(
        tuple(steps),
        f"{name} is challenger with {share} % of the requests, "
        f"{version_text(view, roles.champion)} "
        f"champion with {100 - share} %",
    )


def undeploy(*seats: DeployedModel | None) -> list[Step]:
    """The steps that take down those that are there."""
    return [Undeploy(seat.id) for seat in seats if seat is not None]


def _deploy(view: View, wish: DeployCandidate) -> list[Step]:
    me = wish.deployed_model_id
    if view.deployed_model(me) is not None:
        return []
    return [Deploy(me, wish.version.alias, wish.version.alias)]


def _remove_challenger(roles: Roles, old: DeployedModel | None) -> list[Step]:
    if old is None:
        return []
    left = Roles(roles.champion, None, roles.previous_champion, old.id)
    return [SetTraffic({roles.champion: 100}, left, "withdraw"), *undeploy(old)]


def _newer_of_ours(view: View, wish: DeployCandidate) -> str | None:
    """The newest version of the model, in words, if its data is newer than the candidate's; else
    a version that had traffic and was deleted since."""
    known = [(found, v) for v in view.versions if (found := view.recency(v)) is not None]
    newest, version = max(known, key=lambda pair: pair[0], default=(None, None))
    if version is not None and newest is not None and newest > wish.recency:
        return f"{view.model}@{version.number} ({_until(newest)})"
    mark = high_water(view)
    if mark is not None and mark > wish.recency:
        return (
            f"a model ({_until(mark)}) which had traffic on {view.endpoint}, as its label {NEWEST} "
            f"says, and is no longer registered,"
        )
    return None


def _newer_of_others(view: View, wish: DeployCandidate) -> str | None:
    """A model on the endpoint that no run of ours trained, in words, if it was deployed so late
    that its data is newer. It was trained, at the latest, on the period before."""
    for seat in view.deployed_models:
        served = view.version_served_by(seat)
        ours = seat.id == wish.deployed_model_id or (served and view.recency(served))
        deployed = seat.deployed_at
        if not ours and deployed and deployed - wish.period >= wish.recency.until:
            return f"{version_text(view, seat.id)}, deployed at {_time(deployed)},"
    return None


def _until(recency: Recency) -> str:
    return f"data until {_time(recency.until)}, generation {recency.generation}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
