"""`make deploy` against the sandbox's Cloud Storage, through Google's own clients."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api_core.exceptions import PreconditionFailed, RetryError
from google.cloud import storage

from deploy import __main__ as command
from deploy.bucket import Bucket
from deploy.checkout import desired_state
from deploy.plan import Object, Upload
from tests.deploy.conftest import Deploy, FakeComposer

MODEL = "dags/models/linnerud.yaml"


def names(bucket: storage.Bucket) -> set[str]:
    return {blob.name for blob in bucket.list_blobs()}


def test_a_first_deployment(
    deploy: Deploy, composer: FakeComposer, bucket: storage.Bucket, whole: Path
) -> None:
    deploy.checkout = whole
    said = deploy()
    want = desired_state(whole)
    assert {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs()} == want.objects
    blobs = sorted(bucket.list_blobs(), key=lambda blob: blob.time_created)
    assert [blob.name for blob in blobs] == list(want.objects), "in this order"
    kinds = [name.partition("/")[0] for name in want.objects]
    assert kinds == sorted(kinds, key=("data", "plugins", "dags").index)
    assert "Airflow has parsed linnerud__train, linnerud__rollout, without import errors" in said
    assert composer.asked == [
        "dags list-import-errors --output json",
        "dags list --columns dag_id,last_parsed_time --output json",
    ]
    assert "1/1 list the bucket and compare" in deploy(), "a second time nothing is uploaded"


def test_a_dry_run_touches_nothing(
    deploy: Deploy, composer: FakeComposer, bucket: storage.Bucket, checkout: Path
) -> None:
    said = deploy("--dry-run")
    steps = re.findall(r"^\d+\. upload (.+)$", said, re.MULTILINE)
    assert steps == list(desired_state(checkout).objects)
    assert names(bucket) == set()
    assert composer.asked == []
    deploy()
    before = {blob.name: blob.generation for blob in bucket.list_blobs()}
    (checkout / MODEL).write_text((checkout / MODEL).read_text() + "# changed\n")
    assert "upload dags/titleholder_dags.py (replaces another)" in deploy("--dry-run")
    assert {blob.name: blob.generation for blob in bucket.list_blobs()} == before


def test_a_dry_run_without_an_environment(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--dry-run", "--repository", str(checkout)]) == 0
    assert "3. upload plugins/titleholder-" in capsys.readouterr().out


@pytest.mark.parametrize("after", [1, 6, 8])
def test_interrupted_and_then_again(
    deploy: Deploy,
    bucket: storage.Bucket,
    checkout: Path,
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, real = after, Bucket.upload

    def stops(self: Bucket, step: Upload, release: str, owner: str) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        real(self, step, release, owner)

    want = desired_state(checkout)
    assert len(want.objects) == 9
    monkeypatch.setattr(Bucket, "upload", stops)
    assert "stopped; the same command goes on from here" in deploy(code=130)
    assert names(bucket) == set(list(want.objects)[:after])
    monkeypatch.setattr(Bucket, "upload", real)
    deploy()
    assert names(bucket) == set(want.objects)


def test_what_is_not_ours_stays(deploy: Deploy, bucket: storage.Bucket, checkout: Path) -> None:
    theirs = ("dags/other.py", "plugins/other.py", "plugins/.airflowignore", "data/titleholder/x")
    for name in theirs:
        bucket.blob(name).upload_from_string(b"theirs")
    extra = checkout / "dags" / "extra.py"
    extra.write_text('"""No DAG."""\n')
    deploy()
    edited = bucket.blob("dags/broken_models.py")
    assert "dags/extra.py" in names(bucket)
    extra.unlink()
    assert "delete dags/extra.py" in deploy()
    assert "dags/extra.py" not in names(bucket)
    assert set(theirs) <= names(bucket)

    edited.upload_from_string(b"changed by hand")
    assert "dags/broken_models.py in the bucket was not written by `make deploy`" in deploy(code=1)
    assert edited.download_as_bytes() == b"changed by hand"
    deploy("--force")
    assert edited.download_as_bytes() == desired_state(checkout).switch["dags/broken_models.py"]


def test_old_releases_leave_and_pipelines_stay(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    releases = []
    for number in range(4):
        pipeline = checkout / "pipeline/compiled/linnerud.yaml"
        pipeline.write_text(f"{pipeline.read_text()}# {number}\n")
        releases.append(desired_state(checkout).release)
        deploy()
    there = {name[20:32] for name in names(bucket) if name.startswith("plugins/")}
    assert there == set(releases[-3:])
    pipelines = [name for name in names(bucket) if "/pipelines/linnerud-" in name]
    assert len(pipelines) == 4, "a backfill may name each"


def test_a_difference_is_found_before_the_dag_files_are_touched(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Bucket.upload

    def meddled(self: Bucket, step: Upload, release: str, owner: str) -> None:
        real(self, step, release, owner)
        if step.name.endswith("/config/model.py"):
            bucket.blob(step.name).upload_from_string(b"another")

    monkeypatch.setattr(Bucket, "upload", meddled)
    told = deploy(code=1)
    release = desired_state(checkout).release
    assert f"plugins/titleholder-{release}/titleholder/config/model.py is another" in told
    assert not any(name.startswith("dags/") for name in names(bucket))


def test_a_file_too_many_is_found(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"plugins/titleholder-{desired_state(checkout).release}"
    bucket.blob(f"{folder}/extra.py").upload_from_string(b"theirs")
    assert f"{folder}/extra.py is not of this release" in deploy(code=1)
    bucket.blob(f"{folder}/extra.py").delete()
    # What the console makes as a folder is no file. The emulator cannot hold one.
    real, empty = Bucket.objects, Object("", 1, datetime.now(UTC))
    monkeypatch.setattr(Bucket, "objects", lambda self: real(self) | {f"{folder}/": empty})
    deploy()


def test_two_who_deploy_at_once(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    # The emulator knows no preconditions; Google answers 412.
    def refused(*_: object, if_generation_match: int, **__: object) -> None:
        assert if_generation_match == 0
        raise PreconditionFailed("conditionNotMet")

    monkeypatch.setattr(storage.Blob, "upload_from_string", refused)
    assert "somebody else wrote it a moment ago" in deploy(code=1)


def test_google_that_does_not_answer(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> None:
        raise RetryError("Timeout of 120.0s exceeded", cause=None)

    monkeypatch.setattr(storage.Blob, "upload_from_string", silent)
    told = deploy(code=1)
    assert "cannot write gs://" in told
    assert "Timeout of 120.0s exceeded" in told


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"--project": "X"}, "PROJECT is 'X'; write a project's id, as my-project"),
        ({"--location": "mars"}, "LOCATION is 'mars'; write a region, as us-central1"),
        ({"--environment": "A b"}, "ENVIRONMENT is 'A b'; write an environment's name"),
        ({"--environment": ""}, "ENVIRONMENT is missing; write make deploy PROJECT="),
        ({"--environment": "staging"}, "there is no projects/titleholder-local/locations/"),
    ],
)
def test_bad_arguments(deploy: Deploy, changed: dict[str, str], told: str) -> None:
    said = deploy(*(word for pair in changed.items() for word in pair), code=1)
    assert told in said
    assert said.count("\n") == 1


def test_an_environment_that_is_not_ready(deploy: Deploy, composer: FakeComposer) -> None:
    composer.state = "UPDATING"
    assert "is UPDATING; repeat this when it is RUNNING" in deploy(code=1)
    composer.state, composer.image = "RUNNING", "composer-2.9.7-airflow-2.9.3"
    assert "upgrade it to composer-3-airflow-3.3.1 or newer" in deploy(code=1)


def test_one_of_two_emulators(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSER_EMULATOR_HOST")
    assert "it may come from var/sandbox.env" in deploy(code=1)


def test_a_checkout_that_is_wrong(deploy: Deploy, bucket: storage.Bucket, checkout: Path) -> None:
    text = (checkout / MODEL).read_text()
    (checkout / MODEL).write_text(text.replace("linnerud.yaml #", "gone.yaml #"))
    assert "git tracks no pipeline/compiled/gone.yaml; compile it" in deploy(code=1)
    (checkout / MODEL).write_text(text.replace("owner:", "ownr:"))
    assert "linnerud.yaml: ownr: is not a key" in deploy(code=1)
    assert names(bucket) == set()


def test_import_errors_are_told(deploy: Deploy, composer: FakeComposer) -> None:
    theirs = {"filepath": "other.py", "error": "ImportError: theirs"}
    composer.rows["list-import-errors"] = [theirs]
    deploy()
    ours = {
        "filepath": "/home/airflow/gcs/dags/titleholder_dags.py",
        "error": "Traceback\nE: it broke",
    }
    composer.rows["list-import-errors"] = [theirs, ours]
    told = deploy(code=1)
    assert (
        "everything is in the bucket, but titleholder_dags.py has an import error: E: it broke"
        in told
    )
    composer.rows = {}
    assert "Airflow has not parsed linnerud__train, linnerud__rollout" in deploy(code=1)


def test_airflow_that_may_not_be_asked(deploy: Deploy, composer: FakeComposer) -> None:
    composer.error = (403, "PERMISSION_DENIED")
    assert "Airflow was not asked (airflow dags list-import-errors: " in deploy()
