"""Scripted model servers: their behaviour, and their processes."""

from typing import Any

import httpx
import psutil

from tests.sandbox.conftest import Vertex

ROW = [86.6, 91.4, 50]


def behaviour(name: str, **env: str) -> dict[str, Any]:
    """The field `env` of a container whose scripted server behaves like that."""
    return {"env": [{"name": k, "value": v} for k, v in {"BEHAVIOUR": name, **env}.items()]}


def predict(vertex: Vertex, endpoint: str) -> httpx.Response:
    return vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [ROW]})


def servers(vertex: Vertex, endpoint: str) -> list[psutil.Process]:
    """The processes of the endpoint's scripted servers. Those of other workers, whose endpoints may
    have the same id, are no children of this process."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            arguments, variables = process.cmdline(), process.environ()
        except psutil.Error:
            continue
        mine = variables.get("AIP_ENDPOINT_ID") == endpoint.rpartition("/")[2]
        # The shell that guards the server has the same words in its arguments.
        if mine and "scripted_server" in arguments and not arguments[0].endswith("sh"):
            found.append(process)
    return found


def server_pids(vertex: Vertex, endpoint: str) -> list[int]:
    """The ids of these processes."""
    return [process.pid for process in servers(vertex, endpoint)]
