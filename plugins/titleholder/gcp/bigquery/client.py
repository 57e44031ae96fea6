"""What all who ask BigQuery share: the client, and what its refusals mean."""

from enum import Enum, auto
from typing import TYPE_CHECKING

from titleholder.gcp.environment import Environment
from titleholder.gcp.loopback import BIGQUERY, credentials_for

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud import bigquery


class ErrorKind(Enum):
    """The kinds of refusal that a person deals with differently."""

    TOO_MANY_BYTES = auto()
    DENIED = auto()
    INVALID = auto()
    TRANSIENT = auto()


def bigquery_client(environment: Environment) -> "bigquery.Client":
    """A client with the project and credentials of `environment`; for an emulator on this machine,
    which the client finds by itself, without them. Raises EnvironmentConfigError for one
    elsewhere."""
    from google.cloud import bigquery

    credentials = credentials_for(BIGQUERY, environment)
    return bigquery.Client(project=environment.project, credentials=credentials)


def classify_error(error: "GoogleAPIError") -> ErrorKind:
    """The kind of `error`, by BigQuery's reason
    (https://cloud.google.com/bigquery/docs/error-messages); PASSING is worth another try."""
    from google.api_core.exceptions import GoogleAPICallError

    if not isinstance(error, GoogleAPICallError):
        return ErrorKind.TRANSIENT
    reasons = {details.get("reason") for details in error.errors if isinstance(details, dict)}
    if "bytesBilledLimitExceeded" in reasons:
        return ErrorKind.TOO_MANY_BYTES
    limits = {"quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"}
    if "accessDenied" in reasons or (error.code == 403 and not reasons & limits):
        return ErrorKind.DENIED
    # Two statements that changed the same rows at once; the second may pass after the first.
    if "Could not serialize access" in str(error):
        return ErrorKind.TRANSIENT
    return (
        ErrorKind.INVALID
        if reasons & {"invalidQuery", "invalid", "notFound"}
        else ErrorKind.TRANSIENT
    )


def error_text(error: "GoogleAPIError") -> str:
    """The first line of what BigQuery said, or that it did not answer."""
    from google.api_core.exceptions import RetryError

    from titleholder.gcp.vertex.clients import error_message

    if isinstance(error, RetryError):
        return error_message(error)
    return str(error).strip().split("\n", 1)[0]
