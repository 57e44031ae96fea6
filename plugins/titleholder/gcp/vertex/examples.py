"""Predictions that the pipeline recorded, compared with those of a deployed model."""

import json
import logging
import math
from typing import Any

from titleholder.config.endpoint import EndpointType
from titleholder.errors import ManualActionRequired
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import error_message
from titleholder.gcp.loopback import VERTEX_AI, credentials_for
from titleholder.gcp.storage import read_object
from titleholder.gcp.vertex.clients import CALL_SECONDS
from titleholder.rollout.display_names import version_text
from titleholder.rollout.view import DeployedModel, Version, View

log = logging.getLogger(__name__)

EXAMPLES = "examples.json"
PATH = "/predict"
TOLERANCE = 1e-5


def check_new_traffic(environment: Environment, view: View, split: dict[str, int]) -> None:
    """Ask each model that `split` gives its first traffic for its recorded predictions.

    `examples.json` in its artifact is `{"instances": [...], "predictions": [...]}`, with the `path`
    to ask, by default /predict. Vertex AI passes a request to one deployed model on dedicated
    endpoints only, and only to containers with `invokeRoutePrefix`; without these, and without that
    file, nothing is asked. Numbers may differ by TOLERANCE, relative or absolute.

    Raises ManualActionRequired when a prediction differs or is refused, GoogleAPIError and
    RequestException when there is no answer.
    """
    if view.type is not EndpointType.DEDICATED or not view.address:
        return
    for deployed in view.deployed_models:
        version = view.version_served_by(deployed)
        new = deployed.id in split and not deployed.traffic_percentage
        if new and version is not None and version.invokable:
            _check(environment, view, deployed, version)


def _check(environment: Environment, view: View, deployed: DeployedModel, version: Version) -> None:
    from google.api_core.exceptions import NotFound

    uri, name = f"{version.uri}/{EXAMPLES}", version_text(view, deployed.id)
    try:
        recorded = json.loads(read_object(environment, uri))
        path, instances = recorded.get("path", PATH), recorded["instances"]
        expected = recorded["predictions"]
        valid = isinstance(instances, list) and len(instances) == len(expected) > 0
        valid = valid and isinstance(path, str) and path.startswith("/")
    except NotFound:
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise ManualActionRequired(
            f'{uri} is invalid: write {{"instances": [...], "predictions": [...]}}, as many of '
            "each, and train the model again; it received no traffic"
        )
    found = _ask(environment, view, deployed.id, path, instances, name)
    if not isinstance(found, list) or len(found) != len(expected):
        raise ManualActionRequired(
            f"{name} answers {len(expected)} instances of {uri} with {_short(found)} instead of as "
            f"many predictions; it received no traffic: correct its server, or the path {path}"
        )
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if not _same(one, other):
            raise ManualActionRequired(
                f"{name} predicts {_short(one)} for instance {number} of {uri}, where the pipeline "
                f"recorded {_short(other)}; it received no traffic: find out what differs between "
                "the two environments, and train it again"
            )
    log.info("%s repeats its %d recorded predictions", name, len(found))


def _ask(
    environment: Environment, view: View, deployed_id: str, path: str, instances: Any, name: str
) -> Any:
    from google.api_core.exceptions import from_http_response
    from google.auth.transport.requests import AuthorizedSession

    url = f"{view.address.removesuffix(':predict')}/deployedModels/{deployed_id}/invoke{path}"
    with AuthorizedSession(credentials_for(VERTEX_AI, environment)) as session:  # type: ignore[no-untyped-call]
        response = session.post(url, json={"instances": instances}, timeout=CALL_SECONDS)
    if not response.ok:
        error: Exception = from_http_response(response)  # type: ignore[no-untyped-call]
        if response.status_code >= 500 or response.status_code in (403, 429):
            raise error
        raise ManualActionRequired(
            f"{name} refuses the instances of its {EXAMPLES} ({error_message(error)}); it received "
            f"no traffic: correct its server, or the path {path} in that file"
        )
    try:
        return response.json()["predictions"]
    except (ValueError, KeyError, TypeError):
        return response.text


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
