"""The source table of a pipeline, read with the BigQuery Storage Read API.

The functions are bundled with the steps that use them (see component.py): each imports inside, and
annotations other than those of typing are quoted.
"""

from datetime import datetime
from typing import Any


def storage_client() -> Any:
    """A BigQuery Storage client; one of BIGQUERY_STORAGE_EMULATOR_HOST if that is set.

    The variable is `host:port` on this machine, with or without `http://`; Google's client has none
    of its own. Raises ValueError for an address that is not a loopback address, so that no other
    server can take Google's place.
    """
    import os

    from google.cloud.bigquery_storage import BigQueryReadClient

    url = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST", "")
    if not url:
        return BigQueryReadClient()  # type: ignore[no-untyped-call]
    import ipaddress
    import re

    # No other parts of a URL: two libraries could read them differently.
    pattern = r"(?:http://)?((localhost|[0-9.]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?)/?"
    match = re.fullmatch(pattern, url)
    try:
        address = match[2].strip("[]") if match else ""
        is_local = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_local = False
    if match is None or not is_local:
        raise ValueError(
            f"BIGQUERY_STORAGE_EMULATOR_HOST is {url!r}, which is not an address on this machine: "
            "write http://127.0.0.1:PORT, or unset it to use Google Cloud."
        )
    import grpc
    from google.cloud.bigquery_storage_v1.services.big_query_read import transports

    unlimited = [("grpc.max_receive_message_length", -1)]
    channel = grpc.insecure_channel(match[1], options=unlimited)
    transport = transports.BigQueryReadGrpcTransport(channel=channel)  # without credentials
    return BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]


def table_path(table: str) -> str:
    """`projects/P/datasets/D/tables/T` of `P.D.T`, which may have the prefix `bq://`.

    Raises ValueError for a name that BigQuery does not allow.
    """
    import re

    match = re.fullmatch(r"(?:bq://)?((?:[a-z0-9.-]+:)?[\w-]+)\.(\w+)\.([\w -]+)", table)
    if not match:
        raise ValueError(
            f"source_table is {table!r}: name it project.dataset.table, with or without bq://."
        )
    return "projects/{}/datasets/{}/tables/{}".format(*match.groups())


def check_column_names(names: list[str]) -> None:
    """Raise ValueError for a name that BigQuery does not allow: it would become part of a query."""
    import re

    for name in names:
        if not re.fullmatch(r"[^\W\d]\w{0,299}", name):
            raise ValueError(
                f"The column name {name!r} is not valid in BigQuery: correct it in the model's "
                "YAML."
            )


def parse_time(name: str, text: str) -> "datetime":
    """The RFC 3339 time `text`, in UTC. Raises ValueError, with the parameter's `name`."""
    from datetime import UTC, datetime

    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise ValueError(
            f"{name} is {text!r}: give a time with its zone, such as 2026-01-05T03:00:00Z."
        )
    return time.astimezone(UTC)


def window_filter(column: str, start: str, end: str) -> str:
    """The row restriction start <= column < end; both ends are RFC 3339 times."""
    check_column_names([column])
    low, high = parse_time("interval_start", start), parse_time("interval_end", end)
    if low >= high:
        raise ValueError(f"interval_end {end} is not after interval_start {start}: swap them.")
    return f"`{column}` >= TIMESTAMP '{low}' AND `{column}` < TIMESTAMP '{high}'"


def open_session(
    client: Any, project: str, table: str, streams: int = 1, **options: Any
) -> tuple[Any, Any]:
    """A read session of at most that many streams, and the Arrow schema of its rows.

    `options` are those of TableReadOptions; without any the schema is that of the whole table, and
    opening the session costs nothing. Raises ValueError when the table does not exist.
    """
    from google.api_core.exceptions import NotFound
    from google.cloud.bigquery_storage import DataFormat, ReadSession
    from pyarrow import ipc, py_buffer

    try:
        session = client.create_read_session(
            parent=f"projects/{project}",
            read_session=ReadSession(
                table=table_path(table), data_format=DataFormat.ARROW, read_options=options
            ),
            max_stream_count=streams,
        )
    except NotFound:
        raise ValueError(
            f"Table {table} does not exist: create it, or correct the table in the model's YAML."
        ) from None
    return session, ipc.read_schema(py_buffer(session.arrow_schema.serialized_schema))


def read_batches(client: Any, stream: Any, schema: Any, columns: list[str]) -> Any:
    """Iterates over the stream's Arrow record batches, with these columns in this order."""
    from pyarrow import ipc, py_buffer

    for message in client.read_rows(stream.name):
        raw = py_buffer(message.arrow_record_batch.serialized_record_batch)
        yield ipc.read_record_batch(raw, schema).select(columns)


def check_columns(
    schema: Any,
    table: str,
    timestamp: str,
    features: list[str],
    targets: list[str],
    key: str | None = None,
    class_labels: bool = False,
) -> None:
    """Raise ValueError unless the table has these columns, each with a type that can be used.

    `schema` is its Arrow schema. Features and targets are numbers; with `class_labels` a target may
    also be a string or a boolean.
    """
    from pyarrow import types

    def is_number(kind: Any) -> bool:
        return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))

    def is_label(kind: Any) -> bool:
        return bool(types.is_string(kind) or types.is_boolean(kind) or is_number(kind))

    if not features or not targets:
        raise ValueError("feature_columns or target_columns is empty: name at least one in each.")
    for name in (timestamp, *([key] if key else []), *features, *targets):
        if name not in schema.names:
            raise ValueError(
                f"Table {table} has no column {name}: correct the name in the model's YAML or "
                "add the column."
            )
    distinct = (key or timestamp, *features, *targets)
    if len(set(distinct)) < len(distinct):
        raise ValueError(
            f"A column is named twice in {', '.join(distinct)}: each may be the "
            f"{'key' if key else 'timestamp'}, a feature or a target, once."
        )
    kind = schema.field(timestamp).type
    if not types.is_timestamp(kind) or kind.tz is None:
        raise ValueError(
            f"Column {timestamp} of {table} is {kind}, not a TIMESTAMP: name one that is as "
            "timestamp_column."
        )
    for name in (*features, *targets):
        kind, may_be_label = schema.field(name).type, class_labels and name in targets
        if not (is_label if may_be_label else is_number)(kind):
            allowed = "a number, string or boolean" if may_be_label else "a number"
            raise ValueError(
                f"Column {name} of {table} is {kind}, not {allowed}: convert it in the table or "
                "name another."
            )
