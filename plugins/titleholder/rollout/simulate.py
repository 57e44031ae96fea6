"""The effect of a step on a view, for whole plans, dry runs and tests."""

from dataclasses import replace
from typing import assert_never

from titleholder.labels import Label, parse_label_time
from titleholder.rollout.resources import with_replicas
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
    UpdateReplicas,
)
from titleholder.rollout.view import DeployedModel, Version, View


def apply_to_view(view: View, step: Step) -> View:
    """The view after the step, as far as a plan needs it. A version that is not registered yet has
    its alias as number."""
    match step:
        case CreateEndpoint(display_name, found):
            return replace(view, endpoint=display_name, type=found)
        case Register(new):
            until = parse_label_time(new.labels.get(Label.DATA_INTERVAL_END, ""))
            version = Version(new.alias, frozenset([new.alias]), data_interval_end=until)
            return replace(view, versions=(*view.versions, version))
        case Deploy(name, display_name, reference):
            registered = view.version(reference)
            number = registered.number if registered else reference
            resources = view.configured.resources if view.configured else None
            deployed = DeployedModel(
                name, display_name, f"{view.model}@{number}", resources=resources
            )
            return replace(view, deployed_models=(*view.deployed_models, deployed))
        case UpdateReplicas(name, wanted):
            return replace(
                view,
                deployed_models=tuple(
                    replace(one, resources=with_replicas(one.resources or wanted, wanted))
                    if one.id == name
                    else one
                    for one in view.deployed_models
                ),
            )
        case SetTraffic(split, _, action):
            return replace(
                view,
                deployed_models=tuple(
                    replace(one, traffic_percentage=split.get(one.id, 0))
                    for one in view.deployed_models
                ),
                labels=step.labels(view, action.value),
            )
        case Undeploy(name):
            return replace(
                view,
                deployed_models=tuple(one for one in view.deployed_models if one.id != name),
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
