"""Errors of Google's clients: their kinds and their messages."""

import re
from enum import Enum, auto
from urllib.parse import urlsplit

from titleholder.errors import TitleholderError


class ErrorKind(Enum):
    """The kinds of errors that need different remedies."""

    TOO_MANY_BYTES = auto()  # a query would bill more than its limit
    DENIED = auto()
    INVALID = auto()  # a query, or a table or column that it names
    TRANSIENT = auto()  # no answer, an overload or an error of Google's: a later try may succeed
    OTHER = auto()


def classify_error(error: Exception) -> ErrorKind:
    """The kind of an error of Google's clients, by BigQuery's reason where it has one
    (https://cloud.google.com/bigquery/docs/error-messages)."""
    from google.api_core.exceptions import RetryError, ServerError, TooManyRequests
    from google.auth.exceptions import TransportError
    from requests.exceptions import RequestException

    details = [one for one in getattr(error, "errors", None) or () if isinstance(one, dict)]
    reasons = {one.get("reason") for one in details}
    if "bytesBilledLimitExceeded" in reasons:
        return ErrorKind.TOO_MANY_BYTES
    limits = {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"}
    forbidden = getattr(error, "code", None) == 403 and not reasons & limits
    if forbidden or "accessDenied" in reasons:
        return ErrorKind.DENIED
    # Two statements changed the same rows at once; the second may succeed after the first.
    conflict = "Could not serialize access" in str(error)
    if reasons & {"invalidQuery", "invalid", "notFound"} and not conflict:
        return ErrorKind.INVALID
    if isinstance(
        error, RetryError | ServerError | TooManyRequests | TransportError | RequestException
    ):
        return ErrorKind.TRANSIENT
    return ErrorKind.OTHER


def is_transient(error: Exception) -> bool:
    """Whether a later try may succeed: no answer, an overload, an error of Google's."""
    return classify_error(error) is ErrorKind.TRANSIENT


def error_status(error: Exception) -> str:
    """Google's name of the error, such as ABORTED; "" where there is none.

    Over REST the exception's class gives the HTTP code alone, which several statuses share; the
    body has the status.
    """
    response = getattr(error, "response", None)
    try:
        return str(response.json()["error"]["status"])  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError):
        code = getattr(error, "grpc_status_code", None)
        return str(code.name) if code is not None else ""


def error_message(error: Exception) -> str:
    """Google's message on one line; without an answer, the host and the cause.

    The client's own message for a lost connection quotes every exception on the way.
    """
    from requests.exceptions import RequestException, Timeout

    last = getattr(error, "cause", None) or error  # of many tries
    if not isinstance(last, RequestException) or last.response is not None:
        text = " ".join(str(getattr(last, "message", "") or last).split())
        # The client's message begins with the request; its parameters say nothing to a reader.
        return re.sub(r"^([A-Z]+ [^ ?]+)\?[^ ]*: ", r"\1: ", text) or type(last).__name__
    url = getattr(last.request, "url", None)
    host = urlsplit(url).netloc if isinstance(url, str) else "Google"
    if isinstance(last, Timeout):
        return f"{host} did not answer in time"
    return f"{host} cannot be reached ({_root_cause(last)})"


def user_message(error: Exception) -> str | None:
    """One sentence for an error of this package or of Google's clients; None for any other, which
    is a bug."""
    if isinstance(error, TitleholderError | OSError):
        return str(error)
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    if isinstance(error, GoogleAPIError | GoogleAuthError | RequestException):
        message = error_message(error).removesuffix(".")
        return f"the call to Google failed: {message}; {_remedy(error)}"
    return None


def _remedy(error: Exception) -> str:
    from google.auth.exceptions import GoogleAuthError

    kind = classify_error(error)
    if kind is ErrorKind.TRANSIENT:
        return "check the network, or for the sandbox `make status`, and repeat this later"
    if isinstance(error, GoogleAuthError):
        return (
            "run `gcloud auth application-default login`, correct the Airflow connection, or, for "
            "the sandbox, source var/sandbox.env"
        )
    if kind is ErrorKind.DENIED:
        return "docs/how-to/composer.md lists the permissions"
    return "correct that, and repeat this"


def _root_cause(error: BaseException) -> str:
    """The innermost cause, as the operating system describes it, else by its class."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return getattr(error, "strerror", None) or type(error).__name__
