"""The client of BigQuery, and errors of queries that only read."""

from typing import TYPE_CHECKING

from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import ErrorKind, classify_error, error_message
from titleholder.gcp.loopback import BIGQUERY, credentials_for

if TYPE_CHECKING:
    from google.cloud import bigquery


class Unreadable(Exception):
    """A table could not be read; `final` when another try would fail the same way."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


def bigquery_client(environment: Environment) -> "bigquery.Client":
    """A client with the project and credentials of `environment`; for an emulator on this machine,
    which the client finds by itself, without them. Raises EnvironmentConfigError for an emulator
    elsewhere."""
    from google.cloud import bigquery

    credentials = credentials_for(BIGQUERY, environment)
    return bigquery.Client(project=environment.project, credentials=credentials)


def read_error(
    table: str, error: Exception, limit: str, column: str, invalid: tuple[str, str] | None = None
) -> Unreadable:
    """The error of a query of `table` by its time `column`. `limit` is the YAML key of the bytes
    that it may bill; `invalid` has the message and the remedy for an invalid query."""
    kind, why = classify_error(error), error_message(error)
    if kind is ErrorKind.TOO_MANY_BYTES:
        message = (
            f"reading {table} would bill more than {limit} ({why}); partition the table by "
            f"{column}, or raise {limit}"
        )
    elif kind is ErrorKind.DENIED:
        message = (
            f"{table} may not be read ({why}); grant the Airflow connection's account "
            "roles/bigquery.dataViewer on it and roles/bigquery.jobUser on its project"
        )
    elif kind is ErrorKind.INVALID and invalid is not None:
        message = f"{invalid[0]} ({why}); {invalid[1]}"
    else:
        return Unreadable(f"{table} cannot be read now ({why})", final=False)
    return Unreadable(message, final=True)
