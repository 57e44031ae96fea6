"""`python -m sandbox.commands.load DATASET.TABLE FILE`: loads a Parquet file into BigQuery.

What was in the table is replaced. `bq extract --destination_format PARQUET` makes such a file of a
real table.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from pyarrow import types

from sandbox.state import Home


def main(arguments: list[str] | None = None) -> int:
    """Load the file; 1 with one sentence on stderr when that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.commands.load", description=__doc__)
    parser.add_argument("table", metavar="DATASET.TABLE")
    parser.add_argument("file", type=Path, help="in Parquet")
    parser.add_argument("--var", type=Path, default=Path("var"))
    options = parser.parse_args(arguments)
    state = Home(options.var.resolve()).load()
    if "bigquery" not in state.processes:
        print("the sandbox is not up; run `python -m sandbox up` first", file=sys.stderr)
        return 1
    client = bigquery.Client(
        project=state.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": f"http://127.0.0.1:{state.ports['bigquery']}"},
    )
    try:
        rows = load(client, f"{state.project}.{options.table}", options.file)
    except (OSError, ValueError) as error:
        print(f"{options.file} was not loaded: {error}", file=sys.stderr)
        return 1
    print(f"{state.project}.{options.table}: {rows:,} rows")
    return 0


def load(client: bigquery.Client, table: str, file: Path) -> int:
    """Make `table` (`project.dataset.table`) anew with the file's rows; how many there are.

    Raises OSError for a file that cannot be read, ValueError for one that is no Parquet or has a
    column that a table here cannot have, and for a name that is no table's.
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


def _type(name: str, kind: Any) -> str:
    """The column's type in BigQuery, as a load job without a schema would choose it."""
    if types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz else "DATETIME"
    for fits, bigquerys in (
        (types.is_integer, "INT64"),
        (types.is_floating, "FLOAT64"),
        (types.is_boolean, "BOOL"),
        (types.is_date, "DATE"),
        (types.is_decimal, "NUMERIC"),
    ):
        if fits(kind):
            return bigquerys
    if types.is_string(kind) or types.is_large_string(kind) or kind == pa.string_view():
        return "STRING"
    raise ValueError(f"its column {name} is {kind}; leave it out, or make it a number or text")


if __name__ == "__main__":
    sys.exit(main())
