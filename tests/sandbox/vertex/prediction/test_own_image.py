"""This project's image, as Vertex AI runs it."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import psutil
import pytest
from google.api_core import exceptions
from sklearn.linear_model import LinearRegression

from images.reference import image_reference
from model_server.artifact import artifact_digest
from tests.sandbox.conftest import Storage, Vertex


def artifact(bucket: Storage, folder: Path, name: str) -> tuple[str, str]:
    """Upload the files of a folder; their URI and digest."""
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(f"{name}/{path.relative_to(folder)}", path.read_bytes())
    return f"gs://{bucket.bucket}/{name}", artifact_digest(folder)


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """The files of a model of three features, with a recorded example."""
    folder = tmp_path / "linear"
    folder.mkdir()
    joblib.dump(LinearRegression().fit(np.eye(3), [1.0, 2.0, 3.0]), folder / "model.joblib")
    examples = {"instances": [[1, 0, 0]], "predictions": [1.0]}
    (folder / "examples.json").write_text(json.dumps(examples))
    return folder


def own_image(digest: str) -> dict[str, Any]:
    """The container of a model that this project's image serves."""
    return {
        "image": image_reference(),
        "env": [{"name": "MODEL_SHA256", "value": digest}] if digest else [],
        "predict_route": "/predict",
        "health_route": "/health",
    }


def test_this_projects_image(vertex: Vertex, bucket: Storage, linear: Path) -> None:
    uri, digest = artifact(bucket, linear, "own")
    endpoint = vertex.deployed(uri, **own_image(digest))
    response = vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [[1, 2, 3]]})
    assert response.json()["predictions"] == [pytest.approx(4)]
    wrong = vertex.http.post(f"/v1/{endpoint}:predict", json={"instances": [[1]]})
    assert (wrong.status_code, wrong.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    addresses = {
        connection.laddr.ip
        for process in psutil.Process().children(recursive=True)
        if "model_server" in " ".join(process.cmdline())
        for connection in process.net_connections("inet")
    }
    assert addresses == {"127.0.0.1"}


def test_this_projects_image_is_invoked(vertex: Vertex, bucket: Storage, linear: Path) -> None:
    """It predicts at /predict, where a model is asked for its recorded predictions."""
    uri, digest = artifact(bucket, linear, "invoked")
    container = own_image(digest) | {"invoke_route_prefix": "/*"}
    container["image_uri"] = container.pop("image")
    del container["predict_route"]
    model = vertex.upload(uri, model={"container_spec": container}).model
    endpoint = vertex.endpoint("invoked", dedicated_endpoint_enabled=True)
    vertex.finish(vertex.deploy(endpoint.name, model, {}, id="1"))
    url = f"http://{endpoint.dedicated_endpoint_dns}/v1/{endpoint.name}/deployedModels/1/invoke"
    response = vertex.http.post(f"{url}/predict", json={"instances": [[1, 2, 3]]})
    assert response.json()["predictions"] == [pytest.approx(4)]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("digest", "instead of the registered"),
        ("no digest", "MODEL_SHA256 is not set"),
        ("example", "for the recorded example 0, where the pipeline recorded 9.0"),
        ("late", "instead of the registered"),
    ],
)
def test_files_that_this_projects_image_does_not_serve(
    vertex: Vertex, bucket: Storage, linear: Path, change: str, cause: str
) -> None:
    if change == "example":
        examples = {"instances": [[1, 0, 0]], "predictions": [9.0]}
        (linear / "examples.json").write_text(json.dumps(examples))
    uri, digest = artifact(bucket, linear, f"own-{change}")
    if change == "digest":
        digest = "0" * 64
    if change == "no digest":
        digest = ""
    if change == "late":  # after the pipeline, before the upload
        bucket.put(f"own-{change}/examples.json", b"{}")
    endpoint = vertex.endpoint(change.replace(" ", "-")).name
    container = own_image(digest)
    container["image_uri"] = container.pop("image")
    model = vertex.upload(uri, model={"container_spec": container}).model
    with pytest.raises(exceptions.FailedPrecondition) as failed:
        vertex.finish(vertex.deploy(endpoint, model, {"0": 100}))
    assert cause in failed.value.message
    assert not vertex.endpoints.get_endpoint(name=endpoint).deployed_models
