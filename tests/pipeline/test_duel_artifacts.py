"""Nothing of a file runs before it is known to be ours: proved by a pickle that leaves a mark."""

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


class Marks:
    """Whoever unpickles it makes the file."""

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
def mark(tmp_path: Path) -> Path:
    return tmp_path / "unpickled"


@pytest.fixture
def put(duels: Duels, mark: Path) -> Callable[[str, str], str]:
    """Stores such a pickle in a bucket under a name; gives its SHA-256."""
    file = io.BytesIO()
    joblib.dump(Marks(mark), file)

    def store(bucket: str, name: str) -> str:
        client = duels.bucket().client
        if not client.bucket(bucket).exists():
            client.create_bucket(bucket)
        client.bucket(bucket).blob(name).upload_from_string(file.getvalue())
        return hashlib.sha256(file.getvalue()).hexdigest()

    return store


def test_the_mark_is_left_by_what_is_loaded(
    duels: Duels, put: Callable[[str, str], str], mark: Path
) -> None:
    digest = put(duels.bucket().name, "duel-tests/marks/model.joblib")
    load_model("champion", f"{duels.root}/marks", digest, duels.root, duels.project)
    assert mark.exists()


@pytest.mark.parametrize(
    ("bucket", "folder", "uri", "says"),
    [
        ("evil-bucket", "m", "gs://evil-bucket/m", "is not under"),
        (None, "beside/m", "gs://{}/beside/m", "is not under"),
        (None, "duel-tests-2/m", "gs://{}/duel-tests-2/m", "is not under"),
        (None, "beside/m", "gs://{}/duel-tests/../beside/m", "is not under"),
        (None, "duel-tests/./m", "gs://{}/duel-tests/./m", "is not under"),
        (None, "duel-tests//m", "gs://{}/duel-tests//m", "is not under"),
    ],
)
def test_what_lies_elsewhere_is_never_unpickled(
    duels: Duels,
    put: Callable[[str, str], str],
    mark: Path,
    bucket: str | None,
    folder: str,
    uri: str,
    says: str,
) -> None:
    ours = duels.bucket().name
    digest = put(bucket or ours, f"{folder}/model.joblib")
    with pytest.raises(ValueError, match=says):
        load_model("challenger", uri.format(ours), digest, duels.root, duels.project)
    assert not mark.exists()


@pytest.mark.parametrize("digest", ["0" * 64, "", "x", None])
def test_what_has_another_digest_is_never_unpickled(
    duels: Duels, put: Callable[[str, str], str], mark: Path, digest: str | None
) -> None:
    """None: upper case, which is not how a digest is recorded."""
    real = put(duels.bucket().name, "duel-tests/marks/model.joblib")
    given = real.upper() if digest is None else digest
    with pytest.raises(ValueError, match=r"its SHA-256 is|not 64 hexadecimal digits"):
        load_model("champion", f"{duels.root}/marks", given, duels.root, duels.project)
    assert not mark.exists()


def test_a_file_that_changed_since_its_registration_is_never_unpickled(
    duels: Duels, put: Callable[[str, str], str], mark: Path
) -> None:
    given = duels.put_model("changes", {"a": 1})
    arguments = (given["champion_uri"], given["champion_sha256"], duels.root, duels.project)
    assert load_model("champion", *arguments) == {"a": 1}
    put(duels.bucket().name, "duel-tests/changes/model.joblib")
    with pytest.raises(ValueError, match="changed: its SHA-256 is"):
        load_model("champion", *arguments)
    assert not mark.exists()
