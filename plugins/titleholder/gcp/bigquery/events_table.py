"""The events table in BigQuery: append, read, and say which events are missing."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from titleholder.config.table_name import WRITE_A_TABLE, is_table
from titleholder.errors import SettingError, TryAgain
from titleholder.events.event import Event, history
from titleholder.events.rows import from_row
from titleholder.gcp.bigquery.client import Fault, client_of, fault_of, said
from titleholder.gcp.bigquery.events_schema import place_of
from titleholder.gcp.bigquery.events_sql import Parameter, Statements
from titleholder.gcp.bigquery.events_writer import write_once
from titleholder.gcp.environment import Environment

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud import bigquery


@dataclass
class EventTable:
    """`table` (`dataset.table` or `project.dataset.table`) with the credentials of `environment`.

    A query that would bill more than `max_bytes` is refused, and no call is waited for longer than
    `patience` seconds. Every method raises SettingError for what a person must mend and TryAgain
    for what may pass; repeating is always safe.
    """

    environment: Environment
    table: str
    max_bytes: int = 10**9
    patience: float = 60.0
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)
    # Where the table is, once it was found to be elsewhere than the environment.
    _place: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not is_table(self.table):
            raise SettingError(f"the events table is named {self.table!r}; {WRITE_A_TABLE}")

    def append(self, events: Iterable[Event]) -> None:
        """Write each event once, and make dataset and table when missing. A row that is there
        stays as it is, but a reconstructed one gives way to the full event of its id."""
        for event in history(events):
            with self._told(f"the event {event.id} ({event.action}) of {event.model}"):
                self._place = write_once(self._statements, event, self.pause)

    def read(
        self,
        model: str,
        until: datetime | None = None,
        since: datetime | None = None,
        endpoint: str | None = None,
    ) -> list[Event]:
        """The events of `model` from `since` to `until` (aware, both included), oldest first, each
        once; none when there is no table yet. `since` makes a long history cheaper to read.

        With `endpoint`, those of the endpoint of that resource name, and those that were written
        while there was none: several environments may share a table.
        """
        parameters: dict[str, Parameter] = {"model": ("STRING", model)}
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
        with self._told(f"the events of {model}"):
            return history(from_row(dict(row)) for row in self._select("*", condition, parameters))

    def missing(self, ids: Iterable[str], since: datetime | None = None) -> set[str]:
        """Those of `ids` that no row (since that time, which reads less) has."""
        wanted = set(ids)
        parameters: dict[str, Parameter] = {"ids": ("STRING", sorted(wanted))}
        condition = "id IN UNNEST(@ids)"
        if since:
            parameters["since"] = ("TIMESTAMP", since)
            condition += " AND time >= @since"
        with self._told("the events"):
            return wanted - {row["id"] for row in self._select("id", condition, parameters)}

    def _select(
        self, columns: str, condition: str, parameters: dict[str, Parameter]
    ) -> "list[bigquery.Row]":
        from google.api_core.exceptions import NotFound

        try:
            return list(self._statements.select(columns, condition, **parameters))
        except NotFound:
            place = place_of(self._statements)
            if place is None:
                return []
            if place == self._statements.location:
                raise
            self._place = place
            return list(self._statements.select(columns, condition, **parameters))

    @cached_property
    def _client(self) -> "bigquery.Client":
        return client_of(self.environment)

    @property
    def _statements(self) -> Statements:
        return Statements(
            client=self._client,
            table=self.environment.qualified(self.table),
            location=self._place or self.environment.location,
            max_bytes=self.max_bytes,
            patience=self.patience,
        )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError

        try:
            yield
        except Late:
            raise TryAgain(
                f"{what}: BigQuery did not finish with {self.table} within {self.patience:g} s; "
                "try again, which doubles nothing"
            ) from None
        except GoogleAPIError as error:
            raise self._refused(what, error) from None

    def _refused(self, what: str, error: "GoogleAPIError") -> SettingError | TryAgain:
        from google.api_core.exceptions import NotFound

        fault, why = fault_of(error), said(error)
        table = self.environment.qualified(self.table)
        if fault is Fault.TOO_MANY_BYTES:
            return SettingError(
                f"{what}: a query of {table} would bill more than {self.max_bytes} bytes ({why}); "
                "move old rows elsewhere, or allow more bytes"
            )
        if fault is Fault.DENIED:
            return SettingError(
                f"{what}: {table} may not be read or written ({why}); grant the account "
                "roles/bigquery.dataEditor on its dataset and roles/bigquery.jobUser on the "
                f"project {self.environment.project}"
            )
        # A table that was made a moment ago may not be known everywhere yet.
        if fault is Fault.INVALID and not isinstance(error, NotFound):
            return SettingError(
                f"{what}: BigQuery refuses it for {table} ({why}); compare the table's columns "
                "with docs/events.md"
            )
        return TryAgain(f"{what}: {table} cannot be read or written now ({why})")
