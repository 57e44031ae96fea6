"""The champion and challenger of an evaluation, with their registered artifacts. No I/O."""

from dataclasses import dataclass

from titleholder.errors import ManualActionRequired
from titleholder.rollout.display_names import version_text
from titleholder.rollout.drift import resolve_roles
from titleholder.rollout.view import View


@dataclass(frozen=True)
class Evaluate:
    """The intent of a scheduled rollout run: evaluate the challenger."""


@dataclass(frozen=True)
class RegisteredModel:
    """A deployed model id, the registered version (`linnerud@3`), the folder `uri` of its artifact,
    that folder's SHA-256 in hexadecimal, the end of its training data (RFC 3339), and the URI of
    the image that serves it."""

    id: str
    version: str
    uri: str
    sha256: str
    data_interval_end: str
    image: str = ""

    def __str__(self) -> str:
        return f"{self.version} (id {self.id})"


@dataclass(frozen=True)
class ModelPair:
    """Champion and challenger of one view."""

    champion: RegisteredModel
    challenger: RegisteredModel

    def __str__(self) -> str:
        return f"{self.champion} and {self.challenger}"


def model_pair(view: View) -> ModelPair | None:
    """The pair to evaluate; None without a challenger.

    Raises DriftDetected if the endpoint was changed by hand, ManualActionRequired for a model whose
    version lacks the digest or interval that a duel needs.
    """
    roles = resolve_roles(view).roles if view.endpoint is not None else None
    if roles is None or roles.challenger is None:
        return None
    return ModelPair(
        registered_model(view, "champion", roles.champion),
        registered_model(view, "challenger", roles.challenger),
    )


def require_same_pair(view: View, compared: ModelPair) -> View:
    """The view; raises ManualActionRequired unless its pair is `compared`."""
    present = model_pair(view)
    if present != compared:
        found = present or "no challenger"
        raise ManualActionRequired(
            f"the evidence is about {compared}, and there is {found} on {view.endpoint} now; the "
            "next run evaluates again"
        )
    return view


def registered_model(view: View, role: str, deployed_model_id: str) -> RegisteredModel:
    """The deployed model with what it was registered with. Raises ManualActionRequired, with its
    `role`, for a model whose version lacks the digest or interval that scoring it needs."""
    deployed = view.deployed_model(deployed_model_id)
    version = view.version_served_by(deployed) if deployed is not None else None
    if deployed is None or version is None or not (version.digest and version.data_interval_end):
        raise ManualActionRequired(
            f"the {role} {version_text(view, deployed_model_id)} on {view.endpoint} is no "
            f"version of {view.model} that was registered with its digest and interval, which a "
            "duel needs; promote or roll back by hand, or clear the weekly run to train again"
        )
    until = f"{version.data_interval_end:%Y-%m-%dT%H:%M:%SZ}"
    return RegisteredModel(
        deployed.id, deployed.model, version.uri, version.digest, until, version.image
    )
