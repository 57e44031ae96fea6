"""`python -m sandbox load DATASET.TABLE FILE`: load a Parquet file into BigQuery.

`bq extract --destination_format PARQUET` writes such a file from a table in Google Cloud.
"""

import argparse
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from pyarrow import types

from sandbox.state import LOOPBACK, Home


def load(home: Home, options: argparse.Namespace) -> int:
    """Replace the table by the file's rows. Raises OSError with the reason if it cannot."""
    state = home.load_running()
    client = bigquery.Client(
        project=state.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": f"http://{LOOPBACK}:{state.ports['bigquery']}"},
    )
    table = f"{state.project}.{options.table}"
    try:
        rows = load_parquet(client, table, options.file)
    except (OSError, ValueError) as error:
        raise OSError(f"{options.file} was not loaded: {error}") from error
    print(f"{table}: {rows:,} rows")
    return 0


def load_parquet(client: bigquery.Client, table: str, file: Path) -> int:
    """Replace `table` (`project.dataset.table`) by the file's rows, and return their number.

    Raises OSError for a file that cannot be read; ValueError for a file that is not Parquet, a
    column of a type that BigQuery does not have, and an invalid table name.
    """
    found = pq.ParquetFile(file)
    schema = [
        bigquery.SchemaField(column.name, _type(column.name, column.type))
        for column in found.schema_arrow
    ]
    target = bigquery.TableReference.from_string(table)
    client.create_dataset(f"{target.project}.{target.dataset_id}", exists_ok=True)
    client.delete_table(target, not_found_ok=True)
    client.create_table(bigquery.Table(target, schema))
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
        schema=schema,
    )
    with file.open("rb") as content:
        client.load_table_from_file(content, target, job_config=config).result()
    return int(found.metadata.num_rows)


def _type(name: str, arrow: Any) -> str:
    """The BigQuery type that a load job without a schema would choose for the column."""
    if types.is_timestamp(arrow):
        return "TIMESTAMP" if arrow.tz else "DATETIME"
    for is_type, bigquery_type in (
        (types.is_integer, "INT64"),
        (types.is_floating, "FLOAT64"),
        (types.is_boolean, "BOOL"),
        (types.is_date, "DATE"),
        (types.is_decimal, "NUMERIC"),
    ):
        if is_type(arrow):
            return bigquery_type
    if types.is_string(arrow) or types.is_large_string(arrow) or arrow == pa.string_view():
        return "STRING"
    raise ValueError(f"its column {name} is {arrow}; leave it out, or make it a number or text")
