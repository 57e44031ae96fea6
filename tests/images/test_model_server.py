"""The model server's predictors, digest, recorded examples and responses."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from starlette.testclient import TestClient

from model_server.answer import PredictorError, RequestError, answer
from model_server.app import create_app
from model_server.artifact import ArtifactError, artifact_digest, download, require_digest
from model_server.examples import check_examples
from model_server.predictors import load_predictor
from tests.deploy.fakes import serving

BODY = json.dumps({"instances": [[1, 2, 3]]}).encode()
OWN = """
import json, pathlib

class Doubler:
    def load(self, artifacts_uri):
        self.factor = json.loads(pathlib.Path(artifacts_uri, "factor.json").read_text())

    def preprocess(self, prediction_input):
        return [row["x"] for row in prediction_input["instances"]]

    def predict(self, instances):
        return [self.factor * x for x in instances]

    def postprocess(self, prediction_results):
        return {"predictions": prediction_results}

class Broken:
    def __init__(self):
        raise RuntimeError("no weights")

class Wrong(Doubler):
    def predict(self, instances):
        return RESULT
"""


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """An artifact with a model of three features and one target."""
    joblib.dump(LinearRegression().fit(np.eye(3), [1.0, 2.0, 3.0]), tmp_path / "model.joblib")
    return tmp_path


def own(folder: Path, name: str = "doubler.Doubler", source: str = OWN) -> Path:
    """An artifact with a class of its own."""
    (folder / "predictor.json").write_text(json.dumps({"class": name}))
    (folder / "doubler.py").write_text(source)
    (folder / "factor.json").write_text("2")
    return folder


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each artifact has a module of the same name; a server has only one artifact."""
    monkeypatch.delitem(sys.modules, "doubler", raising=False)


def test_the_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("model.joblib", "b/x", "a.json"):
        (tmp_path / name).write_bytes(name.encode())
    command = "find . -type f | sed 's#^./##' | LC_ALL=C sort | xargs sha256sum"
    listed = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    digest = artifact_digest(tmp_path)
    assert digest == hashlib.sha256(listed).hexdigest()
    require_digest(tmp_path, "gs://b/m", digest)
    (tmp_path / "b/x").write_bytes(b"other")
    with pytest.raises(ArtifactError, match=f"instead of the registered {digest}"):
        require_digest(tmp_path, "gs://b/m", digest)


@pytest.mark.parametrize("uri", ["", "/tmp/model", "http://x/y", "gs://"])
def test_only_cloud_storage_is_downloaded(tmp_path: Path, uri: str) -> None:
    with pytest.raises(ArtifactError, match="must be a gs:// folder"):
        download(uri, tmp_path)


class Objects:
    """A bucket of Cloud Storage with objects of these names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def answer(self, path: str, query: dict[str, str], _: dict[str, Any]) -> tuple[int, Any]:
        items = [{"name": name, "bucket": "b"} for name in self._names]
        return 200, {"items": items} if path.endswith("/o") else {}


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        (["m/f/."], "m/f/."),
        (["m/f/.."], "m/f/.."),
        (["m/../f"], "m/../f"),
        (["m/f/../a"], "m/f/../a"),
        (["m//f"], "m//f"),
        (["m/f/a", "m/f/a/b"], "m/f/a/b"),
        (["m/f/a/b", "m/f/a"], "m/f/a"),
        (["m/f//a"], "m/f//a"),
        ([f"m/{'f' * 300}"], f"m/{'f' * 300}"),
    ],
)
def test_objects_that_cannot_be_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], wrong: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    with serving(Objects("m/", "m/model.joblib", *names)) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        with pytest.raises(ArtifactError) as error:
            download("gs://b/m", folder)
    assert str(error.value).startswith(f"the object '{wrong}' under gs://b/m cannot be a file")
    assert "\n" not in str(error.value)
    assert (folder / "model.joblib").read_bytes() == b"{}"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_joblib_file(linear: Path) -> None:
    response = json.loads(answer(load_predictor(linear), BODY))
    assert response == {"predictions": [pytest.approx(4)]}


def test_a_class_of_the_artifact(tmp_path: Path) -> None:
    predictor = load_predictor(own(tmp_path))
    body = b'{"instances": [{"x": 1}, {"x": 2.5}], "parameters": {"any": 1}}'
    assert json.loads(answer(predictor, body)) == {"predictions": [2, 5.0]}


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda folder: None,
            "there is no predictor.json or model.joblib or .*: have the pipeline",
        ),
        (lambda folder: (folder / "model.joblib").write_bytes(b"half"), "cannot be loaded"),
        (
            lambda folder: joblib.dump({"a": 1}, folder / "model.joblib"),
            "TypeError: it holds a dict, which cannot predict",
        ),
        (
            lambda folder: (folder / "model.txt").write_text("tree"),
            "needs lightgbm, .*requirements",
        ),
        (lambda folder: (folder / "model.ubj").write_text("{"), "needs xgboost, .*requirements"),
        (lambda folder: (folder / "predictor.json").write_text("{"), "names no class"),
        (lambda folder: own(folder, "Doubler"), "names no class"),
        (lambda folder: own(folder, "nowhere.Doubler"), "ModuleNotFoundError: No module named"),
        (lambda folder: own(folder, "doubler.Broken"), "RuntimeError: no weights"),
        (lambda folder: own(folder, source="1/0"), "ZeroDivisionError"),
    ],
)
def test_artifacts_that_cannot_be_served(
    tmp_path: Path, write: Callable[[Path], Any], message: str
) -> None:
    write(tmp_path)
    with pytest.raises(ArtifactError, match=message) as error:
        load_predictor(tmp_path, "gs://b/m")
    assert "gs://b/m" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LinearRegression().fit(np.eye(2), np.eye(2))
    state = {**model.__getstate__(), "_sklearn_version": "1.5.2"}
    monkeypatch.setattr(LinearRegression, "__getstate__", lambda _: state)
    joblib.dump(model, tmp_path / "model.joblib")
    with pytest.raises(ArtifactError, match=r"InconsistentVersionWarning.*1\.5\.2"):
        load_predictor(tmp_path)


def test_recorded_examples(linear: Path) -> None:
    predictor = load_predictor(linear)
    assert check_examples(predictor, linear, "gs://b/m") == 0
    examples = {"instances": [[1, 0, 0], [0, 1, 0]], "predictions": [1.000001, 2.0]}
    (linear / "examples.json").write_text(json.dumps(examples))
    assert check_examples(predictor, linear, "gs://b/m") == 2


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ("{", "is invalid"),
        ('{"instances": [], "predictions": []}', "is invalid"),
        ('{"instances": [[1, 0, 0]], "predictions": []}', "is invalid"),
        ('{"instances": [[1, 0, 0]], "predictions": [1.01]}', "the recorded example 0, where"),
        ('{"instances": [[1, 0]], "predictions": [1]}', "cannot predict its recorded examples"),
        ('{"instances": [[1, 0, 0]], "predictions": [[1.0]]}', "the recorded example 0, where"),
        ('{"instances": [[1, 0, 0]], "predictions": ["1"]}', "the recorded example 0, where"),
    ],
)
def test_examples_that_stop_the_server(linear: Path, examples: str, message: str) -> None:
    (linear / "examples.json").write_text(examples)
    with pytest.raises(ArtifactError, match=message) as error:
        check_examples(load_predictor(linear), linear, "gs://b/m")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"3", b"{}", b"\xff"),
        pytest.param(b"[" * 100_000, id="nested"),
        *(b'{"instances": []}', b'{"instances": 3}', b'{"instances": [[1, 2]]}'),
        *(b'{"instances": [["a", 1, 2]]}', b'{"instances": [{"a": 1}]}'),
    ],
)
def test_requests_that_cannot_be_answered(linear: Path, body: bytes) -> None:
    with pytest.raises(RequestError):
        answer(load_predictor(linear), body)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("[1, 2]", "2 predictions for 1 instances"),
        ("[float('nan')]", "no valid JSON"),
        ("[object()]", "no valid JSON"),
        ("None", "no valid JSON"),
        ("1/0", "ZeroDivisionError"),
    ],
)
def test_a_predictor_with_a_wrong_result(tmp_path: Path, result: str, message: str) -> None:
    source = OWN.replace("RESULT", result)
    predictor = load_predictor(own(tmp_path, "doubler.Wrong", source))
    with pytest.raises(PredictorError, match=message):
        answer(predictor, b'{"instances": [{"x": 1}]}')


def served(folder: Path, model: Any) -> TestClient:
    """A server of the model."""
    joblib.dump(model, folder / "model.joblib")
    app = create_app(load_predictor(folder), "/health", "/predict", "Failed: ")
    return TestClient(app)


def test_class_names_are_returned(tmp_path: Path) -> None:
    forest = RandomForestClassifier(2).fit([[0.0], [1.0]] * 5, ["no", "yes"] * 5)
    response = served(tmp_path, forest).post("/predict", json={"instances": [[0.0], [1.0]]})
    assert response.json() == {"predictions": ["no", "yes"]}


def test_a_nan_prediction_is_an_error(tmp_path: Path) -> None:
    model = LinearRegression().fit(np.eye(3), np.eye(3))
    model.intercept_ = np.full(3, np.nan)
    response = served(tmp_path, model).post("/predict", content=BODY)
    assert response.status_code == 500
    assert "no valid JSON" in response.json()["error"]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_a_model_trained_with_column_names_accepts_lists(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.eye(3), columns=["a", "b", "c"])
    model = LinearRegression().fit(frame, [1.0, 1.0, 1.0])
    response = served(tmp_path, model).post("/predict", content=BODY)
    assert response.json()["predictions"] == pytest.approx([1.0])


def test_the_routes(linear: Path) -> None:
    client = TestClient(create_app(load_predictor(linear), "/health", "/score", "Failed: "))
    assert client.get("/health").status_code == 200
    assert client.post("/score", content=BODY).json() == {"predictions": [pytest.approx(4)]}
    refused = client.post("/score", content=b'{"instances": [[1]]}')
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("Failed: X has 1 features")
    assert client.post("/predict", content=BODY).json() == {"predictions": [pytest.approx(4)]}
    assert client.post("/other", content=BODY).status_code == 404
    assert client.get("/score").status_code == 405
