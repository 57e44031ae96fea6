"""How a new model comes in: the plan of the weekly run."""

from titleholder.errors import Refusal
from titleholder.rollout.intents import Policy, SeatCandidate
from titleholder.rollout.naming import named, version_of_model
from titleholder.rollout.outcome import Plan
from titleholder.rollout.roles import Roles, Standing, stand
from titleholder.rollout.steps import (
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
)
from titleholder.rollout.view import Seat, View


def seat(view: View, wish: SeatCandidate, policy: Policy) -> Plan:
    """Register the candidate; crown it where nobody is champion, else seat it as challenger.

    One that is older than the newest deployed is only registered. One that has a role, or has had
    it, is left alone: what it was given was changed since on purpose. Raises Refusal when a person
    has to decide.
    """
    steps: list[Step] = []
    if view.endpoint is None:
        if not wish.create_endpoint:
            raise Refusal(
                f"there is no endpoint named {wish.endpoint!r}; create it, or set endpoint.create: "
                f"true in {view.model}.yaml"
            )
        steps.append(CreateEndpoint(wish.endpoint))
    version, mine = view.version(wish.version.alias), view.seat(wish.deployed_model_id)
    if version is None:
        steps.append(Register(wish.version))
    if mine is not None and (version is None or view.served_by(mine) != version):
        raise Refusal(
            f"{view.endpoint} has the deployed model {mine.id} already, serving {mine.model} "
            f"instead of {wish.version.alias}; undeploy it or give this model an endpoint of "
            "its own"
        )
    newer = [seat for seat in view.seats if _is_newer(seat, wish)]
    # A week that is too old needs nothing of the endpoint, so what somebody did there is no matter;
    # but what others deployed must have a place there before it counts.
    if not any(seat.data_until for seat in newer):
        standing = stand(view)
        if not newer:
            return _seat(view, wish, policy, standing, steps)
    return _superseded(view, wish, newer[0], steps)


def _superseded(view: View, wish: SeatCandidate, newer: Seat, steps: list[Step]) -> Plan:
    mine = view.seat(wish.deployed_model_id)
    if mine is not None and not mine.share and mine.id not in view.labels.values():
        steps += undeploy(mine)
    return Plan(
        tuple(steps),
        f"superseded: {named(view, newer.id)} is newer than this run, whose data ends "
        f"{wish.data_until:%Y-%m-%d %H:%M} UTC; live traffic stays as it is",
        "superseded",
    )


def _seat(
    view: View, wish: SeatCandidate, policy: Policy, standing: Standing, steps: list[Step]
) -> Plan:
    me, roles = wish.deployed_model_id, standing.roles
    name = version_of_model(view, wish.version.alias)
    tidy = undeploy(*(seat for seat in standing.leftovers if seat.id != me))
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
    if me in (roles.previous, roles.withdrawn):
        return Plan(
            tuple(steps),
            f"{name} was {'champion' if me == roles.previous else 'withdrawn'} before and is not "
            "seated again; to train anew, clear submit_pipeline with what follows it",
            "withdrawn",
        )
    judged = view.seat(roles.challenger)
    if wish.wait and judged is not None and judged.id != me:
        steps += [*tidy, *undeploy(view.seat(me))]
        return Plan(
            tuple(steps),
            f"waiting: {named(view, judged.id)} is still being judged, so {name} is only "
            "registered; to seat it once that one has left, clear update_traffic",
            "waiting",
        )
    # A challenger with its label is seated: its share may have been changed since, on purpose.
    seated = me == roles.challenger
    share = view.split.get(me, 0) if seated else wish.share
    old = None if seated else view.seat(roles.challenger)
    gone, previous = view.seat(roles.withdrawn), view.seat(roles.previous)
    surge = policy.replacement == "surge"
    steps += tidy
    if seated:
        steps += undeploy(gone, previous) if surge else []
    else:
        new = Roles(
            roles.champion, me, roles.previous, old.id if old is not None else roles.withdrawn
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
            steps += [*undeploy(gone, previous), *_withdraw(roles, old), *coming]
    return Plan(
        tuple(steps),
        f"{name} is challenger with {share} % of the requests, {named(view, roles.champion)} "
        f"champion with {100 - share} %",
    )


def undeploy(*seats: Seat | None) -> list[Step]:
    """The steps that take down those that are there."""
    return [Undeploy(seat.id) for seat in seats if seat is not None]


def _deploy(view: View, wish: SeatCandidate) -> list[Step]:
    me = wish.deployed_model_id
    if view.seat(me) is not None:
        return []
    return [Deploy(me, wish.version.alias, wish.version.alias)]


def _withdraw(roles: Roles, old: Seat | None) -> list[Step]:
    if old is None:
        return []
    left = Roles(roles.champion, None, roles.previous, old.id)
    return [SetTraffic({roles.champion: 100}, left, "withdraw"), *undeploy(old)]


def _is_newer(seat: Seat, wish: SeatCandidate) -> bool:
    if seat.id == wish.deployed_model_id:
        return False
    if seat.data_until is not None:
        return (seat.data_until, seat.id) > (wish.data_until, wish.deployed_model_id)
    # Not deployed by us: it was trained, at the latest, on the period before it was deployed.
    return seat.deployed_at is not None and seat.deployed_at - wish.period >= wish.data_until
