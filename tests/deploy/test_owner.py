"""What is deployed has an owner, and is not replaced, removed or dropped by another one."""

import shutil
from pathlib import Path

import pytest
from google.cloud import storage

from deploy.bucket import OWNER, Bucket
from deploy.checkout import desired_state
from deploy.owner import name_of, owner_of
from tests.deploy.conftest import Deploy, commit, git
from titleholder.errors import EnvironmentConfigError

MODEL = "dags/models/linnerud.yaml"


def contents(bucket: storage.Bucket) -> dict[str, tuple[bytes, str]]:
    return {
        blob.name: (blob.download_as_bytes(), (blob.metadata or {}).get(OWNER, ""))
        for blob in bucket.list_blobs()
    }


def second(checkout: Path, model: str) -> None:
    """Adds a model."""
    text = (checkout / MODEL).read_text()
    for key in ("model", "display_name"):
        assert f"{key}: linnerud" in text
        text = text.replace(f"{key}: linnerud", f"{key}: {model}")
    (checkout / f"dags/models/{model}.yaml").write_text(text)
    commit(checkout)


@pytest.fixture
def other(checkout: Path, tmp_path: Path) -> Path:
    """Another project's checkout, with a model and a DAG file more."""
    made = tmp_path / "other"
    shutil.copytree(checkout, made)
    git(made, "remote", "add", "origin", "git@example.com:other/models.git")
    second(made, "second")
    (made / "dags/extra.py").write_text('"""No DAG."""\n')
    commit(made)
    return made


def test_another_checkouts_files_are_neither_replaced_nor_removed(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, other: Path
) -> None:
    git(checkout, "remote", "add", "origin", "https://example.com/ours/models")
    deploy.checkout = other
    deploy("--owner", "x/theirs-first")
    deploy("--owner", "x/theirs-first")
    before = contents(bucket)
    assert {owner for _, owner in before.values()} == {"x/theirs-first"}

    deploy.checkout = checkout
    said = deploy(code=1)
    assert contents(bucket) == before
    assert said == deploy("--dry-run", code=1)
    foreign, dropped = said.splitlines()
    assert foreign == (
        "deploy: dags/broken_models.py, dags/titleholder_dags.py in the bucket belongs to "
        "x/theirs-first, and this checkout is example.com/ours/models; deploy to another "
        "environment, give both one OWNER, or repeat this with FORCE=1 to take it over"
    )
    release = desired_state(other).release
    assert dropped == (
        f"deploy: the model second is deployed (plugins/titleholder-{release}/models/second.yaml "
        "in the bucket) and git tracks no dags/models/second.yaml in this checkout, so its DAGs "
        "would be gone, while its endpoint stays; add the file, or repeat this with FORCE=1 to "
        "drop the model"
    )

    said = deploy("--force")
    assert said.count("overridden by FORCE=1: ") == 2
    after = contents(bucket)
    assert after["dags/titleholder_dags.py"][1] == "example.com/ours/models"
    kept = {name: one for name, one in before.items() if name not in desired_state(checkout).switch}
    assert kept.items() <= after.items(), "also dags/extra.py and their release"
    assert "1/1 list the bucket" in deploy(), "and from then on it is ours"
    deploy.checkout = other
    assert "belongs to example.com/ours/models" in deploy("--owner", "x/theirs-first", code=1)


def test_a_deployed_model_is_dropped_only_when_a_person_says_so(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    second(checkout, "second")
    deploy()
    before = contents(bucket)
    (checkout / "dags/models/second.yaml").unlink()
    for arguments in ((), ("--dry-run",)):
        said = deploy(*arguments, code=1)
        assert said.startswith("deploy: the model second is deployed (plugins/titleholder-")
        assert said.count("\n") == 1
    assert contents(bucket) == before
    assert "overridden by FORCE=1: the model second is deployed" in deploy("--force")
    # The release with it is still there, to go back to, but no DAG file names it.
    assert any(name.endswith("/models/second.yaml") for name in contents(bucket))
    deploy()
    second(checkout, "third")
    deploy()


def test_a_model_that_only_lies_there_is_no_reason_to_drop_one(
    deploy: Deploy, checkout: Path
) -> None:
    second(checkout, "second")
    deploy()
    git(checkout, "rm", "--cached", "dags/models/second.yaml")
    git(checkout, "commit", "-m", "test")
    assert "the model second is deployed" in deploy(first=False, code=1)


def test_a_removed_dag_file_takes_no_deployed_model_along_unsaid(
    deploy: Deploy, checkout: Path
) -> None:
    second(checkout, "second")
    deploy()
    (checkout / "dags/titleholder_dags.py").unlink()
    (checkout / "dags/models/second.yaml").unlink()
    assert "the model second is deployed" in deploy(code=1)


def test_models_beside_dag_files_that_were_copied_by_hand(
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


def test_what_a_deployment_without_an_owner_left_is_taken_over_only_by_force(
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
        "dags/broken_models.py, dags/titleholder_dags.py in the bucket was written by a `make deploy` "
        "that noted no owner; if that was this project's, repeat this with FORCE=1 to take it over"
    ) in deploy(code=1)
    deploy("--force")
    assert contents(bucket)["dags/notes.txt"][1] == owner_of(checkout)
    (checkout / "dags/notes.txt").write_text("another")
    deploy()


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/Team/models.git",
        # Put together, lest the test for secrets find one.
        "https://user:" + "token-of-ci@github.com/team/models",
        "git@github.com:team/models.git",
        "ssh://git@github.com:22/team/models.git/",
        "github.com:team/models",
    ],
)
def test_every_clone_of_a_repository_has_one_owner(checkout: Path, remote: str) -> None:
    git(checkout, "remote", "add", "origin", remote)
    assert owner_of(checkout) == "github.com/team/models"


@pytest.mark.parametrize("remote", ["/srv/models", "../models", "file:///srv/models.git", "models"])
def test_a_folder_of_one_machine_is_no_owner(remote: str) -> None:
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


def test_a_given_owner_is_a_name(checkout: Path) -> None:
    assert owner_of(checkout, "my-team/models") == "my-team/models"
    with pytest.raises(
        EnvironmentConfigError, match=r"^OWNER is 'a b'; write a name, as my-team/models$"
    ):
        owner_of(checkout, "a b")
