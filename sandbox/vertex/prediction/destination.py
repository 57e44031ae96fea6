"""Rules of the logging config of an endpoint. No I/O.

Source: PredictRequestResponseLoggingConfig and BigQueryDestination in
google/cloud/aiplatform/v1.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.resource_names import Names

_FIELD: Final = "endpoint.predict_request_response_logging_config"
_DEFAULT_TABLE: Final = "request_response_logging"
# Table names may have letters of any language; the sandbox accepts only ASCII.
_URI: Final = re.compile(
    r"bq://(?P<project>[a-z0-9][a-z0-9-]{0,62})"
    r"(?:\.(?P<dataset>[A-Za-z0-9_]{1,1024})(?:\.(?P<table>[A-Za-z0-9_-]{1,1024}))?)?"
)


@dataclass(frozen=True)
class Destination:
    """A table, and the fraction of the requests that is logged there."""

    dataset: str
    """As `project.dataset`."""
    table: str
    creates_dataset: bool
    """Whether a missing dataset is created: only the default one is."""
    sampling_rate: float


def check_logging(config: Any, names: Names) -> None:
    """Raise InvalidArgument for an invalid rate or URI, also while logging is disabled;
    PermissionDenied for a table of another project.
    """
    rate = config.sampling_rate
    if not 0 <= rate <= 1 or (config.enabled and rate == 0):
        raise InvalidArgument(
            f"{_FIELD}.sampling_rate is {rate}; it must be above 0 and at most 1."
        )
    uri = config.bigquery_destination.output_uri
    if uri:
        parse_uri(uri, f"{_FIELD}.bigquery_destination.output_uri", names)


def parse_uri(uri: str, field: str, names: Names) -> tuple[str, str]:
    """Dataset and table of a URI of BigQuery, empty if it has none.

    Raises InvalidArgument for another form, PermissionDenied for another project.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidArgument(
            f"{field} is {uri!r}; it must be bq://PROJECT, bq://PROJECT.DATASET or "
            "bq://PROJECT.DATASET.TABLE."
        )
    names.canonical(f"projects/{match['project']}")
    return split_uri(uri)


def split_uri(uri: str) -> tuple[str, str]:
    """Dataset and table of a URI that `parse_uri` accepts, empty if it has none."""
    _, dataset, table = [*uri.split(".", 2), "", ""][:3]
    return dataset, table


def destination_of(endpoint: Any, project: str) -> Destination | None:
    """The destination of an endpoint with a checked config; None if logging is disabled.

    `project` is the id of the sandbox's project. The default dataset is
    `logging_<endpoint-display-name>_<endpoint-id>`, with `_` for every special character.
    """
    config = endpoint.predict_request_response_logging_config
    if not config.enabled:
        return None
    dataset, table = split_uri(config.bigquery_destination.output_uri)
    endpoint_id = endpoint.name.rpartition("/")[2]
    default = re.sub(r"[^A-Za-z0-9_]", "_", f"logging_{endpoint.display_name}_{endpoint_id}")
    return Destination(
        dataset=f"{project}.{dataset or default}",
        table=table or _DEFAULT_TABLE,
        creates_dataset=not dataset,
        sampling_rate=config.sampling_rate,
    )
