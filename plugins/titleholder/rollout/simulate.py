"""What a view is after a step: for the whole of a plan, a dry run, and tests."""

from dataclasses import replace
from typing import assert_never

from titleholder.rollout.roles import labels_of, other_labels
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
)
from titleholder.rollout.view import Seat, Version, View
from titleholder.run import data_until


def after(view: View, step: Step) -> View:
    """The view once the step is done, as far as a plan needs it.

    A version that is yet to be registered has its alias for a number.
    """
    match step:
        case CreateEndpoint(display_name):
            return replace(view, endpoint=display_name)
        case Register(new):
            made = Version(new.alias, frozenset([new.alias]))
            return replace(view, versions=(*view.versions, made))
        case Deploy(name, display_name, reference):
            version = view.version(reference)
            number = version.number if version else reference
            seat = Seat(name, display_name, f"{view.model}@{number}", 0, data_until(name))
            return replace(view, seats=(*view.seats, seat))
        case SetTraffic(split, roles, action):
            return replace(
                view,
                seats=tuple(replace(seat, share=split.get(seat.id, 0)) for seat in view.seats),
                labels=other_labels(view.labels) | labels_of(roles, split, action),
            )
        case Undeploy(name):
            return replace(view, seats=tuple(seat for seat in view.seats if seat.id != name))
        case Alias(role, reference, remove):
            holder = view.version(reference)
            return replace(
                view,
                versions=tuple(
                    replace(
                        version,
                        aliases=version.aliases - {role}
                        | ({role} if version == holder and not remove else set()),
                    )
                    for version in view.versions
                ),
            )
        case _:
            assert_never(step)
