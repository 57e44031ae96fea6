"""Clients of Vertex AI, and the options of their calls."""

import logging
import os
import re
from typing import Any, TypeVar

from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import error_message
from titleholder.gcp.lazy_package import lazy_package
from titleholder.gcp.loopback import VERTEX_AI, credentials_for, emulator

log = logging.getLogger(__name__)
C = TypeVar("C")
CALL_SECONDS = 60.0


def vertex_api() -> Any:
    """The package `google.cloud.aiplatform_v1`, without the modules of the thirty services that are
    not used: they are two thirds of the time of its import."""
    lazy_package("google.cloud.aiplatform_v1")
    lazy_package("google.cloud.aiplatform_v1.types")
    return lazy_package("google.cloud.aiplatform_v1")


def make_client(kind: type[C], environment: Environment) -> C:
    """A client of `aiplatform_v1` for the environment's region and credentials. Raises
    EnvironmentConfigError as `api_url` does."""
    url = api_url(environment)
    arguments: dict[str, Any] = {"credentials": credentials_for(VERTEX_AI, environment)}
    if emulator(VERTEX_AI):
        arguments |= {"transport": "rest", "client_options": {"api_endpoint": url}}
    else:
        arguments["client_options"] = {"api_endpoint": url.removeprefix("https://")}
    return kind(**arguments)


def api_url(environment: Environment) -> str:
    """The base URL of Vertex AI's API in the environment's region.

    VERTEX_AI_EMULATOR_HOST, a base URL on this machine, is called instead if set, without
    credentials; the clients of BigQuery and Cloud Storage read such a variable themselves.
    TITLEHOLDER_VERTEX_API_HOST replaces the public host of the API, for example with one of Private
    Service Connect. Raises EnvironmentConfigError for an invalid value of either.
    """
    if host := emulator(VERTEX_AI):
        return host
    name = os.environ.get("TITLEHOLDER_VERTEX_API_HOST")
    name = name or f"{environment.location}-aiplatform.googleapis.com"
    # No scheme and no path: it is a TLS host, and the credentials go there.
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?", name):
        raise EnvironmentConfigError(
            f"TITLEHOLDER_VERTEX_API_HOST is {name!r}; write a host alone, such as "
            "aiplatform-NAME.p.googleapis.com"
        )
    return f"https://{name}"


def read_options(timeout_seconds: float | None = None) -> dict[str, Any]:
    """Arguments of a call that only reads: transient errors are retried for `timeout_seconds`, by
    default a minute. The first is logged, as nothing else says what is waited for.

    The clients of Vertex AI have no retries and no time limits by default.
    """
    from google.api_core.retry import Retry, if_transient_error

    seconds = CALL_SECONDS if timeout_seconds is None else timeout_seconds
    logged = False

    def log_first(error: Exception) -> None:
        nonlocal logged
        if not logged:
            log.warning(
                "a call to Vertex AI failed, and is repeated for up to %g s: %s",
                seconds,
                error_message(error),
            )
        logged = True

    retry = Retry(
        predicate=if_transient_error, initial=0.5, maximum=10, timeout=seconds, on_error=log_first
    )
    return {"retry": retry, "timeout": seconds}


def write_options() -> dict[str, Any]:
    """Arguments of a call that changes something: sent once, as its answer may have been lost."""
    return {"timeout": CALL_SECONDS}


def parent(environment: Environment) -> str:
    """The resource name of project and region, the parent of all resources."""
    return f"projects/{environment.project}/locations/{environment.location}"
