"""Who is champion and who is challenger, read off the endpoint."""

from dataclasses import dataclass

from titleholder.errors import Refusal
from titleholder.rollout.view import Seat, View

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Roles:
    """The seat of each; None when nobody sits there."""

    champion: Seat | None
    challenger: Seat | None


def roles(view: View) -> Roles:
    """The roles by the endpoint's labels, else by the deployed display names `...-champion-model`
    and `...-challenger-model`, else the only model there is.

    Raises Refusal when more than two models are deployed, when none of the three tells, or when
    somebody took the champion, or all of its traffic, away.
    """
    if len(view.seats) > 2:
        raise Refusal(
            f"{view.endpoint} holds {len(view.seats)} deployed models "
            f"({_listed(view)}) and a rollout knows two; undeploy all but the champion and the "
            "challenger, then clear this task"
        )
    label = view.labels.get(CHAMPION)
    labelled = view.seat(label)
    if view.seats and label is not None and labelled is None:
        raise Refusal(
            f"the label champion={label} of {view.endpoint} names no deployed model, so somebody "
            f"took the champion down; set the label to one of {_listed(view)}, then clear this task"
        )
    if labelled is not None and view.split and not labelled.share:
        raise Refusal(
            f"the champion {label} of {view.endpoint} has no traffic ({view.split} has it all), so "
            "somebody moved it by hand; give the champion its traffic back, or set the label "
            "champion to the model that has it, then clear this task"
        )
    champion = labelled or _named(view, CHAMPION)
    if champion is None and len(view.seats) == 1:
        champion = view.seats[0]
    if champion is None and view.seats:
        raise Refusal(
            f"{view.endpoint} holds {_listed(view)}, and neither a label nor a name says which is "
            "the champion; set the endpoint's label champion=<deployed model id>, then clear this "
            "task"
        )
    others = [seat for seat in view.seats if seat != champion]
    return Roles(champion, others[0] if others else None)


def _named(view: View, role: str) -> Seat | None:
    found = [seat for seat in view.seats if seat.display_name.endswith(f"-{role}-model")]
    return found[0] if len(found) == 1 else None


def _listed(view: View) -> str:
    return ", ".join(f"{seat.id} ({seat.display_name})" for seat in view.seats)
