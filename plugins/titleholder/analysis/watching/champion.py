"""The champion that is watched, as the endpoint and the registry show it. No I/O."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from titleholder.analysis.model_pair import RegisteredModel, registered_model
from titleholder.errors import ManualActionRequired
from titleholder.naming import training_interval_of
from titleholder.rollout.drift import resolve_roles
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View


@dataclass(frozen=True)
class WatchedChampion:
    """The champion of one view.

    `ids` are all deployed model ids of its training run. `data_interval_start` is the start of its
    training data (RFC 3339), "" if unknown; `deployed` the time since which it has been deployed
    (RFC 3339). `held_out_loss` is the loss in its training, None if it was not recorded. `previous`
    is the previous champion if it is deployed and can be scored, and there is no challenger.
    `request_log` is the endpoint's table of requests, "" for none, `endpoint` its resource name.
    """

    model: RegisteredModel
    ids: tuple[str, ...]
    data_interval_start: str
    deployed: str
    held_out_loss: float | None
    previous: RegisteredModel | None
    request_log: str
    endpoint: str

    @property
    def key(self) -> str:
        """What tells it from other champions, also after it was deployed again."""
        return min(self.ids)

    def to_json(self) -> dict[str, Any]:
        """JSON for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "WatchedChampion":
        """Raises KeyError and TypeError for another value than that of `to_json`."""
        previous = value["previous"]
        return cls(
            **{
                **value,
                "model": RegisteredModel(**value["model"]),
                "ids": tuple(value["ids"]),
                "previous": RegisteredModel(**previous) if previous is not None else None,
            }
        )


def watched_champion(view: View) -> WatchedChampion | None:
    """The champion of the view; None without an endpoint or roles.

    Raises DriftDetected if the endpoint was changed by hand, ManualActionRequired for a champion
    whose version lacks the digest or interval by which it is scored.
    """
    roles = resolve_roles(view).roles if view.endpoint is not None else None
    if roles is None or view.endpoint is None:
        return None
    model = registered_model(view, "champion", roles.champion)
    deployed = view.deployed_model(roles.champion)
    version = view.version_served_by(deployed) if deployed is not None else None
    aliases = version.aliases if version is not None else frozenset()
    intervals = [found for alias in aliases if (found := training_interval_of(alias, view.model))]
    start = max((interval.start for interval in intervals), default=None)
    since = (deployed.deployed_at if deployed is not None else None) or view.created
    other = view.other_id(roles.champion)
    return WatchedChampion(
        model=model,
        ids=(roles.champion, *([other] if other else [])),
        data_interval_start=f"{start:%Y-%m-%dT%H:%M:%SZ}" if start is not None else "",
        deployed=since.isoformat() if since is not None else model.data_interval_end,
        held_out_loss=version.held_out_loss if version is not None else None,
        previous=_previous(view, roles),
        request_log=view.request_log,
        endpoint=view.endpoint,
    )


def _previous(view: View, roles: Roles) -> RegisteredModel | None:
    if roles.challenger is not None or view.deployed_model(roles.previous_champion) is None:
        return None
    with suppress(ManualActionRequired):
        return registered_model(view, "previous champion", str(roles.previous_champion))
    return None
