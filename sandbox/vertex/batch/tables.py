"""Tables of the sandbox's BigQuery, as inputs and outputs of jobs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from google.api_core import exceptions

from sandbox.vertex.batch.instances import Input
from sandbox.vertex.http.errors import AlreadyExists, FailedPrecondition, NotFound
from sandbox.vertex.http.guards import require_loopback
from sandbox.vertex.prediction.clients import NO_RETRY, bigquery_client

_PAGE: Final = 1000
# BigQuery recommends 500 rows per request, and accepts 10 MB.
_MOST_ROWS: Final = 500
_MOST_BYTES: Final = 4_000_000
_SECONDS: Final = 60


class BigQuery:
    """Reads and writes tables at the base URL `host`; errors of the client become ApiErrors."""

    def __init__(self, host: str, project: str) -> None:
        """Raises ValueError unless `host` is http:// on a loopback address."""
        self.project = project
        self._host = require_loopback(
            "BIGQUERY_EMULATOR_HOST", host, "predictions stay on this machine"
        )

    @cached_property
    def client(self) -> Any:
        """Google's client."""
        return bigquery_client(self._host, self.project)

    def schema(self, table: str) -> Sequence[Any]:
        """The SchemaFields of DATASET.TABLE; raises NotFound, FailedPrecondition."""
        with self._translating(f"The table bq://{self._id(table)}"):
            found = self.client.get_table(self._id(table), retry=NO_RETRY, timeout=_SECONDS)
        return list(found.schema)

    def rows(self, table: str, schema: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
        """All rows, a page at a time; raises NotFound, FailedPrecondition."""
        with self._translating(f"The table bq://{self._id(table)}"):
            yield from map(
                dict,
                self.client.list_rows(
                    self._id(table),
                    selected_fields=schema,
                    page_size=_PAGE,
                    retry=NO_RETRY,
                    timeout=_SECONDS,
                ),
            )

    def create_dataset(self, dataset: str) -> None:
        """Create a dataset, unless it exists; raises FailedPrecondition."""
        with self._translating(f"The dataset bq://{self._id(dataset)}"):
            self.client.create_dataset(
                self._id(dataset), exists_ok=True, retry=NO_RETRY, timeout=_SECONDS
            )

    def require_dataset(self, dataset: str) -> None:
        """Raise NotFound unless the dataset exists."""
        with self._translating(f"The dataset bq://{self._id(dataset)}"):
            self.client.get_dataset(self._id(dataset), retry=NO_RETRY, timeout=_SECONDS)

    def create(self, table: str, schema: Sequence[Any]) -> None:
        """Create DATASET.TABLE; raises AlreadyExists, FailedPrecondition."""
        from google.cloud.bigquery import Table

        with self._translating(f"The table bq://{self._id(table)}"):
            self.client.create_table(
                Table(self._id(table), schema), retry=NO_RETRY, timeout=_SECONDS
            )

    def insert(
        self, table: str, schema: Sequence[Any], rows: Sequence[Mapping[str, Any]], first: int
    ) -> None:
        """Append rows, the first of which has that number in the table; raises
        FailedPrecondition."""
        with self._translating(f"The table bq://{self._id(table)}"):
            errors = self.client.insert_rows(
                self._id(table),
                rows,
                selected_fields=schema,
                row_ids=[str(first + number) for number in range(len(rows))],
                retry=NO_RETRY,
                timeout=_SECONDS,
            )
        if errors:
            raise FailedPrecondition(
                f"The table bq://{self._id(table)} refused {len(errors)} rows, the first for "
                f"{errors[0]}."
            )

    def close(self) -> None:
        """Close the connections."""
        if "client" in vars(self):
            self.client.close()

    def _id(self, name: str) -> str:
        return f"{self.project}.{name}"

    @contextmanager
    def _translating(self, what: str) -> Iterator[None]:
        """Raise errors of the client, and of its connection, as ApiErrors."""
        try:
            yield
        except exceptions.NotFound as error:
            raise NotFound(f"{what} is not found in BigQuery; create it.") from error
        except exceptions.Conflict as error:
            raise AlreadyExists(f"{what} exists, and the job creates it; name another.") from error
        except (exceptions.GoogleAPIError, OSError) as error:
            reason = str(getattr(error, "message", "") or error).rstrip(".")
            raise FailedPrecondition(f"{what} cannot be used: {reason}.") from error


class TableSource:
    """The rows of DATASET.TABLE as inputs; `schema` has its SchemaFields."""

    def __init__(self, bigquery: BigQuery, table: str) -> None:
        """Raises NotFound, FailedPrecondition if BigQuery fails."""
        self._bigquery = bigquery
        self._table = table
        self.schema: Sequence[Any] | None = bigquery.schema(table)
        self.columns: tuple[str, ...] | None = tuple(field.name for field in self.schema)
        self.problems: list[str] = []

    def rows(self) -> Iterator[Input]:
        """All rows, in the order of the table; raises FailedPrecondition if BigQuery fails."""
        for row in self._bigquery.rows(self._table, self.schema or ()):
            yield Input(row)


class Appender:
    """Appends rows to a table in requests of a bounded size."""

    def __init__(self, bigquery: BigQuery, table: str, schema: Sequence[Any]) -> None:
        """Creates the table; raises AlreadyExists, NotFound without the dataset."""
        bigquery.create(table, schema)
        self._bigquery, self._table, self._schema = bigquery, table, schema
        self._rows: list[Mapping[str, Any]] = []
        self._bytes = 0
        self._written = 0

    def append(self, row: Mapping[str, Any], size: int) -> None:
        """Append a row of about `size` bytes."""
        self._rows.append(row)
        self._bytes += size
        if len(self._rows) >= _MOST_ROWS or self._bytes >= _MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        if self._rows:
            self._bigquery.insert(self._table, self._schema, self._rows, self._written)
        self._written += len(self._rows)
        self._rows, self._bytes = [], 0
