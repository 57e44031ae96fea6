"""Opens the input and the output of a job."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.cloud.storage import Client

from sandbox.vertex.batch.files import FileSource
from sandbox.vertex.batch.instances import KEY, Conversion
from sandbox.vertex.batch.outputs import (
    FileOutput,
    Output,
    TableOutput,
    object_name,
    stamp,
    table_name,
)
from sandbox.vertex.batch.tables import BigQuery, TableSource
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument
from sandbox.vertex.prediction.destination import split_uri
from sandbox.vertex.prediction.model_servers import Host

Source = FileSource | TableSource


@dataclass(frozen=True)
class Services:
    """What all jobs of a server share; `bigquery` is None if there is none."""

    host: Host
    storage: Client
    bigquery: BigQuery | None
    folder: Path
    """For files that a job needs while it runs."""

    def tables(self) -> BigQuery:
        """BigQuery; raises FailedPrecondition if there is none."""
        if self.bigquery is None:
            raise FailedPrecondition(
                "This Vertex AI has no BigQuery; start it with BIGQUERY_EMULATOR_HOST."
            )
        return self.bigquery


def open_source(services: Services, job: Any, folder: Path) -> Source:
    """The inputs of a BatchPredictionJob; `folder` is for files while they are read.

    Raises NotFound, InvalidArgument, FailedPrecondition.
    """
    config = job.input_config
    if config.instances_format == "bigquery":
        dataset, table = split_uri(config.bigquery_source.input_uri)
        return TableSource(services.tables(), f"{dataset}.{table}")
    uris = list(config.gcs_source.uris)
    return FileSource(services.storage, uris, config.instances_format, folder)


def conversion_of(job: Any, source: Source) -> Conversion:
    """From its inputs to its instances; raises InvalidArgument for columns that do not fit."""
    tabular = job.output_config.predictions_format != "jsonl"
    try:
        return Conversion(job.instance_config, source.columns, tabular=tabular)
    except ValueError as error:
        raise InvalidArgument(f"The input cannot be used: {error}.") from error


def open_output(
    services: Services,
    job: Any,
    display_name: str,
    conversion: Conversion,
    source: Source,
    folder: Path,
) -> Output:
    """The output of a job whose model has that display name; `folder` is for files until they are
    written. Raises NotFound, AlreadyExists, FailedPrecondition."""
    config, time = job.output_config, stamp(job.create_time)
    if config.predictions_format == "bigquery":
        fields = _fields(conversion, source.schema or (), job.instance_config.key_field)
        return _open_tables(services.tables(), config, display_name, table_name(time), fields)
    return FileOutput(
        services.storage,
        config.gcs_destination.output_uri_prefix,
        f"prediction-{object_name(display_name)}-{time}",
        conversion.columns if config.predictions_format == "csv" else None,
        folder,
    )


def _open_tables(
    bigquery: BigQuery, config: Any, display_name: str, time: str, fields: Sequence[Any]
) -> TableOutput:
    dataset, table = split_uri(config.bigquery_destination.output_uri)
    if not dataset:
        dataset = f"prediction_{table_name(display_name)}_{time}"
        bigquery.create_dataset(dataset)
    else:
        bigquery.require_dataset(dataset)
    results = f"{dataset}.{table or f'predictions_{time}'}"
    return TableOutput(bigquery, results, f"{dataset}.errors_{time}", fields)


def _fields(conversion: Conversion, schema: Sequence[Any], key: str) -> list[Any]:
    """A SchemaField for each column of the output: that of the input's table, or a text. None is
    required, as an input that cannot be read has no values."""
    from google.cloud.bigquery import SchemaField

    known = {KEY if key else one.name: one for one in schema if one.name == key or not key}
    found = []
    for name in conversion.columns:
        one = known.get(name) or SchemaField(name, "STRING")
        mode = "NULLABLE" if one.mode == "REQUIRED" else one.mode
        found.append(SchemaField.from_api_repr({**one.to_api_repr(), "name": name, "mode": mode}))
    return found
