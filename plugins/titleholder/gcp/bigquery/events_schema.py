"""Creates the events table, and adds columns that it lacks."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.events.rows import COLUMNS, Column
from titleholder.gcp.bigquery.events_sql import Statements
from titleholder.gcp.errors import ErrorKind, classify_error, error_message

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud import bigquery

# BigQuery has two names for these types.
ALIASES = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "FLOAT64"}


def ensure_table(statements: Statements) -> str:
    """Create the dataset (in `statements.location`) and the table if missing, and add nullable
    columns that an older version lacks. Returns the location of the table.

    Raises EnvironmentConfigError without the permission, and for a table with another schema;
    RetryableError when it cannot be done now.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.cloud.bigquery import QueryJobConfig

    try:
        table = _get_or_create(statements)
        location = str(table.location or statements.location)
        for column in _missing_columns(table):
            # A patch of the schema could undo that of a concurrent caller.
            alter = (
                f"ALTER TABLE `{statements.table}` ADD COLUMN IF NOT EXISTS `{column.name}` "
                f'{column.type} OPTIONS (description="{column.description}")'
            )
            replace(statements, location=location).run(alter, QueryJobConfig())
    except GoogleAPIError as error:
        raise _setup_error(statements, error) from None
    return location


def table_location(statements: Statements) -> str | None:
    """The location of the table; None when there is none."""
    from google.api_core.exceptions import NotFound

    try:
        table = statements.client.get_table(statements.table, **statements.call_options)
    except NotFound:
        return None
    return str(table.location or statements.location)


def _get_or_create(statements: Statements) -> "bigquery.Table":
    from google.api_core.exceptions import NotFound
    from google.cloud import bigquery

    client, options = statements.client, statements.call_options
    with suppress(NotFound):
        return client.get_table(statements.table, **options)
    table = bigquery.Table(
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
    table.description = "Changes of endpoints by Titleholder, with reasons; one row per event"
    table.time_partitioning = bigquery.TimePartitioning(field="time")
    table.clustering_fields = ["model"]
    table.labels = {"tool": "titleholder"}
    try:
        client.get_dataset(f"{table.project}.{table.dataset_id}", **options)
    except NotFound:
        dataset = bigquery.Dataset(f"{table.project}.{table.dataset_id}")
        dataset.location = statements.location
        dataset.labels = {"tool": "titleholder"}
        client.create_dataset(dataset, exists_ok=True, **options)
    return client.create_table(table, exists_ok=True, **options)


def _missing_columns(table: "bigquery.Table") -> list[Column]:
    """Columns to add. Raises EnvironmentConfigError for a table that cannot hold events."""
    name = f"{table.project}.{table.dataset_id}.{table.table_id}"
    fields = {field.name.lower(): field for field in table.schema}
    problems = [] if table.table_type in ("TABLE", None) else [f"it is a {table.table_type}"]
    missing = []
    for column in COLUMNS:
        field = fields.pop(column.name, None)
        if field is None:
            missing.append(column)
            problems += [f"it has no column {column.name}"] if column.required else []
        elif ALIASES.get(field.field_type, field.field_type) != column.type:
            problems.append(f"its column {column.name} is {field.field_type}, not {column.type}")
        elif field.mode == "REPEATED":
            problems.append(f"its column {column.name} is repeated")
    for field in fields.values():
        if field.mode == "REQUIRED" and not field.default_value_expression:
            problems.append(f"its column {field.name} is required, and no event has it")
    if problems:
        raise EnvironmentConfigError(
            f"{name} cannot hold events: {'; '.join(problems)}; name another table, or drop this "
            "one if it is not needed"
        )
    return missing


def _setup_error(
    statements: Statements, error: "GoogleAPIError"
) -> EnvironmentConfigError | RetryableError:
    table, location = statements.table, statements.location
    kind, why = classify_error(error), error_message(error)
    project, dataset, _ = table.rsplit(".", 2)
    if kind is ErrorKind.DENIED:
        return EnvironmentConfigError(
            f"the events table {table} may not be created ({why}); create the dataset {dataset} in "
            f"{location} and grant the account roles/bigquery.dataEditor on it, or grant it "
            f"roles/bigquery.user on the project {project}"
        )
    if kind is ErrorKind.INVALID:
        return EnvironmentConfigError(
            f"the events table {table} cannot be created in {location} ({why}); name another "
            "dataset or table"
        )
    return RetryableError(f"the events table {table} cannot be created now ({why})")
