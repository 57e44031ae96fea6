"""Plans and their steps, each one call to Vertex AI; a dry run prints the list that is applied.
descriptions.py puts them into words."""

from dataclasses import dataclass, field
from typing import Literal

from titleholder.events.event import Action
from titleholder.labels import Label, label_recency
from titleholder.rollout.roles import Roles, high_water, lasting_labels, role_labels
from titleholder.rollout.view import DeployedModel, View


@dataclass(frozen=True)
class NewVersion:
    """A version to register: the folder `uri` with the model's file, for the serving `image`.

    `alias` is the training run's name, by which every later run finds the version.
    """

    alias: str
    display_name: str
    description: str
    uri: str
    image: str
    labels: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class CreateEndpoint:
    """Create the endpoint that applications will call."""

    display_name: str


@dataclass(frozen=True)
class Register:
    """Register a version of the model."""

    version: NewVersion


@dataclass(frozen=True)
class Deploy:
    """Deploy a version, named by alias or number; it gets no traffic yet."""

    deployed_model_id: str
    display_name: str
    version: str


@dataclass(frozen=True)
class SetTraffic:
    """Change traffic split and roles in one write. `split` sums to 100 and holds the champion; it
    and the roles are empty only where no model is left.

    On an endpoint that was changed by hand `recorded` is the split that the labels still record,
    while `split` is the one that was found: it may miss the champion, or be empty.
    """

    split: dict[str, int] = field(hash=False)
    roles: Roles | None
    action: Action
    recorded: dict[str, int] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        if self.roles is None:
            sound = not self.split and self.recorded is None
        else:
            record = self.split if self.recorded is None else self.recorded
            sound = sum(record.values()) == 100 and self.roles.champion in record
            sound = sound and (not self.split or sum(self.split.values()) == 100)
        if not sound or not all(0 < percentage <= 100 for percentage in self.split.values()):
            raise ValueError(f"a split must sum to 100 and hold the champion, not {self}")

    def labels(self, view: View, event: str) -> dict[str, str]:
        """All labels of the endpoint after this write to the endpoint of that view; `event` is the
        id of the write's event.

        The high-water mark is kept, and raised to the newest data of the models with traffic: it
        remembers versions that are deleted from the registry later.
        """
        served = [
            view.version_served_by(one) for one in view.deployed_models if one.id in self.split
        ]
        known = [high_water(view), *(view.recency(one) for one in served if one is not None)]
        newest = max((one for one in known if one is not None), default=None)
        mark = {Label.NEWEST_DATA.value: label_recency(newest)} if newest else {}
        record = self.split if self.recorded is None else self.recorded
        return lasting_labels(view.labels) | role_labels(self.roles, record, event) | mark


@dataclass(frozen=True)
class Undeploy:
    """Undeploy a model that has no traffic."""

    deployed_model_id: str


@dataclass(frozen=True)
class Alias:
    """Give a registered version the alias of a role, or take it away."""

    role: str
    version: str
    remove: bool = False


Step = CreateEndpoint | Register | Deploy | SetTraffic | Undeploy | Alias


def undeploy(*deployed: DeployedModel | None) -> list[Step]:
    """The steps that undeploy those models that are there."""
    return [Undeploy(one.id) for one in deployed if one is not None]


@dataclass(frozen=True)
class Plan:
    """Steps in order, and in one sentence the state after them.

    `outcome` is an action that changes nothing when the candidate is only registered, "had_a_role"
    when it is not deployed again, "done" otherwise. For an endpoint that was changed by hand
    `changed_by_hand` says in phrases how it differs from the record, and `still_differs` how it
    does after the plan. `repeated` replaces the summary for an intent that was carried out before.
    """

    steps: tuple[Step, ...]
    summary: str
    outcome: Literal["done", "had_a_role"] | Action = "done"
    changed_by_hand: tuple[str, ...] = ()
    still_differs: tuple[str, ...] = ()
    repeated: str = ""

    @property
    def answer(self) -> str:
        """The summary before any step is done, which also says when there is none to do."""
        if self.steps or isinstance(self.outcome, Action):
            return self.summary
        return self.repeated or f"nothing to change: {self.summary}"


def call_of(step: Step, view: View) -> str:
    """The call to Vertex AI that does the step: service, method and arguments."""
    match step:
        case CreateEndpoint(display_name):
            return f"EndpointService.CreateEndpoint(display_name={display_name!r})"
        case Register(version):
            return f"ModelService.UploadModel(version_aliases=[{version.alias!r}])"
        case Deploy(name, display_name, version):
            return (
                f"EndpointService.DeployModel(id={name!r}, display_name={display_name!r}, "
                f"version={version!r}, traffic_split={{}})"
            )
        case SetTraffic(split, _, action):
            labels = step.labels(view, f"{action}-...")
            return f"EndpointService.UpdateEndpoint(traffic_split={split}, labels={labels}, etag)"
        case Undeploy(name):
            return f"EndpointService.UndeployModel(deployed_model_id={name!r})"
        case Alias(role, version, remove):
            sign = "-" if remove else ""
            return f"ModelService.MergeVersionAliases({version!r}, [{sign + role!r}])"
