"""A model is loaded only after its artifact's location and digest are checked: the test artifact
has a pickle that creates a file when it is unpickled."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.dummy import DummyRegressor

from model_server.artifact import artifact_digest
from pipeline.duel_steps.artifact import load_artifact
from tests.conftest import REPOSITORY, Sandbox
from tests.pipeline.duels import Duels


class CreatesFile:
    """Its unpickling creates the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.fixture
def duels(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Duels:
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    return Duels(sandbox)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "unpickled"


@pytest.fixture
def put(duels: Duels, marker: Path, tmp_path: Path) -> Callable[[str, str], str]:
    """Stores an artifact with such a pickle in a bucket under a name; returns its digest."""
    file = io.BytesIO()
    joblib.dump(CreatesFile(marker), file)
    folder = tmp_path / "artifact"
    folder.mkdir()
    (folder / "model.joblib").write_bytes(file.getvalue())

    def store(bucket: str, name: str) -> str:
        client = duels.bucket().client
        if not client.bucket(bucket).exists():
            client.create_bucket(bucket)
        client.bucket(bucket).blob(f"{name}/model.joblib").upload_from_string(file.getvalue())
        return artifact_digest(folder)

    return store


@pytest.fixture
def load(duels: Duels, tmp_path: Path) -> Callable[[str, str], Any]:
    """Loads the artifact of this URI and digest as that of the champion."""

    def loaded(uri: str, digest: str) -> Any:
        return load_artifact("champion", uri, digest, duels.root, str(tmp_path / "copy"))

    return loaded


Put, Load = Callable[[str, str], str], Callable[[str, str], Any]


def test_a_loaded_artifact_creates_the_file(
    duels: Duels, put: Put, load: Load, marker: Path
) -> None:
    digest = put(duels.bucket().name, "duel-tests/marker")
    with pytest.raises(ValueError, match=r"The champion cannot be scored: .* holds a NoneType"):
        load(f"{duels.root}/marker", digest)
    assert marker.exists()


@pytest.mark.parametrize(
    ("bucket", "folder", "uri", "message"),
    [
        ("other-bucket", "m", "gs://other-bucket/m", "is not under"),
        (None, "beside/m", "gs://{}/beside/m", "is not under"),
        (None, "duel-tests-2/m", "gs://{}/duel-tests-2/m", "is not under"),
        (None, "beside/m", "gs://{}/duel-tests/../beside/m", "is not under"),
        (None, "duel-tests/./m", "gs://{}/duel-tests/./m", "is not under"),
        (None, "duel-tests//m", "gs://{}/duel-tests//m", "is not under"),
    ],
)
def test_an_artifact_outside_the_root_is_never_unpickled(
    duels: Duels,
    put: Put,
    load: Load,
    marker: Path,
    bucket: str | None,
    folder: str,
    uri: str,
    message: str,
) -> None:
    own_bucket = duels.bucket().name
    digest = put(bucket or own_bucket, folder)
    with pytest.raises(ValueError, match=message):
        load(uri.format(own_bucket), digest)
    assert not marker.exists()


@pytest.mark.parametrize("digest", ["0" * 64, "", "x", None])
def test_an_artifact_with_another_digest_is_never_unpickled(
    duels: Duels, put: Put, load: Load, marker: Path, digest: str | None
) -> None:
    """None: upper case, which is not how a digest is recorded."""
    real = put(duels.bucket().name, "duel-tests/marker")
    recorded = real.upper() if digest is None else digest
    with pytest.raises(
        ValueError, match=r"have the SHA-256 \w{64} instead|not 64 hexadecimal digi"
    ):
        load(f"{duels.root}/marker", recorded)
    assert not marker.exists()


def test_an_artifact_that_changed_since_its_registration_is_never_unpickled(
    duels: Duels, put: Put, load: Load, marker: Path
) -> None:
    recorded = duels.put_model("changes", DummyRegressor(strategy="constant", constant=4))
    known = recorded["champion_uri"], recorded["champion_sha256"]
    assert load(*known).model.constant == 4
    put(duels.bucket().name, "duel-tests/changes")
    with pytest.raises(ValueError, match="instead of the registered"):
        load(*known)
    assert not marker.exists()


def test_a_file_that_was_added_to_an_artifact_is_never_imported(
    duels: Duels, load: Load, marker: Path
) -> None:
    recorded = duels.put_model("added", DummyRegressor().fit([[0.0]], [1.0]))
    added = {"predictor.json": '{"class": "added.Predictor"}', "added.py": f"open({str(marker)!r})"}
    for name, text in added.items():
        duels.bucket().blob(f"duel-tests/added/{name}").upload_from_string(text)
    with pytest.raises(ValueError, match="instead of the registered"):
        load(recorded["champion_uri"], recorded["champion_sha256"])
    assert "added" not in sys.modules


def test_an_image_without_the_model_server_is_named_in_the_error() -> None:
    program = (
        "from pipeline.duel_steps.artifact import load_artifact; "
        f"load_artifact('challenger', 'gs://b/m', {'0' * 64!r}, 'gs://b', '.')"
    )
    found = subprocess.run(  # -S: without the installed packages, of which model_server is one
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stderr.splitlines()[-1] == (
        "ValueError: The image of the challenger has no package model_server, by which models are "
        "scored: build it from images/Dockerfile, and train and register the model again."
    )
