"""Objects have an owner; a deployment of another owner neither replaces nor deletes them."""

import shutil
from pathlib import Path

import pytest
from google.cloud import storage

from deploy.bucket import OWNER_METADATA, Bucket
from deploy.checkout import desired_state
from deploy.owner import name_of, owner_of
from tests.deploy.conftest import Deploy, commit, git
from titleholder.errors import EnvironmentConfigError

MODEL = "dags/models/linnerud.yaml"


def contents(bucket: storage.Bucket) -> dict[str, tuple[bytes, str]]:
    return {
        blob.name: (blob.download_as_bytes(), (blob.metadata or {}).get(OWNER_METADATA, ""))
        for blob in bucket.list_blobs()
    }


def add_model(checkout: Path, model: str) -> None:
    text = (checkout / MODEL).read_text()
    for key in ("model", "display_name"):
        assert f"{key}: linnerud" in text
        text = text.replace(f"{key}: linnerud", f"{key}: {model}")
    (checkout / f"dags/models/{model}.yaml").write_text(text)
    commit(checkout)


@pytest.fixture
def other(checkout: Path, tmp_path: Path) -> Path:
    """Another project's checkout, with an additional model and DAG file."""
    folder = tmp_path / "other"
    shutil.copytree(checkout, folder)
    git(folder, "remote", "add", "origin", "git@example.com:other/models.git")
    add_model(folder, "second")
    (folder / "dags/extra.py").write_text('"""No DAG."""\n')
    commit(folder)
    return folder


def test_objects_of_another_owner_are_neither_replaced_nor_deleted(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, other: Path
) -> None:
    git(checkout, "remote", "add", "origin", "https://example.com/own/models")
    deploy.checkout = other
    deploy("--owner", "x/other-first")
    deploy("--owner", "x/other-first")
    before = contents(bucket)
    assert {owner for _, owner in before.values()} == {"x/other-first"}

    deploy.checkout = checkout
    output = deploy(code=1)
    assert contents(bucket) == before
    assert output == deploy("--dry-run", code=1)
    foreign, dropped = output.splitlines()
    assert foreign == (
        "deploy: dags/broken_models.py, dags/titleholder_dags.py in the bucket belongs to "
        "x/other-first, and this checkout is example.com/own/models; deploy to another "
        "environment, give both one OWNER, or repeat this with FORCE=1 to take it over"
    )
    release = desired_state(other).release
    assert dropped == (
        f"deploy: the model second is deployed (plugins/titleholder-{release}/models/second.yaml "
        "in the bucket) and git tracks no dags/models/second.yaml in this checkout, so its DAGs "
        "would disappear, while its endpoint stays; add the file, or repeat this with FORCE=1 to "
        "drop the model"
    )

    output = deploy("--force")
    assert output.count("overridden by FORCE=1: ") == 2
    after = contents(bucket)
    assert after["dags/titleholder_dags.py"][1] == "example.com/own/models"
    unchanged = {
        name: one
        for name, one in before.items()
        if name not in desired_state(checkout).entry_objects
    }
    assert unchanged.items() <= after.items(), "also dags/extra.py and their release"
    assert "1/1 list the bucket" in deploy(), "afterwards it has this owner"
    deploy.checkout = other
    assert "belongs to example.com/own/models" in deploy("--owner", "x/other-first", code=1)


def test_a_deployed_model_is_dropped_only_by_force(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    add_model(checkout, "second")
    deploy()
    before = contents(bucket)
    (checkout / "dags/models/second.yaml").unlink()
    for arguments in ((), ("--dry-run",)):
        output = deploy(*arguments, code=1)
        assert output.startswith("deploy: the model second is deployed (plugins/titleholder-")
        assert output.count("\n") == 1
    assert contents(bucket) == before
    assert "overridden by FORCE=1: the model second is deployed" in deploy("--force")
    # Its release is unchanged, for going back, but no DAG file names it.
    assert any(name.endswith("/models/second.yaml") for name in contents(bucket))
    deploy()
    add_model(checkout, "third")
    deploy()


def test_an_untracked_model_file_does_not_count_as_a_model(deploy: Deploy, checkout: Path) -> None:
    add_model(checkout, "second")
    deploy()
    git(checkout, "rm", "--cached", "dags/models/second.yaml")
    git(checkout, "commit", "-m", "test")
    assert "the model second is deployed" in deploy(first=False, code=1)


def test_removing_a_dag_file_does_not_drop_a_model_silently(deploy: Deploy, checkout: Path) -> None:
    add_model(checkout, "second")
    deploy()
    (checkout / "dags/titleholder_dags.py").unlink()
    (checkout / "dags/models/second.yaml").unlink()
    assert "the model second is deployed" in deploy(code=1)


def test_models_that_were_copied_by_hand_are_dropped_only_by_force(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    for name in ("dags/titleholder_dags.py", "dags/models/byhand.yaml"):
        bucket.blob(name).upload_from_string(b"by hand")
    foreign, dropped = deploy(code=1).splitlines()
    assert "dags/titleholder_dags.py in the bucket was not written by `make deploy`" in foreign
    assert "the model byhand is deployed (dags/models/byhand.yaml in the bucket)" in dropped
    deploy("--force")
    (checkout / MODEL).write_text((checkout / MODEL).read_text() + "# another release\n")
    deploy()


def test_objects_without_an_owner_are_taken_over_only_by_force(
    deploy: Deploy,
    bucket: storage.Bucket,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Bucket.upload
    (checkout / "dags/notes.txt").write_text("the same in both")
    with monkeypatch.context() as patch:
        patch.setattr(
            Bucket, "upload", lambda self, step, release, _: real(self, step, release, "")
        )
        deploy()
    (checkout / MODEL).write_text((checkout / MODEL).read_text() + "# another release\n")
    assert (
        "dags/broken_models.py, dags/titleholder_dags.py in the bucket was written by a `make "
        "deploy` that recorded no owner; if that was this project's, repeat this with FORCE=1 to "
        "take it over"
    ) in deploy(code=1)
    deploy("--force")
    assert contents(bucket)["dags/notes.txt"][1] == owner_of(checkout)
    (checkout / "dags/notes.txt").write_text("another")
    deploy()


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/Team/models.git",
        # Concatenated, so that the test for secrets does not find one.
        "https://user:" + "token-of-ci@github.com/team/models",
        "git@github.com:team/models.git",
        "ssh://git@github.com:22/team/models.git/",
        "github.com:team/models",
    ],
)
def test_every_remote_url_of_a_repository_gives_the_same_owner(checkout: Path, remote: str) -> None:
    git(checkout, "remote", "add", "origin", remote)
    assert owner_of(checkout) == "github.com/team/models"


@pytest.mark.parametrize("remote", ["/srv/models", "../models", "file:///srv/models.git", "models"])
def test_a_local_remote_gives_no_owner(remote: str) -> None:
    assert name_of(remote) == ""


def test_without_a_remote_the_first_commit_is_the_owner(checkout: Path, tmp_path: Path) -> None:
    first = owner_of(checkout)
    assert first.startswith("commit-")
    commit(checkout)
    git(checkout, "clone", str(checkout), str(tmp_path / "clone"))
    assert owner_of(tmp_path / "clone") == owner_of(checkout) == first
    git(checkout, "clone", "--depth", "1", f"file://{checkout}", str(tmp_path / "shallow"))
    with pytest.raises(
        EnvironmentConfigError, match=r"is a shallow clone .*; write OWNER=my-team/models"
    ):
        owner_of(tmp_path / "shallow")


def test_an_owner_option_is_validated(checkout: Path) -> None:
    assert owner_of(checkout, "my-team/models") == "my-team/models"
    with pytest.raises(
        EnvironmentConfigError, match=r"^OWNER is 'a b'; write a name, as my-team/models$"
    ):
        owner_of(checkout, "a b")
