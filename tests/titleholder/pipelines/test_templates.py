"""The template of a name, in a checkout and in a deployed release."""

import hashlib
import json
from pathlib import Path

import pytest

from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.pipelines.templates import load_template, parse_template, template_version
from titleholder.release import models_dir, templates_dir

FIRST, SECOND = b"root: {}\n", b"root: {dag: {}}\n"


def versioned(content: bytes) -> str:
    return f"tiny-{hashlib.sha256(content).hexdigest()[:12]}"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """An environment's bucket as a worker mounts it: a release whose `tiny.yaml` is FIRST."""
    package = tmp_path / "plugins/titleholder-0123456789ab/titleholder"
    package.mkdir(parents=True)
    (package / "release.json").write_text(
        json.dumps({"pipelines": {"tiny.yaml": f"{versioned(FIRST)}.yaml"}})
    )
    folder = tmp_path / "data/titleholder/pipelines"
    folder.mkdir(parents=True)
    for content in (FIRST, SECOND):
        (folder / f"{versioned(content)}.yaml").write_bytes(content)
    return tmp_path


def test_a_release_has_its_own_templates_and_models(bucket: Path) -> None:
    (package,) = bucket.glob("plugins/*/titleholder")
    assert load_template("tiny.yaml", package) == FIRST
    assert load_template(f"{versioned(SECOND)}.yaml", package) == SECOND, (
        "a backfill may name another"
    )
    assert models_dir("/elsewhere/dags/titleholder_dags.py", package) == package.parent / "models"


def test_a_template_that_has_not_arrived_is_retried(bucket: Path) -> None:
    (package,) = bucket.glob("plugins/*/titleholder")
    file = bucket / f"data/titleholder/pipelines/{versioned(FIRST)}.yaml"
    file.write_bytes(FIRST[:4])
    with pytest.raises(RetryableError, match="has not arrived yet"):
        load_template("tiny.yaml", package)
    file.unlink()
    with pytest.raises(RetryableError, match="has not arrived yet"):
        load_template("tiny.yaml", package)
    with pytest.raises(EnvironmentConfigError, match="no compiled pipeline at"):
        load_template("tiny-0123456789ab.yaml", package)


def test_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "plugins/titleholder"
    assert templates_dir(package) == (tmp_path / "pipeline/compiled", {})
    assert models_dir("/x/dags/titleholder_dags.py", package) == Path("/x/dags/models")
    installed = tmp_path / "site-packages/titleholder"
    assert templates_dir(installed) == (Path("pipeline/compiled"), {})
    monkeypatch.setenv("TITLEHOLDER_TEMPLATE_DIR", str(tmp_path))
    (tmp_path / "tiny.yaml").write_bytes(FIRST)
    assert load_template("tiny.yaml", package) == FIRST
    assert load_template(f"{versioned(FIRST)}.yaml", package) == FIRST
    with pytest.raises(EnvironmentConfigError, match="no compiled pipeline at"):
        load_template(f"{versioned(SECOND)}.yaml", package)


def test_the_versions_of_templates() -> None:
    assert template_version("tiny.yaml", FIRST) == template_version(
        f"gs://b/c/{versioned(FIRST)}.yaml", FIRST
    )
    assert parse_template("tiny.yaml", FIRST + b"---\nplatforms: {}\n").spec == {"root": {}}
    for text in (b"root: [", b"\xff", b"other: 1", b"", b"[" * 100_000, b"{a: " * 100_000):
        with pytest.raises(EnvironmentConfigError, match="is not a whole compiled pipeline"):
            parse_template("tiny.yaml", text)
    with pytest.raises(EnvironmentConfigError, match="is not the version that its name says"):
        parse_template(f"gs://b/{versioned(FIRST)}.yaml", SECOND)
