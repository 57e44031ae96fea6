"""What is there: an endpoint, the models deployed on it, and the versions in the registry."""

from dataclasses import dataclass, field
from datetime import datetime

from titleholder.naming import Recency, deployed_model_id_of, recency_of


@dataclass(frozen=True)
class DeployedModel:
    """A deployed model. `model` is `<model>@<version number>`, `share` its per cent of the
    requests."""

    id: str
    display_name: str
    model: str
    traffic_percentage: int = 0
    deployed_at: datetime | None = None


@dataclass(frozen=True)
class Version:
    """A registered version of the model; `number` is Vertex AI's.

    `uri` is the folder with the model's file, `digest` that file's SHA-256 in hexadecimal,
    `data_interval_end` the end of the interval it was trained on, and `fingerprint` that of all it
    learned from, as they were at registration: empty and None where the version does not say.
    """

    number: str
    aliases: frozenset[str] = frozenset()
    uri: str = ""
    digest: str = ""
    data_interval_end: datetime | None = None
    fingerprint: str = ""

    @property
    def reference(self) -> str:
        """What a step calls it: the alias of the run that made it, else its number."""
        return min((a for a in self.aliases if deployed_model_id_of(a)), default=self.number)


@dataclass(frozen=True)
class View:
    """One observation. Labels, split and etag belong to the same read as the seats.

    `model` is the model's id in the registry. `endpoint` is the endpoint's resource name, None when
    it does not exist, `created` since when it is there, and `updated` the time of its last change.
    `busy` names the operations in flight on the endpoint or in the registry; `leaving` tells
    whether one undeploys a model. `request_log` is the BigQuery table to which the endpoint logs
    requests, empty for none.
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

    def deployed_model(self, deployed_model_id: str | None) -> DeployedModel | None:
        """The seat of that id, if any."""
        return next((seat for seat in self.deployed_models if seat.id == deployed_model_id), None)

    @property
    def split(self) -> dict[str, int]:
        """Deployed model id to per cent, without those that get none."""
        return {
            seat.id: seat.traffic_percentage
            for seat in self.deployed_models
            if seat.traffic_percentage
        }

    def version(self, reference: str) -> Version | None:
        """The version with that alias or number, if any."""
        return next(
            (v for v in self.versions if reference == v.number or reference in v.aliases), None
        )

    def version_for_deployment(self, deployed_model_id: str) -> Version | None:
        """The version that a run of ours deployed, or would deploy, under that id."""
        return next(
            (
                version
                for version in self.versions
                if any(
                    deployed_model_id_of(alias) == deployed_model_id for alias in version.aliases
                )
            ),
            None,
        )

    def version_served_by(self, seat: DeployedModel) -> Version | None:
        """The version of this model that the seat serves; None when it serves another model."""
        model, _, number = seat.model.partition("@")
        return self.version(number) if model == self.model else None

    def recency(self, version: Version) -> Recency | None:
        """How new the version's data is, by the alias of the run of this model that made it, else
        by its label; None where neither says."""
        named = [found for a in version.aliases if (found := recency_of(a, self.model))]
        labelled = [Recency(version.data_interval_end, 0)] if version.data_interval_end else []
        return max(named or labelled, default=None)

    def deployed_by_us(self, seat: DeployedModel) -> Version | None:
        """The version that a run of ours deployed as this seat; None for a model that was deployed
        otherwise. An id alone does not tell, as anyone may choose such a one."""
        version = self.version_for_deployment(seat.id)
        return version if version == self.version_served_by(seat) else None

    def data_interval_end(self, seat: DeployedModel) -> datetime | None:
        """The end of the interval that a model which a run of ours deployed was trained on; None
        for any other."""
        version = self.deployed_by_us(seat)
        found = self.recency(version) if version is not None else None
        return found.until if found else None
