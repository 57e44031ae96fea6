"""An artifact is unpickled only after its location and digest are checked: the test artifact is a
pickle that creates a file when it is unpickled."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest

from pipeline.duel_steps.model_loader import load_model
from tests.conftest import Sandbox
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
def put(duels: Duels, marker: Path) -> Callable[[str, str], str]:
    """Stores such a pickle in a bucket under a name; returns its SHA-256."""
    file = io.BytesIO()
    joblib.dump(CreatesFile(marker), file)

    def store(bucket: str, name: str) -> str:
        client = duels.bucket().client
        if not client.bucket(bucket).exists():
            client.create_bucket(bucket)
        client.bucket(bucket).blob(name).upload_from_string(file.getvalue())
        return hashlib.sha256(file.getvalue()).hexdigest()

    return store


def test_a_loaded_artifact_creates_the_file(
    duels: Duels, put: Callable[[str, str], str], marker: Path
) -> None:
    digest = put(duels.bucket().name, "duel-tests/marker/model.joblib")
    load_model("champion", f"{duels.root}/marker", digest, duels.root, duels.project)
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
    put: Callable[[str, str], str],
    marker: Path,
    bucket: str | None,
    folder: str,
    uri: str,
    message: str,
) -> None:
    own_bucket = duels.bucket().name
    digest = put(bucket or own_bucket, f"{folder}/model.joblib")
    with pytest.raises(ValueError, match=message):
        load_model("challenger", uri.format(own_bucket), digest, duels.root, duels.project)
    assert not marker.exists()


@pytest.mark.parametrize("digest", ["0" * 64, "", "x", None])
def test_an_artifact_with_another_digest_is_never_unpickled(
    duels: Duels, put: Callable[[str, str], str], marker: Path, digest: str | None
) -> None:
    """None: upper case, which is not how a digest is recorded."""
    real = put(duels.bucket().name, "duel-tests/marker/model.joblib")
    recorded = real.upper() if digest is None else digest
    with pytest.raises(ValueError, match=r"its SHA-256 is|not 64 hexadecimal digits"):
        load_model("champion", f"{duels.root}/marker", recorded, duels.root, duels.project)
    assert not marker.exists()


def test_a_file_that_changed_since_its_registration_is_never_unpickled(
    duels: Duels, put: Callable[[str, str], str], marker: Path
) -> None:
    recorded = duels.put_model("changes", {"a": 1})
    arguments = (recorded["champion_uri"], recorded["champion_sha256"], duels.root, duels.project)
    assert load_model("champion", *arguments) == {"a": 1}
    put(duels.bucket().name, "duel-tests/changes/model.joblib")
    with pytest.raises(ValueError, match="changed: its SHA-256 is"):
        load_model("champion", *arguments)
    assert not marker.exists()
