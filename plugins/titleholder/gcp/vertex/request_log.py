"""Where an endpoint logs the requests that it answers."""

import re
from typing import Any


def request_log(endpoint: Any) -> str:
    """`project.dataset.table` of an `aiplatform_v1.Endpoint`, empty when it logs nothing.

    What is not named has the names of PredictRequestResponseLoggingConfig in Google's
    endpoint.proto: the dataset `logging_<endpoint-display-name>_<endpoint-id>`, in which "most"
    special characters are underscores, and the table `request_response_logging`. A project that is
    not named either is left out.
    """
    config = endpoint.predict_request_response_logging_config
    if not config.enabled:
        return ""
    named = config.bigquery_destination.output_uri.removeprefix("bq://").split(".", 2)
    project, dataset, table = (*named, "", "")[:3]
    own = f"logging_{endpoint.display_name}_{endpoint.name.rpartition('/')[2]}"
    dataset = dataset or re.sub(r"\W", "_", own, flags=re.ASCII)
    return ".".join(filter(None, (project, dataset, table or "request_response_logging")))
