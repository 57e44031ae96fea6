"""Who is on the endpoint, for people to read. No I/O."""

from dataclasses import asdict
from typing import NamedTuple

from titleholder.errors import Refusal
from titleholder.rollout.roles import Roles, record, stand
from titleholder.rollout.view import Seat, View


class Seated(NamedTuple):
    """A deployed model and its role; None when it has none."""

    seat: Seat
    role: str | None


class Standing(NamedTuple):
    """The deployed models, the greatest share first; the roles, None where nobody knows them; and
    what a person has to decide, in one sentence, "" when that is nothing."""

    holders: list[Seated]
    roles: Roles | None
    undecided: str


def seated(view: View) -> Standing:
    """Who is on the endpoint. Where a person has to decide, the roles are those recorded last."""
    told = ""
    try:
        roles = stand(view).roles
    except Refusal as refusal:
        told = str(refusal)
        recorded = record(view)
        roles = recorded[0] if recorded else None
    held = {seat: role for role, seat in (asdict(roles) if roles else {}).items() if seat}
    ordered = sorted(view.seats, key=lambda seat: -seat.share)
    return Standing([Seated(seat, held.get(seat.id)) for seat in ordered], roles, told)
