"""The logging config of an endpoint, and its destination."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types

from sandbox.vertex.http.errors import InvalidArgument, PermissionDenied
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.prediction.destination import Destination, check_logging, destination_of
from sandbox.vertex.prediction.tables import Tables
from tests.sandbox.conftest import PROJECT, Vertex
from tests.sandbox.vertex.prediction.test_request_log import config


@pytest.mark.parametrize(
    "wrong",
    [
        config(rate=0),
        config(rate=-0.1),
        config(rate=1.01),
        config(rate=float("nan")),
        config(rate=float("inf")),
        config(rate=2, enabled=False),
        config("demo.logs.answers"),
        config("bq://"),
        config("bq://demo."),
        config("bq://demo.logs."),
        config("bq://demo.logs.a.b"),
        config("bq://demo.lo-gs.a"),
        config("bq://demo.logs.a b"),
        config("bq://demo:logs.a"),
        config("gs://demo/logs"),
        config(" bq://demo"),
        config("bq://demo\n"),
        config("nonsense", enabled=False),
    ],
)
def test_an_invalid_config_is_refused(vertex: Vertex, wrong: dict[str, Any]) -> None:
    with pytest.raises(exceptions.BadRequest, match="predict_request_response_logging_config"):
        vertex.endpoint("new", predict_request_response_logging_config=wrong)
    endpoint = vertex.endpoint("existing")
    with pytest.raises(exceptions.BadRequest, match="predict_request_response_logging_config"):
        vertex.endpoints.update_endpoint(
            endpoint={
                "name": endpoint.name,
                "predict_request_response_logging_config": wrong,
            },
            update_mask={"paths": ["predict_request_response_logging_config"]},
        )
    assert vertex.endpoints.get_endpoint(name=endpoint.name) == endpoint


def test_another_projects_table_is_refused(vertex: Vertex) -> None:
    with pytest.raises(exceptions.Forbidden, match="other-project"):
        vertex.endpoint(predict_request_response_logging_config=config("bq://other-project.a.b"))


def test_destinations() -> None:
    names = Names("demo", "7")
    endpoint = types.Endpoint(
        name="projects/7/locations/l/endpoints/12",
        display_name="Größe",
        predict_request_response_logging_config=config("bq://7.logs", rate=0.5),
    )
    check_logging(endpoint.predict_request_response_logging_config, names)
    assert destination_of(endpoint, "demo") == Destination(
        "demo.logs", "request_response_logging", False, 0.5
    )
    endpoint.predict_request_response_logging_config.bigquery_destination.output_uri = ""
    found = destination_of(endpoint, "demo")
    assert found is not None
    assert (found.dataset, found.creates_dataset) == ("demo.logging_Gr__e_12", True)
    endpoint.predict_request_response_logging_config.enabled = False
    assert destination_of(endpoint, "demo") is None
    with pytest.raises(InvalidArgument):
        check_logging(types.PredictRequestResponseLoggingConfig(config(rate=0)), names)
    with pytest.raises(PermissionDenied):
        check_logging(types.PredictRequestResponseLoggingConfig(config("bq://8")), names)


def test_a_bigquery_on_another_machine_is_refused() -> None:
    for host in ("https://bigquery.googleapis.com", "http://10.0.0.1:9050", "127.0.0.1:9050"):
        with pytest.raises(ValueError, match="BIGQUERY_EMULATOR_HOST"):
            Tables(host, PROJECT)
