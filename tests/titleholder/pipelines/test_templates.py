"""Which text a compiled pipeline's name means, in a checkout and once deployed."""

import hashlib
import json
from pathlib import Path

import pytest

from titleholder.errors import SettingError, TryAgain
from titleholder.pipelines.templates import compiled, read, version_of
from titleholder.release import models_of, pipelines_of

OLD, NEW = b"root: {}\n", b"root: {dag: {}}\n"


def named(content: bytes) -> str:
    return f"tiny-{hashlib.sha256(content).hexdigest()[:12]}"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """An environment's bucket, as a worker sees it: a release whose `tiny.yaml` is OLD."""
    package = tmp_path / "plugins/titleholder-0123456789ab/titleholder"
    package.mkdir(parents=True)
    (package / "release.json").write_text(
        json.dumps({"pipelines": {"tiny.yaml": f"{named(OLD)}.yaml"}})
    )
    folder = tmp_path / "data/titleholder/pipelines"
    folder.mkdir(parents=True)
    for content in (OLD, NEW):
        (folder / f"{named(content)}.yaml").write_bytes(content)
    return tmp_path


def test_a_release_has_its_own_pipelines_and_models(bucket: Path) -> None:
    (package,) = bucket.glob("plugins/*/titleholder")
    assert read("tiny.yaml", package) == OLD
    assert read(f"{named(NEW)}.yaml", package) == NEW, "a backfill may name another"
    assert models_of("/elsewhere/dags/titleholder.py", package) == package.parent / "models"


def test_what_has_not_arrived_is_worth_another_try(bucket: Path) -> None:
    (package,) = bucket.glob("plugins/*/titleholder")
    file = bucket / f"data/titleholder/pipelines/{named(OLD)}.yaml"
    file.write_bytes(OLD[:4])
    with pytest.raises(TryAgain, match="has not arrived yet"):
        read("tiny.yaml", package)
    file.unlink()
    with pytest.raises(TryAgain, match="has not arrived yet"):
        read("tiny.yaml", package)
    with pytest.raises(SettingError, match="no compiled pipeline at"):
        read("tiny-0123456789ab.yaml", package)


def test_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "plugins/titleholder"
    assert pipelines_of(package) == (tmp_path / "pipeline/compiled", {})
    assert models_of("/x/dags/titleholder.py", package) == Path("/x/dags/models")
    monkeypatch.setenv("TITLEHOLDER_PIPELINES", str(tmp_path))
    (tmp_path / "tiny.yaml").write_bytes(OLD)
    assert read("tiny.yaml", package) == OLD
    assert read(f"{named(OLD)}.yaml", package) == OLD
    with pytest.raises(SettingError, match="no compiled pipeline at"):
        read(f"{named(NEW)}.yaml", package)


def test_versions() -> None:
    assert version_of("tiny.yaml", OLD) == version_of(f"gs://b/c/{named(OLD)}.yaml", OLD)
    assert compiled("tiny.yaml", OLD + b"---\nplatforms: {}\n").spec == {"root": {}}
    for text in (b"root: [", b"\xff", b"other: 1", b"", b"[" * 100_000, b"{a: " * 100_000):
        with pytest.raises(SettingError, match="is not a whole compiled pipeline"):
            compiled("tiny.yaml", text)
    with pytest.raises(SettingError, match="is not the version that its name says"):
        compiled(f"gs://b/{named(OLD)}.yaml", NEW)
