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
    """The endpoint, then a line for each model on it (role, share, version, display name, id), and
    the last change."""
    roles = {seat: role for role, seat in endpoint.get("labels", {}).items()}
    split = endpoint.get("trafficSplit", {})
    result = [f"endpoint {endpoint['displayName']} ({endpoint['name']})"]
    deployed = endpoint.get("deployedModels", [])
    for seat in sorted(deployed, key=lambda seat: -split.get(seat["id"], 0)):
        model = seat["model"].rsplit("/", 1)[-1].partition("@")[0]
        result.append(
            f"  {roles.get(seat['id'], '-'):10} {split.get(seat['id'], 0):3} %  "
            f"{model}@{seat['modelVersionId']:4} {seat['displayName']}  id {seat['id']}"
        )
    result += [] if deployed else ["  no model is deployed"]
    changed = _last_change(state, endpoint)
    return [*result, f"  last change: {changed}"] if changed else result


def _last_change(state: State, endpoint: dict[str, Any]) -> str:
    """When, what and why, from the event that the endpoint's label names; only what the label tells
    where the event cannot be read, and "" where there is no label."""
    labels = endpoint.get("labels", {})
    name = labels.get("change", "")
    if not name:
        return ""
    query = {
        "query": "SELECT FORMAT_TIMESTAMP('%F %H:%M UTC', time), reason, "
        "JSON_VALUE(PARSE_JSON(evidence), '$.reason') "
        f"FROM `{_events_of(labels.get('titleholder-model', ''))}` WHERE id = @id",
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": [
            {
                "name": "id",
                "parameterType": {"type": "STRING"},
                "parameterValue": {"value": name},
            }
        ],
        "location": state.location,
    }
    host = addresses(state)["BIGQUERY_EMULATOR_HOST"]
    request = urllib.request.Request(
        f"{host}/bigquery/v2/projects/{state.project}/queries",
        json.dumps(query).encode(),
        {"Content-Type": "application/json"},
    )
    action = name.partition("-")[0]
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            when, what, why = (cell["v"] for cell in json.load(answer)["rows"][0]["f"])
    except (OSError, ValueError, LookupError):
        return f"{action}; its event cannot be read"
    return f"{when} {action}: {what}" + (f' (because "{why}")' if why else "")


def _events_of(model: str) -> str:
    """The model's events table, by its file where there is one."""
    from titleholder.config import ModelConfig, load_models
    from titleholder.environment import DAGS_FOLDER

    configs = load_models(DAGS_FOLDER / "models").configs
    default = str(ModelConfig.model_fields["events"].default)
    return next((one.events for one in configs if one.model == model), default)
