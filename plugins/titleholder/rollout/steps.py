"""Plans and their steps, each one call to Vertex AI."""

from dataclasses import dataclass, field
from typing import Any, Literal

from titleholder.config.endpoint import EndpointType, Resources
from titleholder.errors import ManualActionRequired
from titleholder.events.event import Action, event_id
from titleholder.labels import ROLE_LABELS, Label
from titleholder.naming import label_recency
from titleholder.rollout.display_names import version_name, version_text
from titleholder.rollout.roles import Roles, high_water, role_labels
from titleholder.rollout.view import DeployedModel, View


@dataclass(frozen=True)
class NewVersion:
    """A version to register: the artifact folder `uri`, and the `container` that serves it, a
    ModelContainerSpec of Vertex AI in its REST form.

    `alias` is the name of the training run, by which later runs find the version.
    """

    alias: str
    display_name: str
    description: str
    uri: str
    container: dict[str, Any] = field(default_factory=dict, hash=False)
    labels: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class CreateEndpoint:
    """Create the endpoint that applications will call."""

    display_name: str
    type: EndpointType = EndpointType.SHARED


@dataclass(frozen=True)
class Register:
    """Register a version of the model."""

    version: NewVersion


@dataclass(frozen=True)
class Deploy:
    """Deploy a version, named by alias or number, without traffic."""

    deployed_model_id: str
    display_name: str
    version: str


@dataclass(frozen=True)
class UpdateReplicas:
    """Change minimum, maximum and autoscaling of a deployed model's replicas to those of
    `resources`, in place."""

    deployed_model_id: str
    resources: Resources

    def digest(self, view: View) -> str:
        """A digest of this change of the view's deployed model."""
        deployed = view.deployed_model(self.deployed_model_id)
        found = deployed.resources if deployed is not None else None
        return event_id(self.deployed_model_id, repr(found), repr(self.resources))


@dataclass(frozen=True)
class SetTraffic:
    """Change traffic split and roles in one write. `split` sums to 100 and has the champion;
    without any deployed model it is empty and `roles` is None.

    After manual changes the labels may record another split, `recorded`, than the one that is
    written; then `split` may lack the champion, or be empty. `announces` is a change of replicas
    that follows; its digest becomes a label, so that the change is recorded once.

    Raises ValueError for another split.
    """

    split: dict[str, int] = field(hash=False)
    roles: Roles | None
    action: Action
    recorded: dict[str, int] | None = field(default=None, hash=False)
    announces: UpdateReplicas | None = None

    def __post_init__(self) -> None:
        if self.roles is None:
            valid = not self.split and self.recorded is None
        else:
            record = self.split if self.recorded is None else self.recorded
            valid = sum(record.values()) == 100 and self.roles.champion in record
            valid = valid and (not self.split or sum(self.split.values()) == 100)
        if not valid or not all(0 < percentage <= 100 for percentage in self.split.values()):
            raise ValueError(f"a split must sum to 100 and have the champion, not {self}")

    def labels(self, view: View, event: str) -> dict[str, str]:
        """The labels of the view's endpoint after this write; `event` is the id of its event.

        The high-water mark rises to the newest data of the models with traffic, as versions may be
        deleted from the registry later.
        """
        served = [
            view.version_served_by(one) for one in view.deployed_models if one.id in self.split
        ]
        known = [high_water(view), *(view.recency(one) for one in served if one is not None)]
        newest = max((one for one in known if one is not None), default=None)
        mark = {Label.NEWEST_DATA.value: label_recency(newest)} if newest else {}
        record = self.split if self.recorded is None else self.recorded
        others = {key: value for key, value in view.labels.items() if key not in ROLE_LABELS}
        if self.announces is not None:
            mark[Label.MACHINE_SETTINGS.value] = self.announces.digest(view)
        return others | role_labels(self.roles, record, event) | mark


@dataclass(frozen=True)
class Undeploy:
    """Undeploy a model that has no traffic."""

    deployed_model_id: str


@dataclass(frozen=True)
class Alias:
    """Give the alias of a role to a registered version, or remove it."""

    role: str
    version: str
    remove: bool = False


Step = CreateEndpoint | Register | Deploy | UpdateReplicas | SetTraffic | Undeploy | Alias


def undeploy(*deployed: DeployedModel | None) -> list[Step]:
    """The steps that undeploy these models, except None."""
    return [Undeploy(one.id) for one in deployed if one is not None]


def deploy_from_registry(view: View, deployed_model_id: str, role: str, alternative: str) -> Deploy:
    """The step that deploys an undeployed model again, under the same id. Raises
    ManualActionRequired, which recommends `alternative`, if its version is not registered."""
    version = view.version_for_deployment(deployed_model_id)
    if version is None:
        raise ManualActionRequired(
            f"the {role} {version_text(view, deployed_model_id)} is not deployed on "
            f"{view.endpoint} any more, and the registry has no version of {view.model} that "
            f"belongs to it; {alternative} instead"
        )
    name = version_name(view.model, version.reference)
    return Deploy(deployed_model_id, name, version.reference)


@dataclass(frozen=True)
class Plan:
    """Steps in order, and the state after them in one sentence.

    `outcome` is an action that changes nothing if the candidate is only registered, "had_a_role" if
    it is not deployed again, otherwise "done". `changed_by_hand` has the differences from the
    record before the plan, `still_differs` those after it. `repeated` replaces the summary of an
    intent that was carried out before.
    """

    steps: tuple[Step, ...]
    summary: str
    outcome: Literal["done", "had_a_role"] | Action = "done"
    changed_by_hand: tuple[str, ...] = ()
    still_differs: tuple[str, ...] = ()
    repeated: str = ""

    @property
    def answer(self) -> str:
        """The summary for a plan that is not applied yet; it also says if there is no step."""
        if self.steps or isinstance(self.outcome, Action):
            return self.summary
        return self.repeated or f"nothing to change: {self.summary}"


def call_of(step: Step, view: View) -> str:
    """The call to Vertex AI that does the step: service, method and arguments."""
    match step:
        case CreateEndpoint(display_name, found):
            more = {
                EndpointType.SHARED: "",
                EndpointType.DEDICATED: ", dedicated_endpoint_enabled=True",
                EndpointType.PRIVATE: ", private_service_connect_config",
            }
            return f"EndpointService.CreateEndpoint(display_name={display_name!r}{more[found]})"
        case Register(version):
            return f"ModelService.UploadModel(version_aliases=[{version.alias!r}])"
        case Deploy(name, display_name, version):
            return (
                f"EndpointService.DeployModel(id={name!r}, display_name={display_name!r}, "
                f"version={version!r}, traffic_split={{}})"
            )
        case UpdateReplicas(name, resources):
            return (
                f"EndpointService.MutateDeployedModel(id={name!r}, "
                f"min_replica_count={resources.min_replicas}, "
                f"max_replica_count={resources.max_replicas}, "
                f"autoscaling_metric_specs={dict(resources.autoscaling)})"
            )
        case SetTraffic(split, _, action):
            labels = step.labels(view, f"{action}-...")
            return f"EndpointService.UpdateEndpoint(traffic_split={split}, labels={labels}, etag)"
        case Undeploy(name):
            return f"EndpointService.UndeployModel(deployed_model_id={name!r})"
        case Alias(role, version, remove):
            sign = "-" if remove else ""
            return f"ModelService.MergeVersionAliases({version!r}, [{sign + role!r}])"
