"""`make deploy` against the sandbox's Cloud Storage, through Google's clients."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api_core.exceptions import PreconditionFailed, RetryError
from google.cloud import storage

from deploy import __main__ as command
from deploy.bucket import Bucket
from deploy.checkout import desired_state
from deploy.composer import EMULATOR as COMPOSER
from deploy.image.registry import EMULATOR as REGISTRY
from deploy.plan import Object, Upload
from tests.deploy.conftest import LOCATION, PROJECT, Deploy, FakeComposer, commit
from tests.deploy.fakes import FakeRegistry
from titleholder.gcp.loopback import STORAGE

MODEL = "dags/models/linnerud.yaml"


def names(bucket: storage.Bucket) -> set[str]:
    return {blob.name for blob in bucket.list_blobs()}


def test_a_first_deployment(
    deploy: Deploy, composer: FakeComposer, bucket: storage.Bucket, full_checkout: Path
) -> None:
    deploy.checkout = full_checkout
    output = deploy()
    desired = desired_state(full_checkout)
    assert {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs()} == desired.objects
    blobs = sorted(bucket.list_blobs(), key=lambda blob: blob.time_created)
    assert [blob.name for blob in blobs] == list(desired.objects), "in the order of upload"
    kinds = [name.partition("/")[0] for name in desired.objects]
    assert kinds == sorted(kinds, key=("data", "plugins", "dags").index)
    assert "Airflow has parsed linnerud__train, linnerud__rollout, without import errors" in output
    assert composer.commands == [
        "dags list-import-errors --output json",
        "dags list --columns dag_id,last_parsed_time --output json",
    ]
    assert "1/1 list the bucket and compare" in deploy(), "a repeated deployment uploads nothing"


def test_a_dry_run_changes_nothing(
    deploy: Deploy, composer: FakeComposer, bucket: storage.Bucket, checkout: Path
) -> None:
    output = deploy("--dry-run", "--verbose")
    steps = re.findall(r"^\d+\. upload (.+)$", output, re.MULTILINE)
    assert steps == list(desired_state(checkout).objects)
    assert names(bucket) == set()
    assert composer.commands == []
    deploy()
    before = {blob.name: blob.generation for blob in bucket.list_blobs()}
    (checkout / MODEL).write_text((checkout / MODEL).read_text() + "# changed\n")
    assert "upload dags/titleholder_dags.py (replaces another)" in deploy("--dry-run")
    assert {blob.name: blob.generation for blob in bucket.list_blobs()} == before


def test_a_dry_run_has_one_line_for_a_release(deploy: Deploy, checkout: Path) -> None:
    folders, extra = [], checkout / "dags" / "extra.py"
    extra.write_text('"""No DAG."""\n')
    for number in range(4):
        (checkout / MODEL).write_text((checkout / MODEL).read_text() + f"# {number}\n")
        folders.append(f"plugins/titleholder-{desired_state(checkout).release}/")
        if number < 3:
            deploy()
    extra.unlink()
    count = sum(name.startswith(folders[3]) for name in desired_state(checkout).objects)
    assert count > 4
    steps = re.findall(r"^\d+\. ((?:upload|delete) .+)$", deploy("--dry-run"), re.MULTILINE)
    assert steps == [
        f"upload {folders[3]} ({count} objects; VERBOSE=1 names them)",
        "upload dags/broken_models.py (replaces another)",
        "upload dags/titleholder_dags.py (replaces another)",
        "delete dags/extra.py",
        f"delete {folders[0]} ({count} objects; VERBOSE=1 names them)",
    ]
    named = deploy("--dry-run", "--verbose")
    assert named.count(f". upload {folders[3]}") == named.count(f". delete {folders[0]}") == count


def test_a_dry_run_without_credentials_says_how_to_get_them(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (STORAGE, COMPOSER, REGISTRY):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    remedy = (
        "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the "
        "file of a service account's credentials"
    )
    first, *_ = deploy("--dry-run").splitlines()
    assert first.startswith("dry run for an empty environment (no working credentials: ")
    assert first.endswith(f"; {remedy})")
    assert deploy(code=1).endswith(f"; {remedy}\n")


def test_a_dry_run_without_an_environment(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--dry-run", "--repository", str(checkout)]) == 0
    assert re.search(r"^\d+\. upload plugins/titleholder-", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("after", [1, 6, 8])
def test_an_interrupted_deployment_continues(
    deploy: Deploy,
    bucket: storage.Bucket,
    checkout: Path,
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remaining, real = after, Bucket.upload

    def upload_or_stop(self: Bucket, step: Upload, release: str, owner: str) -> None:
        nonlocal remaining
        if not remaining:
            raise KeyboardInterrupt
        remaining -= 1
        real(self, step, release, owner)

    desired = desired_state(checkout)
    assert len(desired.objects) == 10
    monkeypatch.setattr(Bucket, "upload", upload_or_stop)
    assert "stopped; repeat the same command to continue" in deploy(code=130)
    assert names(bucket) == set(list(desired.objects)[:after])
    monkeypatch.setattr(Bucket, "upload", real)
    deploy()
    assert names(bucket) == set(desired.objects)


def test_foreign_objects_are_not_deleted(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    foreign = ("dags/other.py", "plugins/other.py", "plugins/.airflowignore", "data/titleholder/x")
    for name in foreign:
        bucket.blob(name).upload_from_string(b"foreign")
    extra = checkout / "dags" / "extra.py"
    extra.write_text('"""No DAG."""\n')
    deploy()
    edited = bucket.blob("dags/broken_models.py")
    assert "dags/extra.py" in names(bucket)
    extra.unlink()
    assert "delete dags/extra.py" in deploy()
    assert "dags/extra.py" not in names(bucket)
    assert set(foreign) <= names(bucket)

    edited.upload_from_string(b"changed by hand")
    assert "dags/broken_models.py in the bucket was not written by `make deploy`" in deploy(code=1)
    assert edited.download_as_bytes() == b"changed by hand"
    deploy("--force")
    assert (
        edited.download_as_bytes() == desired_state(checkout).entry_objects["dags/broken_models.py"]
    )


def test_old_releases_are_deleted_and_pipelines_are_not(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    releases = []
    for number in range(4):
        pipeline = checkout / "pipeline/compiled/linnerud.yaml"
        pipeline.write_text(f"{pipeline.read_text()}# {number}\n")
        releases.append(desired_state(checkout).release)
        deploy()
    existing = {name[20:32] for name in names(bucket) if name.startswith("plugins/")}
    assert existing == set(releases[-3:])
    pipelines = [name for name in names(bucket) if "/pipelines/linnerud-" in name]
    assert len(pipelines) == 4, "a backfill may name each"


def test_a_changed_object_stops_the_deployment_before_the_dag_files(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Bucket.upload

    def upload_and_change(self: Bucket, step: Upload, release: str, owner: str) -> None:
        real(self, step, release, owner)
        if step.name.endswith("/config/model.py"):
            bucket.blob(step.name).upload_from_string(b"another")

    monkeypatch.setattr(Bucket, "upload", upload_and_change)
    output = deploy(code=1)
    release = desired_state(checkout).release
    assert f"plugins/titleholder-{release}/titleholder/config/model.py is different" in output
    assert not any(name.startswith("dags/") for name in names(bucket))


def test_an_additional_file_in_the_release_is_found(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"plugins/titleholder-{desired_state(checkout).release}"
    bucket.blob(f"{folder}/extra.py").upload_from_string(b"foreign")
    assert f"{folder}/extra.py is not part of this release" in deploy(code=1)
    bucket.blob(f"{folder}/extra.py").delete()
    # The console's folders are empty objects, which the emulator does not support.
    real, empty = Bucket.objects, Object("", 1, datetime.now(UTC))
    monkeypatch.setattr(Bucket, "objects", lambda self: real(self) | {f"{folder}/": empty})
    deploy()


def test_of_two_concurrent_deployments_one_fails(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The emulator has no preconditions; Google answers 412.
    def refused(*_: object, if_generation_match: int, **__: object) -> None:
        assert if_generation_match == 0
        raise PreconditionFailed("conditionNotMet")

    monkeypatch.setattr(storage.Blob, "upload_from_string", refused)
    assert "another process has just written it; find out which" in deploy(code=1)


def test_a_timeout_is_reported(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(*_: object, **__: object) -> None:
        raise RetryError("Timeout of 120.0s exceeded", cause=None)

    monkeypatch.setattr(storage.Blob, "upload_from_string", time_out)
    output = deploy(code=1)
    assert "cannot write gs://" in output
    assert "Timeout of 120.0s exceeded" in output


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--project": "X"}, "PROJECT is 'X'; write a project's id, as my-project"),
        ({"--location": "mars"}, "LOCATION is 'mars'; write a region, as us-central1"),
        ({"--environment": "A b"}, "ENVIRONMENT is 'A b'; write an environment's name"),
        ({"--environment": ""}, "ENVIRONMENT is missing; write make deploy PROJECT="),
        ({"--environment": "staging"}, "/environments/staging does not exist; correct PROJECT"),
    ],
)
def test_invalid_arguments_are_refused(
    deploy: Deploy, changed: dict[str, str], message: str
) -> None:
    output = deploy(*(word for pair in changed.items() for word in pair), code=1)
    assert message in output
    assert output.count("\n") == 1


def test_an_environment_that_is_not_ready_is_refused(
    deploy: Deploy, composer: FakeComposer
) -> None:
    composer.state = "UPDATING"
    assert "is UPDATING; repeat this when it is RUNNING" in deploy(code=1)
    composer.state, composer.image = "RUNNING", "composer-2.9.7-airflow-2.9.3"
    assert "upgrade it to composer-3-airflow-3.3.1 or newer" in deploy(code=1)


def test_only_some_emulators_are_refused(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSER_EMULATOR_HOST")
    assert (
        "only STORAGE_EMULATOR_HOST, ARTIFACT_REGISTRY_EMULATOR_HOST is set, without "
        "COMPOSER_EMULATOR_HOST; unset it (it may come from var/sandbox.env)"
    ) in deploy(code=1)


def test_an_emulator_elsewhere_is_refused(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPOSER_EMULATOR_HOST", "http://composer.example.com")
    assert "is no address on this machine" in deploy(code=1)


IMAGE = f"{LOCATION}-docker.pkg.dev/{PROJECT}/titleholder/model:0123456789abcdef"


@pytest.fixture
def with_image(checkout: Path) -> Path:
    """The checkout with a compiled pipeline that names IMAGE twice, and a prebuilt one."""
    text = f"""
deploymentSpec:
  executors:
    train:
      container:
        image: {IMAGE}
        command: ["python", "-c", "print('us-docker.pkg.dev/other/images/in-the-source:1')"]
    evaluate: {{container: {{image: "python@sha256:{64 * "a"}"}}}}
root:
  dag:
    tasks:
      export-model:
        inputs:
          parameters:
            container_spec:
              runtimeValue: {{constant: '{{"imageUri": "{IMAGE}", "healthRoute": "/health"}}'}}
            serving_image:
              runtimeValue: {{constant: "us-docker.pkg.dev/vertex-ai/prediction/sklearn:latest"}}
"""
    (checkout / "pipeline/compiled/own.yaml").write_text(text)
    commit(checkout)
    return checkout


def test_a_missing_image_is_refused(
    with_image: Path, deploy: Deploy, registry: FakeRegistry, bucket: storage.Bucket
) -> None:
    found = desired_state(with_image).images
    assert found[IMAGE] == ("own.yaml",)
    assert not any("in-the-source" in image or "vertex-ai" in image for image in found)
    refusal = (
        f"{IMAGE}, which pipeline/compiled/own.yaml names, does not exist, so its jobs would fail; "
        "build it first (`make image PROJECT=my-project LOCATION=us-central1` builds that of this "
        "checkout), or repeat this with FORCE=1"
    )
    assert deploy(code=1) == f"deploy: {refusal}\n"
    assert refusal in deploy("--dry-run", code=1)
    assert names(bucket) == set()
    registry.push(IMAGE, b"the image")
    assert f". look up the image {IMAGE}" in deploy("--dry-run")
    deploy()
    assert names(bucket)


@pytest.mark.parametrize("region", ["europe-west1", "us"])
def test_an_image_that_vertex_ai_cannot_serve_here_is_a_warning(
    with_image: Path, deploy: Deploy, registry: FakeRegistry, region: str
) -> None:
    image, own = (
        f"{region}{IMAGE.removeprefix(LOCATION)}",
        with_image / "pipeline/compiled/own.yaml",
    )
    registry.push(IMAGE, b"")
    registry.push(image, b"")
    assert "warning" not in deploy("--dry-run")
    own.write_text(own.read_text().replace(f"image: {IMAGE}", f"image: {image}"))
    assert "warning" not in deploy("--dry-run"), "a step may have an image from anywhere"
    own.write_text(own.read_text().replace(IMAGE, image))
    warning = (
        f"warning: {image}, which pipeline/compiled/own.yaml names, is in {region}, and Vertex AI "
        "registers models in us-central1 only with images that are there; push it to "
        "us-central1-docker.pkg.dev, unless GOOGLE_CLOUD_LOCATION or the Airflow connection names "
        "another region\n"
    )
    for arguments in (["--dry-run"], []):
        assert deploy(*arguments).startswith(warning)


def test_an_image_that_cannot_be_looked_up_is_refused_or_forced(
    with_image: Path, deploy: Deploy, registry: FakeRegistry, bucket: storage.Bucket
) -> None:
    registry.denied.add("get_tag")
    output = deploy(code=1)
    assert f"{IMAGE}, which pipeline/compiled/own.yaml names, cannot be looked up (" in output
    assert "artifactregistry.tags.get" in output
    assert "correct that, or repeat this with FORCE=1" in output
    assert names(bucket) == set()
    assert f"overridden by FORCE=1: {IMAGE}" in deploy("--force")
    assert names(bucket)


def test_a_dry_run_without_an_environment_names_the_images(
    with_image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--dry-run", "--repository", str(with_image)]) == 0
    assert f". look up the image {IMAGE}\n" in capsys.readouterr().out


def test_a_compiled_pipeline_that_is_not_yaml_is_refused(
    deploy: Deploy, checkout: Path, bucket: storage.Bucket
) -> None:
    (checkout / "pipeline/compiled/own.yaml").write_text("a: [")
    assert "pipeline/compiled/own.yaml is not valid YAML" in deploy(code=1)
    assert names(bucket) == set()


def test_an_invalid_checkout_is_refused(
    deploy: Deploy, bucket: storage.Bucket, checkout: Path
) -> None:
    text = (checkout / MODEL).read_text()
    (checkout / MODEL).write_text(text.replace("linnerud.yaml #", "missing.yaml #"))
    assert "git tracks no pipeline/compiled/missing.yaml; compile it" in deploy(code=1)
    (checkout / MODEL).write_text(text.replace("owner:", "ownr:"))
    assert "linnerud.yaml:5: ownr: is not a key" in deploy(code=1)
    assert names(bucket) == set()


def test_import_errors_are_reported(deploy: Deploy, composer: FakeComposer) -> None:
    foreign = {"filepath": "other.py", "error": "ImportError: foreign"}
    composer.rows["list-import-errors"] = [foreign]
    deploy()
    own = {
        "filepath": "/home/airflow/gcs/dags/titleholder_dags.py",
        "error": "Traceback\nE: it failed",
    }
    composer.rows["list-import-errors"] = [foreign, own]
    output = deploy(code=1)
    assert (
        "everything is in the bucket, but titleholder_dags.py has an import error: E: it failed"
        in output
    )
    composer.rows = {}
    assert "Airflow has not parsed linnerud__train, linnerud__rollout" in deploy(code=1)


def test_without_permission_airflow_is_not_queried(deploy: Deploy, composer: FakeComposer) -> None:
    composer.error = (403, "PERMISSION_DENIED")
    assert "Airflow was not queried (airflow dags list-import-errors: " in deploy()
