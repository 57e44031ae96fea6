"""Writes the predictions of a job, and the instances without one.

Source: BatchPredictionJob.OutputConfig in google/cloud/aiplatform/v1/batch_prediction_job.proto.
The names of the files are those that jobs of custom models write, such as
prediction.results-00000-of-00002; OutputConfig documents others.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from google.api_core.exceptions import GoogleAPIError
from google.cloud.aiplatform_v1 import types
from google.cloud.storage import Client

from sandbox.vertex.batch.instances import ERROR, PREDICTION, shown_value, text_value
from sandbox.vertex.batch.tables import Appender, BigQuery
from sandbox.vertex.http.errors import AlreadyExists, ApiError, FailedPrecondition, NotFound
from sandbox.vertex.prediction.clients import NO_RETRY

OutputInfo = types.BatchPredictionJob.OutputInfo
SHARD_BYTES: Final = 64_000_000
"""The size from which on a new file is begun."""
_CHUNK_BYTES: Final = 8 * 1024 * 1024  # by default the client reads 100 MB at a time


class Output(Protocol):
    """Where the results of a job go; `shown` is what a row repeats of its input, by column."""

    def result(self, shown: Mapping[str, Any], prediction: Any) -> None:
        """Write a prediction."""

    def error(self, shown: Mapping[str, Any], error: ApiError) -> None:
        """Write an instance without a prediction."""

    def finish(self) -> Any:
        """Publish everything; the OutputInfo."""

    def close(self) -> None:
        """Release what a job holds, also one that did not finish."""


class FileOutput:
    """A new directory in Cloud Storage, written when the job ends."""

    def __init__(
        self,
        client: Client,
        prefix: str,
        name: str,
        columns: Sequence[str] | None,
        folder: Path,
    ) -> None:
        """`columns` are those of CSV files, None for JSON Lines; `folder` is one on this machine.

        Raises NotFound without the bucket, AlreadyExists if the directory exists, and
        FailedPrecondition if Cloud Storage fails.
        """
        self._client = client
        self._directory = f"{prefix.rstrip('/')}/{name}"
        self._columns = columns
        bucket, _, path = self._directory.removeprefix("gs://").partition("/")
        self._bucket, self._path = client.bucket(bucket), path
        try:
            exists = self._bucket.exists(retry=NO_RETRY)
            used = exists and any(client.list_blobs(bucket, prefix=f"{path}/", retry=NO_RETRY))
        except (GoogleAPIError, OSError) as error:
            raise FailedPrecondition(f"{prefix} cannot be used: {error}.") from error
        if not exists:
            raise NotFound(f"The bucket gs://{bucket} of the output is not found; create it.")
        if used:
            raise AlreadyExists(f"{self._directory} already exists; create the job again.")
        self._results = _Shards(folder / "results", columns and (*columns, PREDICTION))
        self._errors = _Shards(folder / "errors", columns and (*columns, ERROR))

    def result(self, shown: Mapping[str, Any], prediction: Any) -> None:
        """Write a prediction."""
        self._results.write({**shown, PREDICTION: prediction})

    def error(self, shown: Mapping[str, Any], error: ApiError) -> None:
        """Write an instance without a prediction."""
        status = {"code": error.code, "message": error.message}
        self._errors.write({**shown, ERROR: status})

    def finish(self) -> Any:
        """Upload the files. Raises FailedPrecondition if Cloud Storage fails."""
        for kind, shards in (("results", self._results), ("errors_stats", self._errors)):
            files = shards.close()
            for number, file in enumerate(files):
                name = f"{self._path}/prediction.{kind}-{number:05}-of-{len(files):05}"
                try:
                    self._bucket.blob(name, chunk_size=_CHUNK_BYTES).upload_from_filename(
                        file, content_type="text/plain", retry=NO_RETRY
                    )
                except (GoogleAPIError, OSError) as error:
                    raise FailedPrecondition(f"{name} cannot be written: {error}.") from error
        return OutputInfo(gcs_output_directory=self._directory)

    def close(self) -> None:
        """Close the files."""
        self._results.close()
        self._errors.close()


class TableOutput:
    """Two new tables in BigQuery, written while the job runs."""

    def __init__(
        self, bigquery: BigQuery, results: str, errors: str, schema: Sequence[Any]
    ) -> None:
        """`results` and `errors` are DATASET.TABLE, `schema` has a SchemaField for each column.

        Raises AlreadyExists, NotFound without the dataset, FailedPrecondition if BigQuery fails.
        """
        from google.cloud.bigquery import SchemaField

        self._texts = {
            field.name
            for field in schema
            if field.field_type == "STRING" and field.mode != "REPEATED"
        }
        status = (SchemaField("code", "INTEGER"), SchemaField("message", "STRING"))
        self._name = f"bq://{bigquery.project}.{results}"
        self._results = Appender(bigquery, results, [*schema, SchemaField(PREDICTION, "STRING")])
        self._errors = Appender(
            bigquery, errors, [*schema, SchemaField("errors", "RECORD", fields=status)]
        )

    def result(self, shown: Mapping[str, Any], prediction: Any) -> None:
        """Write a prediction; raises FailedPrecondition if BigQuery fails."""
        self._append(self._results, shown, {PREDICTION: text_value(prediction)})

    def error(self, shown: Mapping[str, Any], error: ApiError) -> None:
        """Write an instance without a prediction; raises FailedPrecondition if BigQuery fails."""
        status = {"code": error.code, "message": error.message}
        self._append(self._errors, shown, {"errors": status})

    def finish(self) -> Any:
        """Write what is left; raises FailedPrecondition if BigQuery fails."""
        self._results.flush()
        self._errors.flush()
        dataset, _, table = self._name.rpartition(".")
        return OutputInfo(bigquery_output_dataset=dataset, bigquery_output_table=table)

    def close(self) -> None:
        """Do nothing: what was written stays."""

    def _append(self, table: Appender, shown: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        row = {
            name: text_value(value) if name in self._texts and _not_text(value) else value
            for name, value in shown.items()
        }
        table.append({**row, **more}, sum(len(str(value)) for value in (*row.values(), more)))


class _Shards:
    """Files with lines, of a bounded size; there is always one."""

    def __init__(self, stem: Path, header: Sequence[str] | None) -> None:
        self._stem, self._header = stem, header
        self._files: list[Path] = []
        self._begin()

    def write(self, fields: Mapping[str, Any]) -> None:
        if self._file.tell() >= SHARD_BYTES:
            self._file.close()
            self._begin()
        self._file.write(self._line(fields).encode())

    def close(self) -> list[Path]:
        self._file.close()
        return self._files

    def _begin(self) -> None:
        self._files.append(self._stem.with_name(f"{self._stem.name}-{len(self._files)}"))
        self._file = self._files[-1].open("wb")
        if self._header is not None:
            self._file.write(_csv_line(self._header).encode())

    def _line(self, fields: Mapping[str, Any]) -> str:
        if self._header is not None:
            return _csv_line([text_value(fields.get(name)) for name in self._header])
        return f"{json.dumps(shown_value(fields), ensure_ascii=False)}\n"


def stamp(time: datetime) -> str:
    """A time as in the names of directories: `2026-01-05T08:00:00.000Z`."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def table_name(text: str) -> str:
    """A text as a part of the name of a dataset or table, `_` for every special character."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def object_name(text: str) -> str:
    """A text as a part of the name of an object, `_` for every special character."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _not_text(value: Any) -> bool:
    return value is not None and not isinstance(value, str)
