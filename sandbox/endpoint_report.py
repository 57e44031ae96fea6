"""The state of the endpoints, as text for a terminal."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from sandbox.state import State, addresses
from titleholder.labels import Label


def endpoints(state: State) -> list[dict[str, Any]]:
    """Every endpoint as Vertex AI's JSON; an empty list if the service does not respond."""
    try:
        with urllib.request.urlopen(f"{base(state)}/endpoints", timeout=10) as response:
            found: list[dict[str, Any]] = json.load(response).get("endpoints", [])
            return found
    except (OSError, urllib.error.URLError):
        return []


def base(state: State) -> str:
    """The URL prefix of the project's Vertex AI resources."""
    return (
        f"{addresses(state)['VERTEX_AI_EMULATOR_HOST']}/v1/projects/{state.project}"
        f"/locations/{state.location}"
    )


def predict_url(state: State, endpoint: dict[str, Any]) -> str:
    """The URL that applications call; it does not depend on the deployed models. A dedicated
    endpoint has a host of its own."""
    resource = f"/endpoints/{endpoint['name'].rsplit('/', 1)[-1]}:predict"
    if host := endpoint.get("dedicatedEndpointDns"):
        return f"http://{host}{urlsplit(base(state)).path}{resource}"
    return f"{base(state)}{resource}"


def described(state: State) -> Iterator[tuple[dict[str, Any], str]]:
    """Each endpoint with its text: its name, one line per deployed model, and its last change."""
    found = endpoints(state)
    changes = _last_changes(state, found)
    for endpoint in found:
        yield endpoint, "\n".join(_lines(endpoint, changes.get(endpoint["name"], "")))


def _lines(endpoint: dict[str, Any], last_change: str = "") -> list[str]:
    """The endpoint, one line per deployed model (role, traffic percentage, version, display name,
    id), and the last change."""
    roles = {deployed_id: role for role, deployed_id in endpoint.get("labels", {}).items()}
    split = endpoint.get("trafficSplit", {})
    result = [f"endpoint {endpoint['displayName']} ({endpoint['name']})"]
    deployed = endpoint.get("deployedModels", [])
    for model in sorted(deployed, key=lambda model: -split.get(model["id"], 0)):
        name = model["model"].rsplit("/", 1)[-1].partition("@")[0]
        result.append(
            f"  {roles.get(model['id'], '-'):17} {split.get(model['id'], 0):3} %  "
            f"{name}@{model['modelVersionId']:4} {model['displayName']}  id {model['id']}"
        )
    result += [] if deployed else ["  no model is deployed"]
    return [*result, f"  last change: {last_change}"] if last_change else result


def _last_changes(state: State, found: list[dict[str, Any]]) -> dict[str, str]:
    """Time, action and reason of each endpoint's last change, by endpoint name.

    They come from the event that the endpoint's label names; if the event cannot be read, the text
    is the label's prefix. An endpoint without the label is left out.
    """
    labels = {endpoint["name"]: endpoint.get("labels", {}) for endpoint in found}
    ids = {
        name: values[Label.LAST_EVENT]
        for name, values in labels.items()
        if Label.LAST_EVENT in values
    }
    events: dict[str, str] = {}
    for table in (
        _tables({values.get(Label.MODEL, "") for values in labels.values()}) if ids else ()
    ):
        with contextlib.suppress(OSError, ValueError, LookupError):
            events |= _events(state, table, list(ids.values()))
    return {
        name: events.get(event_id, f"{event_id.partition('-')[0]}; its event cannot be read")
        for name, event_id in ids.items()
    }


def _events(state: State, table: str, ids: list[str]) -> dict[str, str]:
    query = {
        "query": "SELECT id, FORMAT_TIMESTAMP('%F %H:%M UTC', time), action, reason, "
        f"JSON_VALUE(PARSE_JSON(evidence), '$.reason') FROM `{table}` WHERE id IN UNNEST(@ids)",
        "useLegacySql": False,
        "location": state.location,
        "parameterMode": "NAMED",
        "queryParameters": [
            {
                "name": "ids",
                "parameterType": {"type": "ARRAY", "arrayType": {"type": "STRING"}},
                "parameterValue": {"arrayValues": [{"value": event_id} for event_id in ids]},
            }
        ],
    }
    host = addresses(state)["BIGQUERY_EMULATOR_HOST"]
    request = urllib.request.Request(
        f"{host}/bigquery/v2/projects/{state.project}/queries",
        json.dumps(query).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        rows = json.load(response).get("rows", [])
    found = {}
    for row in rows:
        event_id, time, action, reason, comment = (cell["v"] for cell in row["f"])
        found[event_id] = f"{time} {action}: {reason}" + (
            f' (because "{comment}")' if comment else ""
        )
    return found


def _tables(models: set[str]) -> set[str]:
    """The events tables that the models' YAML files name; the default table for other models."""
    from titleholder.config.loader import load_models
    from titleholder.config.model import ModelConfig
    from titleholder.release import DAGS_FOLDER

    configs = load_models(DAGS_FOLDER / "models").configs
    known = {config.model: config.events_table for config in configs}
    default = str(ModelConfig.model_fields["events_table"].default)
    return {known.get(model, default) for model in models}
