"""Google's own clients of Vertex AI, made in one place."""

import os
import re
from typing import Any, TypeVar
from urllib.parse import urlsplit

from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.environment import Environment
from titleholder.gcp.loopback import VERTEX_AI, credentials_for, emulator

C = TypeVar("C")
CALL_SECONDS = 60.0


def make_client(kind: type[C], environment: Environment) -> C:
    """A client of `aiplatform_v1` for the environment's region and credentials.

    VERTEX_AI_EMULATOR_HOST, a base URL on this machine, leads it there, without credentials. The
    clients of BigQuery and Cloud Storage know of such a variable themselves.
    TITLEHOLDER_VERTEX_API_HOST is a host of Google's API that has another name than the public
    one, as behind Private Service Connect. Raises EnvironmentConfigError for what is no such host.
    """
    host = emulator(VERTEX_AI)
    arguments: dict[str, Any] = {"credentials": credentials_for(VERTEX_AI, environment)}
    if host:
        arguments |= {"transport": "rest", "client_options": {"api_endpoint": host}}
    else:
        name = os.environ.get("TITLEHOLDER_VERTEX_API_HOST")
        name = name or f"{environment.location}-aiplatform.googleapis.com"
        # No scheme and no path: it is a TLS host, and the credentials go there.
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?", name):
            raise EnvironmentConfigError(
                f"TITLEHOLDER_VERTEX_API_HOST is {name!r}; write a host alone, such as "
                "aiplatform-NAME.p.googleapis.com"
            )
        arguments["client_options"] = {"api_endpoint": name}
    return kind(**arguments)


def read_options(patience: float | None = None) -> dict[str, Any]:
    """Arguments for a call that only reads: tried again while Google cannot answer, for `patience`
    seconds, by default a minute.

    The clients of Vertex AI come without retries and without time limits of their own.
    """
    from google.api_core.retry import Retry, if_transient_error

    seconds = CALL_SECONDS if patience is None else patience
    retry = Retry(predicate=if_transient_error, initial=0.5, maximum=10, timeout=seconds)
    return {"retry": retry, "timeout": seconds}


def write_options() -> dict[str, Any]:
    """Arguments for a call that changes something: sent once, as its answer may have been lost."""
    return {"timeout": CALL_SECONDS}


def is_transient(error: Exception) -> bool:
    """Whether asking again later may help: no answer, an overload, a fault of Google's."""
    from google.api_core.exceptions import RetryError, ServerError, TooManyRequests
    from google.auth.exceptions import TransportError
    from requests.exceptions import RequestException

    return isinstance(
        error, RetryError | ServerError | TooManyRequests | TransportError | RequestException
    )


def parent(environment: Environment) -> str:
    """The resource name under which everything is made."""
    return f"projects/{environment.project}/locations/{environment.location}"


def error_status(error: Exception) -> str:
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


def error_message(error: Exception) -> str:
    """What Google said, on one line; where it said nothing, who did not answer and why.

    A client's own words for that quote every exception on the way.
    """
    from requests.exceptions import RequestException, Timeout

    lost = getattr(error, "cause", None) or error  # the last of many tries
    if not isinstance(lost, RequestException) or lost.response is not None:
        return " ".join(str(getattr(error, "message", "") or error).split())
    url = getattr(lost.request, "url", None)
    whom = urlsplit(url).netloc if isinstance(url, str) else "Google"
    if isinstance(lost, Timeout):
        return f"{whom} did not answer in time"
    return f"{whom} cannot be reached ({_root(lost)})"


def _root(error: BaseException) -> str:
    """The innermost cause, in the operating system's words where it has some."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or type(error).__name__
