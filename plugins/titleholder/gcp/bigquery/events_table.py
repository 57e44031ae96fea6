"""The events table in BigQuery: append and read."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as JobTimeout
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from titleholder.config.types import WRITE_A_TABLE, is_table
from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.events.event import Event, history
from titleholder.events.rows import from_row
from titleholder.gcp.bigquery.client import bigquery_client
from titleholder.gcp.bigquery.events_schema import table_location
from titleholder.gcp.bigquery.events_sql import QueryParameter, Statements
from titleholder.gcp.bigquery.events_writer import write_once
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import ErrorKind, classify_error, error_message

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud import bigquery


@dataclass
class EventsTable:
    """`table` (`dataset.table` or `project.dataset.table`) with the credentials of `environment`.

    A query that would bill more than `max_bytes` is refused, and each call takes at most
    `timeout_seconds`. Every method raises EnvironmentConfigError for an error in the table or the
    permissions and RetryableError for a transient one; repeating is always safe.
    """

    environment: Environment
    table: str
    max_bytes: int = 10**9
    timeout_seconds: float = 60.0
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)
    # The location of the table, once it was found to be another than the environment's.
    _location: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not is_table(self.table):
            raise EnvironmentConfigError(
                f"the events table is named {self.table!r}; {WRITE_A_TABLE}"
            )

    def append(self, events: Iterable[Event]) -> None:
        """Write each event once, and create dataset and table if missing. An existing row stays as
        it is, but the full event of its id replaces a reconstructed one."""
        for event in history(events):
            with self._errors_explained(f"the event {event.id} ({event.action}) of {event.model}"):
                self._location = write_once(self._statements, event, self.pause)

    def read(
        self,
        model: str,
        until: datetime | None = None,
        since: datetime | None = None,
        endpoint: str | None = None,
    ) -> list[Event]:
        """The events of `model` from `since` to `until` (aware, inclusive), oldest first; empty
        when there is no table yet. `since` makes a long history cheaper to read.

        With `endpoint`, only those of the endpoint of that resource name and those without an
        endpoint: several environments may share a table.
        """
        parameters: dict[str, QueryParameter] = {"model": ("STRING", model)}
        condition = "model = @model"
        if endpoint:
            parameters["endpoint"] = ("STRING", endpoint)
            condition += " AND IFNULL(endpoint, '') IN ('', @endpoint)"
        if until:
            parameters["until"] = ("TIMESTAMP", until)
            condition += " AND time <= @until"
        if since:
            parameters["since"] = ("TIMESTAMP", since)
            condition += " AND time >= @since"
        with self._errors_explained(f"the events of {model}"):
            return history(from_row(dict(row)) for row in self._select(condition, parameters))

    def _select(
        self, condition: str, parameters: dict[str, QueryParameter]
    ) -> "list[bigquery.Row]":
        from google.api_core.exceptions import NotFound

        try:
            return list(self._statements.select("*", condition, **parameters))
        except NotFound:
            location = table_location(self._statements)
            if location is None:
                return []
            if location == self._statements.location:
                raise
            self._location = location
            return list(self._statements.select("*", condition, **parameters))

    @cached_property
    def _client(self) -> "bigquery.Client":
        return bigquery_client(self.environment)

    @property
    def _statements(self) -> Statements:
        return Statements(
            client=self._client,
            table=self.environment.qualified(self.table),
            location=self._location or self.environment.location,
            max_bytes=self.max_bytes,
            timeout_seconds=self.timeout_seconds,
        )

    @contextmanager
    def _errors_explained(self, what: str) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError

        try:
            yield
        except JobTimeout:
            raise RetryableError(
                f"{what}: BigQuery did not finish with {self.table} within "
                f"{self.timeout_seconds:g} s; try again, which writes nothing twice"
            ) from None
        except GoogleAPIError as error:
            raise self._explained(what, error) from None

    def _explained(
        self, what: str, error: "GoogleAPIError"
    ) -> EnvironmentConfigError | RetryableError:
        from google.api_core.exceptions import NotFound

        kind, why = classify_error(error), error_message(error)
        table = self.environment.qualified(self.table)
        if kind is ErrorKind.TOO_MANY_BYTES:
            return EnvironmentConfigError(
                f"{what}: a query of {table} would bill more than {self.max_bytes} bytes ({why}); "
                "move old rows elsewhere, or allow more bytes"
            )
        if kind is ErrorKind.DENIED:
            return EnvironmentConfigError(
                f"{what}: {table} may not be read or written ({why}); grant the account "
                "roles/bigquery.dataEditor on its dataset and roles/bigquery.jobUser on the "
                f"project {self.environment.project}"
            )
        # A new table may not be visible everywhere yet.
        if kind is ErrorKind.INVALID and not isinstance(error, NotFound):
            return EnvironmentConfigError(
                f"{what}: BigQuery refuses it for {table} ({why}); compare the table's columns "
                "with docs/reference/events.md"
            )
        return RetryableError(f"{what}: {table} cannot be read or written now ({why})")
