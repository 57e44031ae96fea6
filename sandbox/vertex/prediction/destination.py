"""Where an endpoint logs its predictions: the rules of its logging config, without I/O.

Names and their defaults: PredictRequestResponseLoggingConfig and BigQueryDestination in
google/cloud/aiplatform/v1.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from sandbox.vertex.http.errors import InvalidArgument
from sandbox.vertex.http.resource_names import Names

_FIELD: Final = "endpoint.predict_request_response_logging_config"
_DEFAULT_TABLE: Final = "request_response_logging"
# A table's name may have letters of any language; the sandbox stays with what is sure.
_URI: Final = re.compile(
    r"bq://(?P<project>[a-z0-9][a-z0-9-]{0,62})"
    r"(?:\.(?P<dataset>[A-Za-z0-9_]{1,1024})(?:\.(?P<table>[A-Za-z0-9_-]{1,1024}))?)?"
)


@dataclass(frozen=True)
class Destination:
    """A table, and how much of the traffic is logged there."""

    dataset: str
    """As `project.dataset`."""
    table: str
    makes_dataset: bool
    """Whether the dataset is made when it is missing: only one that nobody named is."""
    sampling_rate: float


def check_logging(config: Any, names: Names) -> None:
    """Raise InvalidArgument for a rate or URI that is wrong, also while logging is off.

    PermissionDenied for another project's table.
    """
    rate = config.sampling_rate
    if not 0 <= rate <= 1 or (config.enabled and rate == 0):
        raise InvalidArgument(
            f"{_FIELD}.sampling_rate is {rate}; it must be above 0 and at most 1."
        )
    uri = config.bigquery_destination.output_uri
    if uri:
        match = _URI.fullmatch(uri)
        if match is None:
            raise InvalidArgument(
                f"{_FIELD}.bigquery_destination.output_uri is {uri!r}; it must be bq://PROJECT, "
                "bq://PROJECT.DATASET or bq://PROJECT.DATASET.TABLE."
            )
        names.canonical(f"projects/{match['project']}")


def destination_of(endpoint: Any, project: str) -> Destination | None:
    """Where that endpoint, whose config has been checked, logs; None when it does not.

    `project` is the id of the sandbox's. Without a dataset in the URI it is
    `logging_<endpoint-display-name>_<endpoint-id>`, every special character as `_`.
    """
    config = endpoint.predict_request_response_logging_config
    if not config.enabled:
        return None
    match = _URI.fullmatch(config.bigquery_destination.output_uri)
    named = match["dataset"] if match else None
    endpoint_id = endpoint.name.rpartition("/")[2]
    own = re.sub(r"[^A-Za-z0-9_]", "_", f"logging_{endpoint.display_name}_{endpoint_id}")
    return Destination(
        dataset=f"{project}.{named or own}",
        table=(match and match["table"]) or _DEFAULT_TABLE,
        makes_dataset=named is None,
        sampling_rate=config.sampling_rate,
    )
