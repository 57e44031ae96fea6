"""The steps from what is there to what is wanted. Pure and total: steps, or a Refusal."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from titleholder.errors import Refusal
from titleholder.rollout.roles import CHALLENGER, CHAMPION, Roles, roles
from titleholder.rollout.steps import CreateEndpoint, Deploy, Register, SetTraffic, Step, Undeploy
from titleholder.rollout.view import Seat, View


@dataclass(frozen=True)
class SeatCandidate:
    """The wish of the weekly run: its model in the registry, and on the endpoint as challenger
    with `share` per cent, or as champion when nobody else is there.

    `data_until` and `period` are the end and length of the interval it was trained on.
    """

    model: str
    alias: str
    deployed_model_id: str
    data_until: datetime
    period: timedelta
    share: int
    endpoint: str
    create_endpoint: bool


@dataclass(frozen=True)
class Plan:
    """What to do, in order, and in one sentence what it comes to."""

    steps: tuple[Step, ...]
    summary: str


def plan(view: View, wish: SeatCandidate) -> Plan:
    """The whole plan from this view; apply the first step, look again, plan again.

    The champion is never undeployed, the split sums to 100 after every step, and never more than
    two models are deployed: the old challenger's traffic goes back to the champion, then it leaves,
    then the new one comes. An interval older than the newest one deployed is only registered.
    Raises Refusal when a person has to decide.
    """
    steps: list[Step] = []
    if view.endpoint is None:
        if not wish.create_endpoint:
            raise Refusal(
                f"there is no endpoint named {wish.endpoint!r}; create it, or set endpoint.create: "
                f"true in {wish.model}.yaml"
            )
        steps.append(CreateEndpoint(wish.endpoint))
    seated = roles(view)
    if view.version is None:
        steps.append(Register(wish.alias))

    mine = view.seat(wish.deployed_model_id)
    if mine is not None and view.version is not None and _short(mine.model) != _short(view.version):
        raise Refusal(
            f"{view.endpoint} has {mine.id} already, serving {mine.model} instead of "
            f"{view.version}; undeploy it or give this model an endpoint of its own"
        )
    newer = [seat for seat in view.seats if _is_newer(seat, wish)]
    if newer:
        return Plan(
            tuple(steps),
            f"superseded: {newer[0].display_name} ({newer[0].id}) is newer than this run, whose "
            f"data ends {wish.data_until:%Y-%m-%d %H:%M} UTC; live traffic stays as it is",
        )
    if seated.champion is None or seated.champion == mine:
        return _crown(view, wish, mine, steps)
    return _challenge(view, wish, seated, mine, steps)


def _crown(view: View, wish: SeatCandidate, mine: Seat | None, steps: list[Step]) -> Plan:
    me = wish.deployed_model_id
    if mine is None:
        steps.append(Deploy(me, f"{wish.model}-champion-model"))
    split = view.split if me in view.split else {me: 100}
    if view.labels.get(CHAMPION) != me or split != view.split:
        challenger = next((seat for seat in split if seat != me), None)
        steps.append(SetTraffic(split, champion=me, challenger=challenger))
    return Plan(tuple(steps), f"{me} is champion with {split[me]} % of the requests")


def _challenge(
    view: View, wish: SeatCandidate, seated: Roles, mine: Seat | None, steps: list[Step]
) -> Plan:
    assert seated.champion is not None
    champion, me = seated.champion.id, wish.deployed_model_id
    if seated.challenger is not None and seated.challenger != mine:
        old = seated.challenger.id
        if view.split != {champion: 100} or _labelled(view) != (champion, None):
            steps.append(SetTraffic({champion: 100}, champion=champion))
        steps.append(Undeploy(old))
    if mine is None:
        steps.append(Deploy(me, f"{wish.model}-challenger-model"))
    # A challenger with its label is seated: its share may have been changed since, on purpose.
    if mine is None or _labelled(view) != (champion, me):
        split = {champion: 100 - wish.share, me: wish.share}
        steps.append(SetTraffic(split, champion=champion, challenger=me))
        share = wish.share
    else:
        share = mine.share
    return Plan(
        tuple(steps),
        f"{me} is challenger with {share} % of the requests, {champion} champion with "
        f"{100 - share} %",
    )


def _short(model: str) -> str:
    """`linnerud@3`: what comes before may name the project by its id or by its number."""
    return model.rsplit("/", 1)[-1]


def _labelled(view: View) -> tuple[str | None, str | None]:
    return view.labels.get(CHAMPION), view.labels.get(CHALLENGER)


def _is_newer(seat: Seat, wish: SeatCandidate) -> bool:
    if seat.id == wish.deployed_model_id:
        return False
    if seat.data_until is not None:
        return (seat.data_until, seat.id) > (wish.data_until, wish.deployed_model_id)
    # Not deployed by us: it was trained, at the latest, on the period before it was deployed.
    return seat.deployed_at is not None and seat.deployed_at - wish.period >= wish.data_until
