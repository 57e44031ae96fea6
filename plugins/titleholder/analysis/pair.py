"""Who is judged: champion and challenger with the artifacts that are deployed. No I/O."""

from dataclasses import dataclass

from titleholder.errors import ManualActionRequired
from titleholder.rollout.display_names import version_text
from titleholder.rollout.roles import resolve_roles
from titleholder.rollout.view import View


@dataclass(frozen=True)
class Evaluate:
    """The wish of a scheduled run: see what the challenger has earned."""


@dataclass(frozen=True)
class RegisteredModel:
    """A deployed model id, the registered version (`linnerud@3`), the folder `uri` of its file,
    that file's SHA-256 in hexadecimal, and the end of its training data (RFC 3339)."""

    id: str
    version: str
    uri: str
    sha256: str
    data_interval_end: str

    def __str__(self) -> str:
        return f"{self.version} (id {self.id})"


@dataclass(frozen=True)
class ModelPair:
    """Champion and challenger as they were at one look."""

    champion: RegisteredModel
    challenger: RegisteredModel

    def __str__(self) -> str:
        return f"{self.champion} and {self.challenger}"


def model_pair(view: View) -> ModelPair | None:
    """Who is to be judged now; None when there is no challenger.

    Raises ManualActionRequired where somebody changed the endpoint by hand, and for a model of
    which the registry does not tell what a duel needs.
    """
    roles = resolve_roles(view).roles if view.endpoint is not None else None
    if roles is None or roles.challenger is None:
        return None
    return ModelPair(
        _known(view, "champion", roles.champion), _known(view, "challenger", roles.challenger)
    )


def require_same_pair(view: View, pinned: ModelPair) -> View:
    """The view; raises ManualActionRequired unless those who were measured are champion and
    challenger on it."""
    now = model_pair(view)
    if now != pinned:
        found = str(now) if now else "no challenger"
        raise ManualActionRequired(
            f"the evidence is about {pinned}, and there is {found} on {view.endpoint} now; the "
            "next run judges anew"
        )
    return view


def _known(view: View, role: str, deployed_model_id: str) -> RegisteredModel:
    seat = view.deployed_model(deployed_model_id)
    version = view.version_served_by(seat) if seat is not None else None
    if seat is None or version is None or not (version.digest and version.data_interval_end):
        raise ManualActionRequired(
            f"the {role} {version_text(view, deployed_model_id)} on {view.endpoint} is no "
            "version of "
            f"{view.model} that was registered with its digest and interval, so no duel can be "
            "sure of it; promote or roll back by hand, or train anew by clearing the weekly run"
        )
    until = f"{version.data_interval_end:%Y-%m-%dT%H:%M:%SZ}"
    return RegisteredModel(seat.id, seat.model, version.uri, version.digest, until)
