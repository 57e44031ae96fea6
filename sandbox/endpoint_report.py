"""The state of the endpoints, printed for a person."""

import contextlib
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from sandbox.state import State, addresses
from sandbox.terminal import Part, Terminal
from titleholder.gcp.console import endpoint_path
from titleholder.labels import Label

_WIDE = 100


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


def print_endpoints(state: State, terminal: Terminal, name: str = "") -> list[dict[str, Any]]:
    """Print the endpoints, or only those with the display name `name`, and return them.

    Each with one line per deployed model (role, traffic percentage, version, training run, id) and
    its last change.
    """
    found = [one for one in endpoints(state) if name in ("", one["displayName"])]
    changes = _last_changes(state, found)
    for endpoint in found:
        terminal.print()
        terminal.print(("endpoint ", "bold"), (endpoint["displayName"], "bold"))
        if rows := _rows(endpoint, terminal.width >= _WIDE):
            terminal.table((), rows, indent=2)
        else:
            terminal.print("  no model is deployed")
        if change := changes.get(endpoint["name"]):
            terminal.item([("last change", "dim")], change, len("last change"))
        terminal.print("  ", ("page         ", "dim"), console_url(state, endpoint))
    return found


def console_url(state: State, endpoint: dict[str, Any] | None = None) -> str:
    """The local page of the endpoint; without one, the page with all of them."""
    page = f"{addresses(state)['VERTEX_AI_EMULATOR_HOST']}/console"
    return f"{page}/" if endpoint is None else f"{page}{endpoint_path(endpoint['name'])}"


def _rows(endpoint: dict[str, Any], wide: bool) -> list[list[Part]]:
    """Unless `wide`, the training run is below the version."""
    roles = {deployed_id: role for role, deployed_id in endpoint.get("labels", {}).items()}
    split = endpoint.get("trafficSplit", {})
    rows: list[list[Part]] = []
    deployed = endpoint.get("deployedModels", [])
    for model in sorted(deployed, key=lambda model: -split.get(model["id"], 0)):
        name = model["model"].rsplit("/", 1)[-1].partition("@")[0]
        role = roles.get(model["id"], "-")
        version, run = f"{name}@{model['modelVersionId']}", model["displayName"]
        rows.append(
            [
                (role, {"champion": "green", "challenger": "cyan"}.get(role, "dim")),
                f"{split.get(model['id'], 0):3} %",
                *([version, run] if wide else [f"{version}\n{run}"]),
                f"id {model['id']}",
            ]
        )
    return rows


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
