"""Online prediction: responses, routing, refused requests."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from google.api_core import exceptions
from scipy.stats import binom
from sklearn.linear_model import LinearRegression

from tests.sandbox.conftest import SKLEARN

ROW = [86.6, 91.4, 50]
HEADERS = {"Content-Type": "application/json"}


def predict(vertex: Any, endpoint: str, body: Any) -> Any:
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return vertex.http.post(f"/v1/{endpoint}:predict", content=content, headers=HEADERS)


def error_of(response: Any) -> tuple[int, str]:
    error = response.json()["error"]
    assert error["code"] == response.status_code
    return response.status_code, error["status"]


def test_the_response(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint, "traffic_split": {"2": 100}},
        update_mask={"paths": ["traffic_split"]},
    )
    vertex.models.update_model(
        model={"name": model, "display_name": "Exercises"},
        update_mask={"paths": ["display_name"]},
    )
    response = predict(vertex, endpoint, {"instances": [ROW, ROW]})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    (first, second) = response.json().pop("predictions")
    assert first == second == pytest.approx([2, 2])
    assert {key: value for key, value in response.json().items() if key != "predictions"} == {
        "deployedModelId": "2",
        "model": model,
        "modelDisplayName": "Exercises",
        "modelVersionId": "2",
    }


def test_the_response_in_googles_client(shared_pair: Any, vertex: Any) -> None:
    endpoint, model = shared_pair
    response = vertex.predictions.predict(endpoint=endpoint, instances=[ROW])
    assert response.deployed_model_id in ("1", "2")
    assert response.model == model
    assert response.model_version_id == response.deployed_model_id
    assert list(response.predictions[0]) == pytest.approx([float(response.deployed_model_id)] * 2)
    with pytest.raises(exceptions.BadRequest, match="Prediction failed"):
        vertex.predictions.predict(endpoint=endpoint, instances=[[1.0]])


def test_hundreds_of_requests_follow_the_split(shared_pair: Any, vertex: Any) -> None:
    endpoint, _ = shared_pair
    seen: Counter[str] = Counter()
    for _ in range(400):
        seen[predict(vertex, endpoint, {"instances": [ROW]}).json()["deployedModelId"]] += 1
    # Fails by chance once in a million runs.
    low, high = binom.ppf([5e-7, 1 - 5e-7], 400, 0.10)
    assert low <= seen["2"] <= high
    assert seen["1"] + seen["2"] == 400


def test_an_endpoint_without_a_split_does_not_predict(vertex: Any, pair: Any) -> None:
    endpoint, _ = pair
    vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint}, update_mask={"paths": ["traffic_split"]}
    )
    assert error_of(predict(vertex, endpoint, {"instances": [ROW]})) == (400, "FAILED_PRECONDITION")
    empty = vertex.endpoint("empty").name
    assert error_of(predict(vertex, empty, {"instances": [ROW]})) == (400, "FAILED_PRECONDITION")
    missing = predict(vertex, endpoint + "-2", {"instances": [ROW]})
    assert error_of(missing) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[[1, 2, 3]]",
        "{}",
        '{"instances": null}',
        '{"instances": 3}',
        '{"instances": "abc"}',
        '{"instances": {"a": 1}}',
        '{"instances": []}',
        '{"instances": [[1, 2, 3]], "labels": ["a"]}',
        '{"instances": [[1, 2, 3]], "labels": {"a": 1}}',
        '{"instances": [[NaN, 1, 2]]}',
        '{"instances": [[1, 2, 3]], "colour": "red"}',
        '{"instances": [[1, 2, 3]]} x',
        "[" * 100_000,
    ],
)
def test_invalid_predict_requests(shared_pair: Any, vertex: Any, body: str) -> None:
    response = predict(vertex, shared_pair[0], body)
    assert error_of(response) == (400, "INVALID_ARGUMENT")


@pytest.fixture(scope="module")
def linear(_shared_vertex: Any, bucket: Any) -> Any:
    """A server, and an endpoint with a scikit-learn model of three features."""
    model = LinearRegression().fit(np.eye(3), np.eye(3))
    return _shared_vertex, _shared_vertex.deployed(bucket.put_model("linear", model), SKLEARN)


@pytest.mark.parametrize(
    "instances",
    [
        [[]],
        [1, 2, 3],
        [[1, 2]],
        [[1, 2, 3, 4]],
        [[1, 2, 3], [1, 2]],
        [["a", 2, 3]],
        [["1", "2", "3"]],
        [[None, 2, 3]],
        [{"a": 1, "b": 2, "c": 3}],
        [[[1, 2, 3]]],
        [[1, 2, {"x": 3}]],
        [[1e400, 2, 3]],
        ["abc"],
    ],
)
def test_instances_that_the_model_refuses(linear: Any, instances: Any) -> None:
    vertex, endpoint = linear
    body = json.dumps({"instances": instances}).replace("Infinity", "1e400")
    response = predict(vertex, endpoint, body)
    assert error_of(response) == (400, "FAILED_PRECONDITION")
    message = response.json()["error"]["message"]
    assert message.startswith("Prediction failed: Exception during sklearn prediction: ")


def test_the_largest_request(shared_pair: Any, vertex: Any) -> None:
    def body(size: int) -> str:
        text = json.dumps({"instances": [ROW], "parameters": ""})
        return text[:-2] + "x" * (size - len(text)) + '"}'

    assert predict(vertex, shared_pair[0], body(1_500_000)).status_code == 200
    response = predict(vertex, shared_pair[0], body(1_500_001))
    assert error_of(response) == (400, "FAILED_PRECONDITION")
    assert "1.500MB" in response.json()["error"]["message"]


def test_parameters_and_labels_are_accepted(shared_pair: Any, vertex: Any) -> None:
    body = {"instances": [ROW], "parameters": {"a": 1}, "labels": {"x": "1"}}
    assert predict(vertex, shared_pair[0], body).status_code == 200


def test_publisher_models_are_refused(vertex: Any) -> None:
    response = predict(vertex, f"{vertex.parent}/publishers/google/models/x", {"instances": [ROW]})
    assert error_of(response) == (501, "UNIMPLEMENTED")
