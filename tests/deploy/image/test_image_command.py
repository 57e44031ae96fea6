"""`make image` through Google's clients: Cloud Build and Artifact Registry are minimal fakes, Cloud
Storage is the sandbox's."""

import io
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud import storage
from google.cloud.artifactregistry_v1 import Repository
from google.cloud.devtools import cloudbuild_v1

from deploy.image import __main__ as command
from deploy.image import cloud_build, registry
from deploy.image.cloud_build import QUEUE_LIMIT, RUN_LIMIT, CloudBuild
from deploy.image.context import ContextBucket, UploadedContext, archive
from images.reference import ImageError, context_files, image_reference, repository
from tests.deploy.fakes import error
from tests.deploy.image.conftest import Project
from titleholder.errors import RetryableError
from titleholder.gcp.loopback import STORAGE

ACCOUNT = "builder@my-project.iam.gserviceaccount.com"
DOCKER = Repository.Format.DOCKER


def test_a_first_build(project: Project) -> None:
    output = project()
    reference = image_reference()
    [(parent, build)] = project.builds.requests
    assert parent == f"projects/{project.name}/locations/{project.location}"
    assert build["steps"] == [
        {"name": "gcr.io/cloud-builders/docker", "args": ["build", "--tag", reference, "."]}
    ]
    assert build["images"] == [reference]
    # Enumerations are numbers over REST.
    logging = cloudbuild_v1.BuildOptions.LoggingMode.CLOUD_LOGGING_ONLY
    assert build["options"] == {"logging": logging.value}
    assert (build["timeout"], build["queueTtl"]) == ("1800s", "600s")
    assert "serviceAccount" not in build
    [context] = project.builds.contexts
    with tarfile.open(fileobj=io.BytesIO(context)) as tar:
        read = {entry.name: tar.extractfile(entry) for entry in tar}
        assert {name: file.read() for name, file in read.items() if file} == context_files()
    created = project.registry.repositories[project.repository]
    assert created["format"] == DOCKER.value
    assert created["dockerConfig"] == {"immutableTags": True}
    assert project.contexts == [], "the upload is deleted"
    [digest] = set(project.registry.versions.values())
    lines = output.splitlines()
    assert lines[0] == reference
    assert lines[1] == f"1/4 create the repository {repository()}"
    assert lines[2] == f"2/4 create the bucket gs://{project.name}-titleholder-builds"
    assert lines[3].startswith("3/4 upload ")
    assert lines[4:6] == [
        f"{parent}/builds/build-1",
        "its log: https://console.cloud.google.com/cloud-build/builds/build-1",
    ]
    assert lines[6:] == [
        "4/4 read the image's digest from Artifact Registry",
        f"{reference} has the digest {digest}",
    ]


def test_a_repeated_build_is_skipped(project: Project) -> None:
    project()
    assert "exists, with the digest sha256:" in project()
    assert "exists, with the digest sha256:" in project("--dry-run")
    assert len(project.builds.requests) == 1


def test_only_what_is_missing_is_created(project: Project) -> None:
    project("--service-account", ACCOUNT)
    project.registry.versions.clear()
    output = project()
    assert "create" not in output
    assert "1/2 upload" in output
    accounts = [build.get("serviceAccount") for _, build in project.builds.requests]
    assert accounts == [f"projects/{project.name}/serviceAccounts/{ACCOUNT}", None]


def test_a_failed_build_is_reported_with_its_log(project: Project) -> None:
    project.builds.statuses = ("WORKING", "FAILURE")
    project.builds.detail = "step 0 exited with\nstatus 1"
    assert project(code=1) == (
        "image: the build ended with FAILURE (step 0 exited with status 1); read its log at "
        "https://console.cloud.google.com/cloud-build/builds/build-1\n"
    )
    assert project.contexts == []
    assert project.registry.versions == {}


def test_a_build_that_left_no_image_is_reported(project: Project) -> None:
    project.builds.pushes = False
    assert "the build has succeeded and" in project(code=1)


@pytest.mark.parametrize("method", ["create_repository", "get_tag"])
def test_without_permission_in_the_registry(project: Project, method: str) -> None:
    project.registry.denied.add(method)
    output = project(code=1)
    assert output.startswith("image: cannot ")
    assert "artifactregistry." in output
    assert "docs/how-to/composer.md lists the permissions" in output
    assert output.count("\n") == 1
    assert project.contexts == []
    assert project.builds.requests == []


def test_without_permission_to_build(project: Project) -> None:
    project.builds.refusal = error(403, "PERMISSION_DENIED", "cloudbuild.builds.create denied")
    output = project(code=1)
    assert output.startswith(f"image: Cloud Build refuses the build of {image_reference()}: ")
    assert "cloudbuild.builds.create denied" in output
    assert project.contexts == []


def test_without_permission_for_the_bucket(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise Forbidden("storage.buckets.list denied")

    monkeypatch.setattr(storage.Client, "list_buckets", denied)
    assert f"cannot list the buckets of {project.name}: storage.buckets" in project(code=1)
    assert project.registry.repositories == {}


def test_a_repository_of_another_kind_is_refused(project: Project) -> None:
    project.registry.repositories[project.repository] = {"format": "PYTHON"}
    assert "has the format PYTHON; write another repository's name into" in project(code=1)
    assert project.builds.requests == []


def test_a_bucket_of_another_project_is_not_used(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.storage.create_bucket(f"{project.name}-titleholder-builds")
    monkeypatch.setattr(storage.Client, "list_buckets", lambda *_, **__: iter(()))
    output = project(code=1)
    assert f"titleholder-builds exists already and is not a bucket of {project.name}" in output
    assert project.contexts == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--project": "X"}, "PROJECT is 'X'; write a project's id, as my-project"),
        ({"--project": ""}, "PROJECT is missing; write make image PROJECT=my-project LOCATION="),
        ({"--location": "mars"}, "LOCATION is 'mars'; write a region, as us-central1"),
        ({"--service-account": "me"}, "SERVICE_ACCOUNT is 'me'; write its e-mail address"),
        (
            {"--location": "europe-north1", "--project": "example.com:my-project"},
            "which is not in PROJECT and LOCATION: write "
            "europe-north1-docker.pkg.dev/example.com/my-project/titleholder into it, run `make "
            "compile`, and commit both",
        ),
    ],
)
def test_invalid_arguments_are_refused(
    project: Project, changed: dict[str, str], message: str
) -> None:
    words = [word for pair in changed.items() for word in pair]
    for more in ([], ["--dry-run"]):
        if "missing" not in message or not more:
            output = project(*words, *more, code=1)
            assert message in output
            assert output.count("\n") == 1
    assert project.registry.repositories == {}
    assert project.builds.requests == []


def test_another_lock_than_the_projects_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs() -> None:
        raise ImageError("images/requirements.txt differs: run `make lock`")

    monkeypatch.setattr(command, "check_lock", differs)
    assert project(code=1) == "image: images/requirements.txt differs: run `make lock`\n"


def test_uncommitted_changes_are_refused(project: Project, images: Path) -> None:
    new, edited = images / "images/src/model_server/new.py", images / "images/.dockerignore"
    before = edited.read_text()
    try:
        new.write_text("")
        edited.write_text(before + "!new\n")
        named = (
            "images/.dockerignore, images/src/model_server/new.py in this checkout differ from "
            "the last commit"
        )
        assert f"image: {named}; commit the change, or" in project(code=1)
        assert project.builds.requests == []
        assert f"overridden by UNCOMMITTED=1: {named}\n" in project("--uncommitted")
    finally:
        new.unlink()
        edited.write_text(before)


def test_files_that_are_not_in_the_build_context_may_differ(project: Project, images: Path) -> None:
    others = [images / "images/sandbox.yaml", images / "images/src/notes.txt"]
    repository = images / "images/repository.txt"
    before = repository.read_text()
    try:
        for other in others:
            other.write_text("")
        assert "has the digest sha256:" in project()
        repository.write_text(before + "\n")
        refused = "image: images/repository.txt in this checkout differs from the last commit"
        assert refused in project(code=1)
    finally:
        repository.write_text(before)
        for other in others:
            other.unlink()


def test_an_interrupted_build_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CloudBuild, "wait", stop)
        assert "image: stopped; a build that has started goes on" in project(code=130)
    assert len(project.contexts) == 1, "the build has to read it"
    assert project.registry.versions == {}
    assert "has the digest sha256:" in project()


def test_a_dry_run_changes_nothing(project: Project) -> None:
    output = project("--dry-run")
    assert output.splitlines()[0] == f"{image_reference()}; nothing is changed"
    assert [line.partition(" ")[0] for line in output.splitlines()[1:]] == [
        f"{number}/4" for number in range(1, 5)
    ]
    assert project.registry.repositories == {}
    assert project.builds.requests == []
    assert project.storage.lookup_bucket(f"{project.name}-titleholder-builds") is None


def test_a_dry_run_without_project_or_credentials(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main(["--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "dry run for a project without this image (PROJECT and LOCATION are not both given)" in (
        output
    )
    assert f"1/4 create the repository {repository()}" in output
    monkeypatch.delenv("CLOUD_BUILD_EMULATOR_HOST")
    assert "without CLOUD_BUILD_EMULATOR_HOST; unset it" in project("--dry-run")
    assert "without CLOUD_BUILD_EMULATOR_HOST; unset it" in project(code=1)


def test_no_credentials_are_one_sentence(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (STORAGE, registry.EMULATOR, cloud_build.EMULATOR):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    message = project(code=1)
    assert message.startswith("image: no working credentials: Your default credentials were not")
    remedy = (
        "information; run `gcloud auth application-default login`, or set "
        "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account's credentials"
    )
    assert message.endswith(f"{remedy}\n")
    first, *steps = project("--dry-run").splitlines()
    assert first.startswith("dry run for a project without this image (no working credentials: ")
    assert first.endswith(f"{remedy})")
    assert steps


def test_an_archive_is_the_same_for_the_same_files() -> None:
    files = context_files()
    assert archive(files) == archive(dict(reversed(files.items())))
    assert archive(files) != archive(files | {"Dockerfile": b"FROM scratch\n"})


def test_a_bucket_has_a_valid_name_for_the_project_of_a_domain() -> None:
    assert ContextBucket("example.com:my-project", None).name == (
        "example-com-my-project-titleholder-builds"
    )


def test_a_build_that_does_not_end_is_left_after_its_limits(project: Project) -> None:
    project.builds.statuses = ("QUEUED",)
    blob = project.storage.create_bucket(f"{project.name}-titleholder-builds").blob("context")
    blob.upload_from_string(b"files")
    now = datetime(2026, 11, 26, tzinfo=UTC)
    passed = timedelta(0)

    def pause(seconds: float) -> None:
        nonlocal passed
        passed += timedelta(minutes=1) if seconds == 0 else timedelta(seconds=seconds)

    builds = CloudBuild(project.name, project.location, project.storage._credentials)
    name = builds.start("image", UploadedContext(blob.bucket.name, "context", blob.generation))
    with pytest.raises(RetryableError, match="the build is still QUEUED; look at https://"):
        builds.wait(name, lambda: now + passed, pause, lambda _: None)
    assert passed >= QUEUE_LIMIT + RUN_LIMIT
