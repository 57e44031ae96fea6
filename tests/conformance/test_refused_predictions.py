"""Errors of the Prediction service; tests/sandbox/vertex/prediction has more."""

from typing import Any

import pytest

from tests.conformance.conftest import ROW, Cloud, done, refused

PRECONDITION = "FAILED_PRECONDITION"


@pytest.fixture(scope="module")
def endpoint(_cloud: Cloud) -> str:
    """An endpoint whose model has three features."""
    _cloud.parent = f"projects/{_cloud.project}/locations/refused-predictions"
    name = _cloud.endpoint("x")
    done(_cloud.deploy(name, _cloud.upload(model_id="x").model, {"0": 100}))
    return name


@pytest.mark.parametrize(
    "instances",
    [[[]], [[1.0]], [[1.0, 2.0, 3.0, 4.0]], [["a", "b", "c"]], [{"a": 1.0}], [None], [1.0]],
)
def test_instances_that_a_server_refuses(cloud: Cloud, endpoint: str, instances: Any) -> None:
    message = refused(
        PRECONDITION, cloud.predictions.predict, endpoint=endpoint, instances=instances
    )
    assert message.startswith("Prediction failed: ")


def test_the_largest_request(cloud: Cloud, endpoint: str) -> None:
    def predict(size: int) -> Any:
        return cloud.predictions.predict(endpoint=endpoint, instances=[ROW], parameters="x" * size)

    assert predict(1_490_000).predictions
    assert "1.500MB" in refused(PRECONDITION, predict, 1_500_000)


def test_a_prediction_without_a_model_is_refused(cloud: Cloud, endpoint: str) -> None:
    predict = cloud.predictions.predict
    refused("NOT_FOUND", predict, endpoint=f"{endpoint}-2", instances=[ROW])
    refused(PRECONDITION, predict, endpoint=cloud.endpoint("empty"), instances=[ROW])
    refused("INVALID_ARGUMENT", predict, endpoint=endpoint, instances=[])
    other = "projects/other/locations/l/endpoints/x"
    refused("PERMISSION_DENIED", predict, endpoint=other, instances=[ROW])


def test_a_model_without_traffic_does_not_predict(cloud: Cloud) -> None:
    name = cloud.endpoint("x")
    done(cloud.deploy(name, cloud.upload(model_id="x").model, {}, id="1"))
    refused(PRECONDITION, cloud.predictions.predict, endpoint=name, instances=[ROW])
    cloud.split(name, {"1": 100})
    assert cloud.predictions.predict(endpoint=name, instances=[ROW]).deployed_model_id == "1"


def test_explanations_are_refused(cloud: Cloud, endpoint: str) -> None:
    refused("UNIMPLEMENTED", cloud.predictions.explain, endpoint=endpoint, instances=[ROW])
