"""Endpoint type and machine settings: how an endpoint differs from the model's file. No I/O."""

from titleholder.config.endpoint import EndpointType
from titleholder.errors import ManualActionRequired
from titleholder.rollout.view import View

_KEYS = {
    EndpointType.SHARED: "neither endpoint.dedicated nor endpoint.private_service_connect",
    EndpointType.DEDICATED: "endpoint.dedicated: true",
    EndpointType.PRIVATE: "endpoint.private_service_connect",
}


def require_type(view: View) -> None:
    """Raise ManualActionRequired if the endpoint exists and has another type than the model's
    file."""
    if (mismatch := type_mismatch(view)) is not None:
        raise ManualActionRequired(mismatch)


def type_mismatch(view: View) -> str | None:
    """Why the endpoint's type is not that of the model's file, and what to do; None if it is."""
    if view.endpoint is None or view.configured is None or view.type is view.configured.type:
        return None
    return (
        f"{view.endpoint} is a {view.type} endpoint and {view.model}.yaml wants a "
        f"{view.configured.type} one, and Vertex AI cannot change the type; write "
        f"{_KEYS[view.type]} to keep this endpoint, or name another one in endpoint.display_name, "
        "which applications then have to call"
    )
