"""Rules of CreateBatchPredictionJob requests. No I/O.

Source: google/cloud/aiplatform/v1/batch_prediction_job.proto, machine_resources.proto, io.proto,
and the storage formats in model.proto.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.batch.instances import RESERVED
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument, Unimplemented
from sandbox.vertex.http.field_checks import (
    check_display_name,
    check_folder,
    check_labels,
    check_machine,
)
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.models.container_checks import check_container
from sandbox.vertex.models.formats import INPUT_FORMATS, OUTPUT_FORMATS
from sandbox.vertex.prediction.destination import parse_uri

DEFAULT_BATCH: Final = 64
_DEFAULT_REPLICAS: Final = 10
_LONGEST_URI: Final = 2000
_JOB: Final = "batch_prediction_job"
_SOURCE: Final = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/[^/].*", re.DOTALL)
_RECORDS: Final = ("tf-record", "tf-record-gzip")
_UNSUPPORTED: Final = ("encryption_spec", "explanation_spec", "generate_explanation")


def check_job(job: Any, names: Names, *, bigquery: bool) -> None:
    """Raise InvalidArgument for an invalid field, Unimplemented for what the sandbox does not have,
    PermissionDenied for a table of another project, and FailedPrecondition for a table if there is
    no `bigquery`."""
    check_display_name(job.display_name, f"{_JOB}.display_name")
    check_labels(job.labels, f"{_JOB}.labels")
    for field in _UNSUPPORTED:
        if field in job and getattr(job, field):
            raise Unimplemented(f"{_JOB}.{field} is not in the sandbox; leave it out.")
    if bool(job.model) == ("unmanaged_container_model" in job):
        raise InvalidArgument(f"Send {_JOB}.model or unmanaged_container_model, one of them.")
    if "/publishers/" in f"/{job.model}":
        raise Unimplemented(
            f"{_JOB}.model is a publisher's model, and the sandbox has none; use one of your own."
        )
    if not job.model:
        _check_unmanaged(job.unmanaged_container_model)
    _check_input(job.input_config, names)
    _check_output(job.output_config, names)
    _check_instances(job.instance_config, job.input_config.instances_format)
    if not bigquery and "bigquery" in (
        job.input_config.instances_format,
        job.output_config.predictions_format,
    ):
        raise FailedPrecondition(
            "This Vertex AI has no BigQuery; start it with BIGQUERY_EMULATOR_HOST."
        )
    if job.manual_batch_tuning_parameters.batch_size < 0:
        raise InvalidArgument(
            f"{_JOB}.manual_batch_tuning_parameters.batch_size is "
            f"{job.manual_batch_tuning_parameters.batch_size}; it must be 1 or more."
        )


def completed_resources(job: Any) -> Any:
    """The dedicated resources with Vertex AI's defaults; raises InvalidArgument for invalid ones.

    A model with a container supports no others (Model.supported_deployment_resources_types).
    """
    field = f"{_JOB}.dedicated_resources"
    if "dedicated_resources" not in job:
        raise InvalidArgument(f"{field} is required for a model with a container; send it.")
    found = types.BatchDedicatedResources(job.dedicated_resources)
    check_machine(found.machine_spec, f"{field}.machine_spec")
    found.max_replica_count = found.max_replica_count or _DEFAULT_REPLICAS
    if found.max_replica_count < 1:
        raise InvalidArgument(f"{field}.max_replica_count must be 1 or more.")
    if not 0 <= found.starting_replica_count <= found.max_replica_count:
        raise InvalidArgument(
            f"{field}.starting_replica_count is {found.starting_replica_count}; it must be at most "
            f"max_replica_count, {found.max_replica_count}."
        )
    found.starting_replica_count = found.starting_replica_count or 1
    return found


def _check_unmanaged(model: Any) -> None:
    field = f"{_JOB}.unmanaged_container_model"
    check_container(model.container_spec, f"{field}.container_spec")
    if model.artifact_uri:
        check_folder(model.artifact_uri, f"{field}.artifact_uri")


def _check_input(config: Any, names: Names) -> None:
    field, format_ = f"{_JOB}.input_config", config.instances_format
    if format_ in _RECORDS:
        raise Unimplemented(
            f"{field}.instances_format {format_} is not in the sandbox, which has no TensorFlow; "
            "use jsonl."
        )
    if "vertex_multimodal_dataset_source" in config:
        raise Unimplemented(f"{field}.vertex_multimodal_dataset_source is not in the sandbox.")
    _require(format_, INPUT_FORMATS, f"{field}.instances_format")
    _require_place(config, "source", format_, field)
    if format_ == "bigquery":
        uri, where = config.bigquery_source.input_uri, f"{field}.bigquery_source.input_uri"
        if not _parsed(uri, where, names)[1]:
            raise InvalidArgument(f"{where} is {uri!r}; it must be bq://PROJECT.DATASET.TABLE.")
        return
    if not config.gcs_source.uris:
        raise InvalidArgument(f"{field}.gcs_source.uris is required: the files of the instances.")
    for uri in config.gcs_source.uris:
        if not _SOURCE.fullmatch(uri):
            raise InvalidArgument(
                f"{field}.gcs_source.uris has {uri!r}; it must be gs://BUCKET/OBJECT, in which "
                "OBJECT may have wildcards."
            )


def _check_output(config: Any, names: Names) -> None:
    field, format_ = f"{_JOB}.output_config", config.predictions_format
    if "vertex_multimodal_dataset_destination" in config:
        raise Unimplemented(f"{field}.vertex_multimodal_dataset_destination is not in the sandbox.")
    _require(format_, OUTPUT_FORMATS, f"{field}.predictions_format")
    _require_place(config, "destination", format_, field)
    if format_ == "bigquery":
        uri = config.bigquery_destination.output_uri
        _parsed(uri, f"{field}.bigquery_destination.output_uri", names)
    else:
        uri = config.gcs_destination.output_uri_prefix
        check_folder(uri, f"{field}.gcs_destination.output_uri_prefix")


def _require(format_: str, known: Sequence[str], field: str) -> None:
    if format_ not in known:
        raise InvalidArgument(
            f"{field} is {format_!r}; it must be one of the model's supported storage formats: "
            f"{', '.join(known)}."
        )


def _require_place(config: Any, kind: str, format_: str, field: str) -> None:
    needed = f"bigquery_{kind}" if format_ == "bigquery" else f"gcs_{kind}"
    if needed not in config:
        raise InvalidArgument(f"{field}.{needed} is required for the format {format_}.")


def _parsed(uri: str, field: str, names: Names) -> tuple[str, str]:
    if len(uri) > _LONGEST_URI:
        raise InvalidArgument(f"{field} has {len(uri)} characters; {_LONGEST_URI} are allowed.")
    return parse_uri(uri, field, names)


def _check_instances(config: Any, format_: str) -> None:
    field = f"{_JOB}.instance_config"
    if config.instance_type not in ("", "object", "array"):
        raise InvalidArgument(
            f"{field}.instance_type is {config.instance_type!r}; it must be object or array."
        )
    if config.instance_type and format_ not in ("jsonl", "bigquery"):
        raise InvalidArgument(f"{field}.instance_type does not apply to {format_}; leave it out.")
    if config.key_field and format_ == "file-list":
        raise InvalidArgument(f"{field}.key_field does not apply to {format_}; leave it out.")
    included, excluded = list(config.included_fields), list(config.excluded_fields)
    if included and excluded:
        raise InvalidArgument(f"{field} has included_fields and excluded_fields; send one of them.")
    named = included or excluded
    if named and format_ not in ("jsonl", "bigquery"):
        raise InvalidArgument(
            f"{field} names fields, which does not apply to {format_}; leave them out."
        )
    if len(set(named)) < len(named) or "" in named or (config.key_field in included):
        raise InvalidArgument(
            f"{field} names a field twice, or one without a name: {', '.join(map(repr, named))}."
        )
    clash = sorted(set(excluded) & set(RESERVED))
    if clash and format_ == "jsonl" and not config.key_field:
        raise InvalidArgument(
            f"{field}.excluded_fields has {', '.join(clash)}, a name that the output needs; "
            "rename the field."
        )
