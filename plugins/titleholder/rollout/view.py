"""The view of an endpoint: its deployed models, and the versions in the registry."""

from dataclasses import dataclass, field
from datetime import datetime

from titleholder.config.endpoint import Endpoint, EndpointType, Resources
from titleholder.labels import ROLES
from titleholder.naming import Recency, deployed_model_ids_of, recency_of


@dataclass(frozen=True)
class DeployedModel:
    """A version deployed on an endpoint. `model` is `<model>@<version number>`, `resources` are its
    machine settings, None if Vertex AI decides on them."""

    id: str
    display_name: str
    model: str
    traffic_percentage: int = 0
    deployed_at: datetime | None = None
    resources: Resources | None = None

    @property
    def model_id(self) -> str:
        """The model's id in the registry."""
        return self.model.partition("@")[0]

    @property
    def version_number(self) -> str:
        """The number of the version; its alias if it is not registered yet (see simulate)."""
        return self.model.partition("@")[2]


@dataclass(frozen=True)
class Version:
    """A registered version of the model; `number` is Vertex AI's.

    `uri` is the artifact's folder, `digest` that folder's SHA-256 in hexadecimal, `image` the URI
    of the serving container's image, `data_interval_end` the end of the interval it was trained on,
    `fingerprint` the digest of its training data, template and parameters, `held_out_loss` the loss
    of the duel's target on held-out rows; "" or None if the version has no such label. `invokable`
    is True if its container has an `invokeRoutePrefix`.
    """

    number: str
    aliases: frozenset[str] = frozenset()
    uri: str = ""
    digest: str = ""
    data_interval_end: datetime | None = None
    fingerprint: str = ""
    image: str = ""
    invokable: bool = False
    held_out_loss: float | None = None

    @property
    def deployed_model_ids(self) -> tuple[str, ...]:
        """The ids under which its training run deploys it."""
        return tuple(one for alias in self.aliases for one in deployed_model_ids_of(alias))

    @property
    def reference(self) -> str:
        """The alias of its training run, else its number."""
        return min((a for a in self.aliases if deployed_model_ids_of(a)), default=self.number)


@dataclass(frozen=True)
class View:
    """One observation. Labels, split and etag are from the same read as the deployed models.

    `model` is the model's id in the registry. `endpoint` is the endpoint's resource name, None if
    it does not exist; `created` and `updated` are the times of its creation and last change.
    `pending_operations` are the names of unfinished operations on the endpoint or in the registry;
    `undeploying` is True if one of them undeploys a model. `request_log` is the BigQuery table to
    which the endpoint logs requests, "" for none.

    `type` is that of the endpoint, `address` the URL of predictions, "" without a public one, and
    `configured` the section `endpoint` of the model's file, None if unknown.
    """

    model: str
    endpoint: str | None
    deployed_models: tuple[DeployedModel, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    versions: tuple[Version, ...] = ()
    pending_operations: tuple[str, ...] = ()
    undeploying: bool = False
    request_log: str = ""
    type: EndpointType = EndpointType.SHARED
    address: str = ""
    configured: Endpoint | None = None

    def deployed_model(self, deployed_model_id: str | None) -> DeployedModel | None:
        """The deployed model of that id, if any."""
        return next((one for one in self.deployed_models if one.id == deployed_model_id), None)

    @property
    def split(self) -> dict[str, int]:
        """Deployed model id to traffic percentage, without models without traffic."""
        return {
            one.id: one.traffic_percentage for one in self.deployed_models if one.traffic_percentage
        }

    def version(self, reference: str) -> Version | None:
        """The version with that alias or number, if any."""
        return next(
            (v for v in self.versions if reference == v.number or reference in v.aliases), None
        )

    def version_for_deployment(self, deployed_model_id: str) -> Version | None:
        """The version whose training run deploys it under that id, if any."""
        return next((v for v in self.versions if deployed_model_id in v.deployed_model_ids), None)

    def other_id(self, deployed_model_id: str) -> str | None:
        """The other deployed model id of the same training run, if it is known."""
        version = self.version_for_deployment(deployed_model_id)
        others = version.deployed_model_ids if version is not None else ()
        return next((one for one in others if one != deployed_model_id), None)

    def present_id(self, deployed_model_id: str) -> str:
        """The id, or the other one of the same training run if only that is deployed or has a
        role: a version that was deployed again has changed its id."""
        other = self.other_id(deployed_model_id)
        if other is None or self._in_use(deployed_model_id) or not self._in_use(other):
            return deployed_model_id
        return other

    def _in_use(self, deployed_model_id: str) -> bool:
        deployed = self.deployed_model(deployed_model_id)
        return self.has_role(deployed_model_id) or (
            deployed is not None and self.deployed_by_us(deployed) is not None
        )

    def has_role(self, deployed_model_id: str) -> bool:
        """Whether a label gives that model a role."""
        return deployed_model_id in (self.labels.get(role) for role in ROLES)

    def version_served_by(self, deployed: DeployedModel) -> Version | None:
        """The version that the deployed model serves; None for a version of another model."""
        return self.version(deployed.version_number) if deployed.model_id == self.model else None

    def recency(self, version: Version) -> Recency | None:
        """The recency of the version's data, by the alias of its training run, else by its label;
        None without both."""
        by_alias = [found for a in version.aliases if (found := recency_of(a, self.model))]
        by_label = [Recency(version.data_interval_end, 0)] if version.data_interval_end else []
        return max(by_alias or by_label, default=None)

    def deployed_by_us(self, deployed: DeployedModel) -> Version | None:
        """The version if a training run deployed this model, else None. The id alone is no proof,
        as any caller may choose it."""
        version = self.version_for_deployment(deployed.id)
        return version if version == self.version_served_by(deployed) else None

    def data_interval_end(self, deployed: DeployedModel) -> datetime | None:
        """The end of the training data of a model that a training run deployed, else None."""
        version = self.deployed_by_us(deployed)
        found = self.recency(version) if version is not None else None
        return found.until if found else None
