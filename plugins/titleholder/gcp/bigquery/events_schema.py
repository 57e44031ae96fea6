"""The events table itself: made when it is missing, given the columns that it lacks."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.events.rows import COLUMNS, Column
from titleholder.gcp.bigquery.client import ErrorKind, classify_error, error_text
from titleholder.gcp.bigquery.events_sql import Statements

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud import bigquery

# What BigQuery calls the same type, depending on whom one asks.
ALIASES = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "FLOAT64"}


def ensure_table(statements: Statements) -> str:
    """Make the dataset (in `statements.location`) and the table when missing, and add nullable
    columns that an older version did not know. Returns where the table really is.

    Raises EnvironmentConfigError when that may not be done or the table is another one,
    RetryableError when it cannot be done now.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud.bigquery import QueryJobConfig

    try:
        found = _get_or_create(statements)
        place = str(found.location or statements.location)
        for column in _missing_columns(found):
            # Not a patch of the schema: two who both find a column missing undo nothing.
            alter = (
                f"ALTER TABLE `{statements.table}` ADD COLUMN IF NOT EXISTS `{column.name}` "
                f'{column.type} OPTIONS (description="{column.description}")'
            )
            replace(statements, location=place).run(alter, QueryJobConfig())
    except GoogleAPIError as error:
        raise _setup_error(statements, error) from None
    return place


def table_location(statements: Statements) -> str | None:
    """Where the table is; None when there is none."""
    from google.api_core.exceptions import NotFound

    try:
        found = statements.client.get_table(statements.table, **statements.limits)
    except NotFound:
        return None
    return str(found.location or statements.location)


def _get_or_create(statements: Statements) -> "bigquery.Table":
    from google.api_core.exceptions import NotFound
    from google.cloud import bigquery

    client, limits = statements.client, statements.limits
    with suppress(NotFound):
        return client.get_table(statements.table, **limits)
    wanted = bigquery.Table(
        statements.table,
        schema=[
            bigquery.SchemaField(
                column.name,
                column.type,
                "REQUIRED" if column.required else "NULLABLE",
                description=column.description,
            )
            for column in COLUMNS
        ],
    )
    wanted.description = "What Titleholder changed on endpoints, and why; one row an event"
    wanted.time_partitioning = bigquery.TimePartitioning(field="time")
    wanted.clustering_fields = ["model"]
    wanted.labels = {"tool": "titleholder"}
    try:
        client.get_dataset(f"{wanted.project}.{wanted.dataset_id}", **limits)
    except NotFound:
        dataset = bigquery.Dataset(f"{wanted.project}.{wanted.dataset_id}")
        dataset.location = statements.location
        dataset.labels = {"tool": "titleholder"}
        client.create_dataset(dataset, exists_ok=True, **limits)
    return client.create_table(wanted, exists_ok=True, **limits)


def _missing_columns(found: "bigquery.Table") -> list[Column]:
    """Columns to add. EnvironmentConfigError for a table that cannot become an events table."""
    name = f"{found.project}.{found.dataset_id}.{found.table_id}"
    there = {field.name.lower(): field for field in found.schema}
    wrong = [] if found.table_type in ("TABLE", None) else [f"it is a {found.table_type}"]
    for column in COLUMNS:
        field = there.pop(column.name, None)
        if field is None:
            wrong += [f"it has no column {column.name}"] if column.required else []
        elif ALIASES.get(field.field_type, field.field_type) != column.type:
            wrong.append(f"its column {column.name} is {field.field_type}, not {column.type}")
        elif field.mode == "REPEATED":
            wrong.append(f"its column {column.name} is repeated")
    for field in there.values():
        if field.mode == "REQUIRED" and not field.default_value_expression:
            wrong.append(f"its column {field.name} must have a value, which no event has")
    if wrong:
        raise EnvironmentConfigError(
            f"{name} cannot hold events: {'; '.join(wrong)}; name another table, or drop this one "
            "if nobody needs it"
        )
    names = {field.name.lower() for field in found.schema}
    return [column for column in COLUMNS if column.name not in names]


def _setup_error(
    statements: Statements, error: "GoogleAPIError"
) -> EnvironmentConfigError | RetryableError:
    table, location, fault = statements.table, statements.location, classify_error(error)
    project, dataset, _ = table.rsplit(".", 2)
    if fault is ErrorKind.DENIED:
        return EnvironmentConfigError(
            f"the events table {table} may not be made ({error_text(error)}); make the dataset "
            f"{dataset} "
            f"in {location} and grant the account roles/bigquery.dataEditor on it, or grant it "
            f"roles/bigquery.user on the project {project}"
        )
    if fault is ErrorKind.INVALID:
        return EnvironmentConfigError(
            f"the events table {table} cannot be made in {location} ({error_text(error)}); name "
            "another "
            "dataset or table"
        )
    return RetryableError(f"the events table {table} cannot be made now ({error_text(error)})")
