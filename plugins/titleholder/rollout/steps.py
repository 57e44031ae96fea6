"""The small steps that a plan is made of; a dry run prints the same list that is applied. They are
put into words by wording.py."""

from dataclasses import dataclass, field

from titleholder.labels import NEWEST
from titleholder.naming import label_recency
from titleholder.rollout.roles import Roles, high_water, lasting_labels, role_labels
from titleholder.rollout.view import View


@dataclass(frozen=True)
class NewVersion:
    """What is registered: the folder `uri` with the model's file, for the serving `image`.

    `alias` finds the version again, whoever looks for it.
    """

    alias: str
    display_name: str
    description: str
    uri: str
    image: str
    labels: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class CreateEndpoint:
    """Make the endpoint that applications will call."""

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
    """Change split and roles in one write. `split` sums to 100 and holds the champion; both it and
    the roles are empty only where no model is left. `action` says in one word why.

    On an endpoint that was changed by hand `recorded` is the split that the labels go on to record,
    while `split` keeps what was found: it may miss the champion, or be empty.
    """

    split: dict[str, int] = field(hash=False)
    roles: Roles | None
    action: str
    recorded: dict[str, int] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        if self.roles is None:
            sound = not self.split and self.recorded is None
        else:
            record = self.split if self.recorded is None else self.recorded
            sound = sum(record.values()) == 100 and self.roles.champion in record
            sound = sound and (not self.split or sum(self.split.values()) == 100)
        if not sound or not all(0 < share <= 100 for share in self.split.values()):
            raise ValueError(f"a split must sum to 100 and hold the champion, not {self}")

    def labels(self, view: View, change: str) -> dict[str, str]:
        """All labels of the endpoint after this write, named `change`, to what the view shows.

        The high-water mark is carried along, and raised to the newest data of those that get
        traffic: what was deleted from the registry since was newer all the same.
        """
        served = [
            view.version_served_by(seat) for seat in view.deployed_models if seat.id in self.split
        ]
        known = [high_water(view), *(view.recency(one) for one in served if one is not None)]
        newest = max((one for one in known if one is not None), default=None)
        mark = {NEWEST: label_recency(newest)} if newest else {}
        record = self.split if self.recorded is None else self.recorded
        return lasting_labels(view.labels) | role_labels(self.roles, record, change) | mark


@dataclass(frozen=True)
class Undeploy:
    """Take down a deployed model that has no traffic."""

    deployed_model_id: str


@dataclass(frozen=True)
class Alias:
    """Give a registered version the alias of a role, or take it away."""

    role: str
    version: str
    remove: bool = False


Step = CreateEndpoint | Register | Deploy | SetTraffic | Undeploy | Alias


def call_of(step: Step, view: View) -> str:
    """The call of Google's that does the step to what the view shows: service, method and what it
    is given."""
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
