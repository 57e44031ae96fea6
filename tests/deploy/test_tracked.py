"""Only files that git tracks are uploaded, as they are in the last commit."""

import shutil
from pathlib import Path

import pytest
from google.cloud import storage

from deploy.checkout import desired_state
from deploy.tracked import tracked
from tests.deploy.conftest import Deploy, commit, git
from titleholder.errors import EnvironmentConfigError

MODEL = "dags/models/linnerud.yaml"


def test_only_files_that_git_tracks_are_uploaded(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, tmp_path: Path
) -> None:
    desired = desired_state(checkout)
    (checkout / ".gitignore").write_text("ignored*\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/key.json").write_text("a key")
    (checkout / "dags/linked.py").symlink_to(tmp_path / "secrets/key.json")
    (checkout / "plugins/titleholder/linked").symlink_to(tmp_path / "secrets")
    (checkout / "dags/.env").write_text("PASSWORD=x")
    (checkout / "plugins/.cache").mkdir()
    (checkout / "plugins/.cache/x.py").write_text("x")
    commit(checkout)
    for name in (
        "plugins/titleholder/.env",
        "plugins/titleholder/config/model.py.orig",
        "plugins/ignored.py",
        "dags/untracked.py",
        "dags/models/untracked.yaml",
        "pipeline/compiled/untracked.yaml",
    ):
        (checkout / name).write_text("private")
    output = deploy(first=False)
    assert {blob.name for blob in bucket.list_blobs()} == set(desired.objects)
    message = output.splitlines()[0]
    for name in (
        "dags/.env (a dotfile)",
        "dags/linked.py (a symbolic link)",
        "dags/untracked.py (not tracked by git)",
        "dags/models/untracked.yaml (not tracked by git)",
        "pipeline/compiled/untracked.yaml (not tracked by git)",
        "plugins/.cache/x.py (a dotfile)",
        "plugins/titleholder/.env (not tracked by git)",
        "plugins/titleholder/config/model.py.orig (not tracked by git)",
        "plugins/titleholder/linked (a symbolic link)",
    ):
        assert name in message
    assert "plugins/.airflowignore" not in message
    assert "ignored" not in message, "ignored files are not listed"


def test_a_linked_folder_is_not_followed(checkout: Path, tmp_path: Path) -> None:
    shutil.move(checkout / "dags/models", tmp_path / "models")
    (checkout / "dags/models").symlink_to(tmp_path / "models")
    found = tracked(checkout)
    assert not [name for name in found.files if name.startswith("dags/models")]
    assert f"{MODEL} (a symbolic link)" in found.left_out


def test_the_airflowignore_file_is_uploaded(checkout: Path) -> None:
    (checkout / "dags/.airflowignore").write_text("helpers/\n")
    commit(checkout)
    assert desired_state(checkout).entry_objects["dags/.airflowignore"] == b"helpers/\n"


@pytest.mark.parametrize("change", ["edited", "removed", "added"])
def test_uncommitted_changes_are_deployed_only_on_request(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, change: str
) -> None:
    name = "plugins/titleholder/config/model.py"
    match change:
        case "edited":
            (checkout / name).write_text("# edited\n")
        case "removed":
            (checkout / name).unlink()
        case "added":
            name = "dags/added.py"
            (checkout / name).write_text('"""Added."""\n')
            git(checkout, "add", name)
    (checkout / "dags/models/schema.json").write_text("nothing that is deployed")
    (checkout / "README.md").write_text("nothing that is deployed")
    message = (
        f"deploy: {name} in this checkout differs from the last commit; commit the change, or "
        "repeat this with UNCOMMITTED=1 to deploy the working tree as it is\n"
    )
    assert deploy("--force", first=False, code=1) == message
    assert deploy("--dry-run", first=False, code=1) == message
    assert not list(bucket.list_blobs())
    output = deploy("--uncommitted", first=False)
    assert f"overridden by UNCOMMITTED=1: {name} in this checkout differs" in output
    assert {blob.name for blob in bucket.list_blobs()} == set(desired_state(checkout).objects)


def test_a_checkout_may_be_a_folder_of_a_repository(checkout: Path, tmp_path: Path) -> None:
    before, inner = desired_state(checkout), tmp_path / "all/team/models"
    inner.parent.mkdir(parents=True)
    shutil.copytree(checkout, inner, ignore=shutil.ignore_patterns(".git"))
    git(tmp_path / "all", "init")
    commit(tmp_path / "all")
    (inner / MODEL).write_text((inner / MODEL).read_text() + "# edited\n")
    found = desired_state(inner)
    assert found.uncommitted == (MODEL,)
    assert found.objects.keys() - before.objects.keys()
    assert len(found.objects) == len(before.objects)
    assert found.owner.endswith("/team/models")


@pytest.mark.parametrize("state", ["nothing", "no commit"])
def test_a_folder_that_is_not_a_checkout_is_refused(checkout: Path, state: str) -> None:
    shutil.rmtree(checkout / ".git")
    if state == "no commit":
        git(checkout, "init")
    with pytest.raises(
        EnvironmentConfigError, match=r"; deploy from a clone that has a commit: only files"
    ):
        desired_state(checkout)


def test_missing_git_is_reported(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    with pytest.raises(EnvironmentConfigError, match="git is not installed; install it"):
        desired_state(checkout)
