"""Google's own clients of Vertex AI, made in one place."""

import os
from typing import Any, TypeVar

from titleholder.environment import Environment

C = TypeVar("C")


def client(kind: type[C], environment: Environment) -> C:
    """A client of `aiplatform_v1` for the environment's region and credentials.

    VERTEX_AI_EMULATOR_HOST, a base URL, leads it elsewhere, as BIGQUERY_EMULATOR_HOST and
    STORAGE_EMULATOR_HOST do for the clients that know of such a variable.
    """
    host = os.environ.get("VERTEX_AI_EMULATOR_HOST")
    arguments: dict[str, Any] = {"credentials": environment.credentials}
    if host:
        arguments |= {"transport": "rest", "client_options": {"api_endpoint": host}}
    else:
        arguments["client_options"] = {
            "api_endpoint": f"{environment.location}-aiplatform.googleapis.com"
        }
    return kind(**arguments)


def parent(environment: Environment) -> str:
    """The resource name under which everything is made."""
    return f"projects/{environment.project}/locations/{environment.location}"


def status(error: Exception) -> str:
    """Google's name for what went wrong, such as ABORTED.

    Over REST the exception class says only the HTTP code, which several statuses share; the body
    tells them apart.
    """
    response = getattr(error, "response", None)
    try:
        return str(response.json()["error"]["status"])  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError):
        code = getattr(error, "grpc_status_code", None)
        return str(code.name) if code is not None else ""


def sentence(error: Exception) -> str:
    """What Google said, on one line."""
    return " ".join(str(getattr(error, "message", "") or error).split())
