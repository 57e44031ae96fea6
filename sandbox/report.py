"""What the endpoints look like, in words for a terminal."""

import json
import urllib.error
import urllib.request
from typing import Any

from sandbox.places import State, addresses


def endpoints(state: State) -> list[dict[str, Any]]:
    """Every endpoint as Vertex AI's JSON; an empty list when the service does not answer."""
    try:
        with urllib.request.urlopen(f"{base(state)}/endpoints", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer).get("endpoints", [])
            return found
    except (OSError, urllib.error.URLError):
        return []


def base(state: State) -> str:
    """The URL under which the project's Vertex AI resources are."""
    return (
        f"{addresses(state)['VERTEX_AI_EMULATOR_HOST']}/v1/projects/{state.project}"
        f"/locations/{state.location}"
    )


def predict_url(state: State, endpoint: dict[str, Any]) -> str:
    """The one URL that applications call, whichever model answers."""
    return f"{base(state)}/endpoints/{endpoint['name'].rsplit('/', 1)[-1]}:predict"


def lines(state: State, endpoint: dict[str, Any]) -> list[str]:
    """The endpoint, then a line for each model on it: role, share, id and model version."""
    roles = {seat: role for role, seat in endpoint.get("labels", {}).items()}
    split = endpoint.get("trafficSplit", {})
    result = [f"endpoint {endpoint['displayName']} ({endpoint['name']})"]
    deployed = endpoint.get("deployedModels", [])
    for seat in sorted(deployed, key=lambda seat: -split.get(seat["id"], 0)):
        model = seat["model"].rsplit("/", 1)[-1].partition("@")[0]
        result.append(
            f"  {roles.get(seat['id'], '-'):10} {split.get(seat['id'], 0):3} %  "
            f"{seat['displayName']:28} {model}@{seat['modelVersionId']}  id {seat['id']}"
        )
    return result if deployed else [*result, "  no model is deployed"]
