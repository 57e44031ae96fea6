"""What the endpoints look like, in words for a terminal."""

import contextlib
import json
import urllib.error
import urllib.request
from typing import Any

from sandbox.state import State, addresses
from titleholder.labels import Label


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


def lines(endpoint: dict[str, Any], changed: str = "") -> list[str]:
    """The endpoint, then a line for each model on it (role, share, version, display name, id), and
    what was `changed` last."""
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
    return [*result, f"  last change: {changed}"] if changed else result


def last_changes(state: State, found: list[dict[str, Any]]) -> dict[str, str]:
    """By endpoint's name when, what and why, from the event that its label `change` names; only the
    label's word where the event cannot be read, and nothing where there is no label."""
    labels = {endpoint["name"]: endpoint.get("labels", {}) for endpoint in found}
    names = {
        one: said[Label.LAST_EVENT] for one, said in labels.items() if Label.LAST_EVENT in said
    }
    tables = _tables({said.get(Label.MODEL, "") for said in labels.values()})
    events: dict[str, str] = {}
    for table in tables if names else ():
        with contextlib.suppress(OSError, ValueError, LookupError):
            events |= _events(state, table, list(names.values()))
    return {
        one: events.get(name, f"{name.partition('-')[0]}; its event cannot be read")
        for one, name in names.items()
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
                "parameterValue": {"arrayValues": [{"value": one} for one in ids]},
            }
        ],
    }
    host = addresses(state)["BIGQUERY_EMULATOR_HOST"]
    request = urllib.request.Request(
        f"{host}/bigquery/v2/projects/{state.project}/queries",
        json.dumps(query).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        rows = json.load(answer).get("rows", [])
    found = {}
    for row in rows:
        name, when, action, what, why = (cell["v"] for cell in row["f"])
        found[name] = f"{when} {action}: {what}" + (f' (because "{why}")' if why else "")
    return found


def _tables(models: set[str]) -> set[str]:
    """The events tables of these models, by their files where there are any."""
    from titleholder.config.loader import load_models
    from titleholder.config.model import ModelConfig
    from titleholder.gcp.environment import DAGS_FOLDER

    known = {one.model: one.events_table for one in load_models(DAGS_FOLDER / "models").configs}
    default = str(ModelConfig.model_fields["events_table"].default)
    return {known.get(model, default) for model in models}
