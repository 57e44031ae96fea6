"""The example's data: scikit-learn's Linnerud data set, resampled to 2,000 rows a week.

Each row repeats the measurement of one of the data set's 20 people with noise in inputs and
targets. The rows of a week depend on the week only, so they are the same on any machine and day.
"""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from sklearn.datasets import load_linnerud

from sandbox.state import State, addresses

FEATURES = ("weight_kg", "waist_cm", "pulse_bpm")
TARGETS = ("chins", "situps", "jumps")
ROWS_PER_WEEK = 2_000

_FIRST_WEEK = datetime(1970, 1, 5, 3, tzinfo=UTC)  # a Monday, 03:00 UTC
_WEEK = timedelta(weeks=1)
_STEP = _WEEK // ROWS_PER_WEEK
_METRIC = np.array([0.45359237, 2.54, 1.0])  # pounds, inches, beats per minute
_JITTER = np.array([0.36, 0.3, 0.45])  # kg, cm, bpm: far less than people differ
_EFFORT = 0.05  # relative standard deviation of a person's result
_SEASON = 13  # weeks
_SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("measured_at", pa.timestamp("us", tz="UTC")),
        *(pa.field(name, pa.float64()) for name in (*FEATURES, *TARGETS)),
    ]
)
_FIELDS = [
    bigquery.SchemaField("id", "INT64", mode="REQUIRED"),
    bigquery.SchemaField("measured_at", "TIMESTAMP"),
    *(bigquery.SchemaField(name, "FLOAT64") for name in (*FEATURES, *TARGETS)),
]


def weeks(now: datetime, count: int = 12, drift: float = 0.08) -> pa.Table:
    """The last `count` complete weeks before `now` and the current week up to `now`.

    Weeks run from Monday 03:00 UTC to Monday 03:00 UTC; each complete one has 2,000 rows
    spread evenly over it, the last within some five minutes of its end. Columns: id INT64 (unique),
    measured_at TIMESTAMP, weight_kg, waist_cm, pulse_bpm, chins, situps, jumps FLOAT64.
    The targets follow a sine of relative amplitude `drift` with a period of 13 weeks: mostly a
    model of last week is better this week than an older model; near the turning points it is not.
    Raises ValueError for a `now` without a time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now has no time zone: pass an aware datetime")
    current = (now - _FIRST_WEEK) // _WEEK
    table = pa.concat_tables([_week(n, drift) for n in range(current - count, current + 1)])
    return table.filter(pc.less_equal(table["measured_at"], pa.scalar(now)))


def last_end(now: datetime) -> datetime:
    """The Monday 03:00 UTC at which the last complete week before `now` ended."""
    return _FIRST_WEEK + (now - _FIRST_WEEK) // _WEEK * _WEEK


def load(client: bigquery.Client, now: datetime, table: str | None = None, count: int = 12) -> int:
    """Replace `table` (`project.dataset.table`) by `weeks(now, count)`, and return its row count.

    Creates dataset and table (partitioned by day on measured_at) if they are missing. Idempotent.
    The default table is `linnerud.measurements` in the client's project.
    """
    target = _reference(client, table)
    partitioned = bigquery.Table(target, _FIELDS)
    partitioned.time_partitioning = bigquery.TimePartitioning(field="measured_at")
    client.create_dataset(f"{target.project}.{target.dataset_id}", exists_ok=True)
    client.create_table(partitioned, exists_ok=True)
    return _write(client, target, weeks(now, count), bigquery.WriteDisposition.WRITE_TRUNCATE)


def append(
    client: bigquery.Client, since: datetime, now: datetime, table: str | None = None
) -> int:
    """Add the rows after `since` up to `now`, and return their number.

    The table must have been loaded up to `since`; it is then the same as if loaded at `now`.
    """
    rows = weeks(now, count=(now - since) // _WEEK + 1)
    rows = rows.filter(pc.greater(rows["measured_at"], pa.scalar(since)))
    target = _reference(client, table)
    return _write(client, target, rows, bigquery.WriteDisposition.WRITE_APPEND)


class Source:
    """The table `linnerud.measurements` in the sandbox, filled up to a time that only grows."""

    def __init__(self, state: State) -> None:
        self._client = bigquery.Client(
            project=state.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            location=state.location,
            client_options={"api_endpoint": addresses(state)["BIGQUERY_EMULATOR_HOST"]},
        )
        self.table = f"{state.project}.linnerud.measurements"
        self._filled: datetime | None = None

    def exists(self) -> bool:
        """Whether the table is there."""
        try:
            self._client.get_table(self.table)
        except NotFound:
            return False
        return True

    def fill(self, now: datetime) -> int:
        """Add the rows up to `now`, and return how many were added.

        The first call replaces the table by the rows of 12 weeks.
        """
        since, self._filled = self._filled, now
        if since is None:
            return load(self._client, now, self.table)
        return append(self._client, since, now, self.table) if now > since else 0


def _reference(client: bigquery.Client, table: str | None) -> bigquery.TableReference:
    name = table or f"{client.project}.linnerud.measurements"
    return bigquery.TableReference.from_string(name, default_project=client.project)


def _write(
    client: bigquery.Client, target: bigquery.TableReference, rows: pa.Table, disposition: str
) -> int:
    parquet = io.BytesIO()
    pq.write_table(rows, parquet)
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=disposition,
        schema=_FIELDS,
    )
    client.load_table_from_file(parquet, target, rewind=True, job_config=config).result()
    return int(rows.num_rows)


def _week(number: int, drift: float) -> pa.Table:
    """The rows of one complete week, `number` weeks after the first one of 1970."""
    rng = np.random.Generator(np.random.PCG64(number))
    linnerud = load_linnerud()  # its `target` has the bodies, its `data` the exercises
    person = rng.integers(len(linnerud.data), size=ROWS_PER_WEEK)
    jitter, effort = rng.standard_normal((2, ROWS_PER_WEEK, 3))
    index = np.arange(ROWS_PER_WEEK)
    form = 1 + drift * np.sin(2 * np.pi * (number + index / ROWS_PER_WEEK) / _SEASON)
    bodies = linnerud.target[person] * _METRIC + jitter * _JITTER
    results = linnerud.data[person] * form[:, None] * (1 + effort * _EFFORT)

    step = _STEP // timedelta(microseconds=1)
    begin = (number * _WEEK + (_FIRST_WEEK - datetime.fromtimestamp(0, UTC))) // timedelta(
        microseconds=1
    )
    measured_at = begin + index * step + rng.integers(step, size=ROWS_PER_WEEK)
    numbers = np.hstack([bodies, results]).round(1)
    columns = [number * ROWS_PER_WEEK + index, measured_at, *numbers.T]
    return pa.Table.from_arrays(
        [pa.array(c).cast(f.type) for c, f in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )
