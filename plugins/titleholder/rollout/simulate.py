"""What a view is after a step: for the whole of a plan, a dry run, and tests."""

from dataclasses import replace
from typing import assert_never

from titleholder.labels import DATA_UNTIL
from titleholder.naming import parse_label_time
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
)
from titleholder.rollout.view import DeployedModel, Version, View


def apply_to_view(view: View, step: Step) -> View:
    """The view once the step is done, as far as a plan needs it.

    A version that is yet to be registered has its alias for a number.
    """
    match step:
        case CreateEndpoint(display_name):
            return replace(view, endpoint=display_name)
        case Register(new):
            until = parse_label_time(new.labels.get(DATA_UNTIL, ""))
            made = Version(new.alias, frozenset([new.alias]), data_interval_end=until)
            return replace(view, versions=(*view.versions, made))
        case Deploy(name, display_name, reference):
            version = view.version(reference)
            number = version.number if version else reference
            seat = DeployedModel(name, display_name, f"{view.model}@{number}")
            return replace(view, deployed_models=(*view.deployed_models, seat))
        case SetTraffic(split, _, action):
            return replace(
                view,
                deployed_models=tuple(
                    replace(seat, traffic_percentage=split.get(seat.id, 0))
                    for seat in view.deployed_models
                ),
                labels=step.labels(view, action),
            )
        case Undeploy(name):
            return replace(
                view,
                deployed_models=tuple(seat for seat in view.deployed_models if seat.id != name),
            )
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
