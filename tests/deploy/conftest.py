"""An environment to deploy to: a bucket in the sandbox's Cloud Storage, and a minimal Cloud
Composer that Google's client can call."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from deploy import __main__ as command
from deploy import airflow
from deploy import composer as api
from deploy.bucket import Bucket
from deploy.image.registry import EMULATOR as REGISTRY_EMULATOR
from deploy.pipeline_images import pipeline_images
from tests.conftest import REPOSITORY, Sandbox
from tests.deploy.fakes import Answer, FakeRegistry, error, serving

NUMBERS = itertools.count(1)
PROJECT, LOCATION = "titleholder-local", "us-central1"
NAME = f"projects/{PROJECT}/locations/{LOCATION}/environments/production"


@dataclass
class FakeComposer:
    """Implements the three methods that a deployment calls. `rows` are the output of Airflow's
    commands, by subcommand; `error` is (HTTP code, status)."""

    bucket: str
    image: str = "composer-3-airflow-3.3.1-build.4"
    state: str = "RUNNING"
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    error: tuple[int, str] | None = None
    commands: list[str] = field(default_factory=list)

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer | None:
        name, _, verb = path.removeprefix("/v1/").partition(":")
        if name != NAME:
            return None
        if not verb:
            return 200, {
                "name": name,
                "state": self.state,
                "config": {
                    "dagGcsPrefix": f"gs://{self.bucket}/dags",
                    "softwareConfig": {"imageVersion": self.image},
                },
            }
        if self.error is not None:
            code, status = self.error
            return error(code, status, "not allowed")
        if verb == "executeAirflowCommand":
            self.commands.append(
                " ".join([body["command"], body["subcommand"], *body["parameters"]])
            )
            return 200, {"executionId": body["subcommand"], "pod": "p", "podNamespace": "n"}
        # The first page has log lines that precede the output, as in Composer's pods.
        if body["nextLineNumber"] == 1:
            return 200, {"output": [{"lineNumber": 1, "content": "[2026-11-25] WARNING - text"}]}
        assert body["nextLineNumber"] == 2
        text = json.dumps(self.rows.get(body["executionId"], []), indent=1)
        lines = [
            {"lineNumber": number, "content": line}
            for number, line in enumerate(text.splitlines(), 2)
        ]
        return 200, {"output": lines, "outputEnd": True, "exitInfo": {"exitCode": 1}}

    def parsed(self, at: datetime, *models: str) -> None:
        """Set the time at which Airflow parsed the DAGs of the example and of these models."""
        self.rows["list"] = [
            {"dag_id": f"{model}__{kind}", "last_parsed_time": str(at)}
            for model in ("linnerud", *models)
            for kind in ("train", "rollout")
        ]


@pytest.fixture
def registry() -> FakeRegistry:
    """An Artifact Registry with the images that the repository's pipelines name, and no other."""
    found = FakeRegistry()
    for path in (REPOSITORY / "pipeline/compiled").glob("*.yaml"):
        for image in pipeline_images(path.read_bytes()):
            found.push(image, b"")
    return found


@pytest.fixture
def composer(
    sandbox: Sandbox, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeComposer]:
    """An environment with an empty bucket, whose Airflow parses immediately."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    created = client(sandbox).create_bucket(f"us-central1-production-{next(NUMBERS)}-bucket")
    fake = FakeComposer(created.name)
    fake.parsed(datetime.now(UTC) + timedelta(days=1), "second", "third")

    with serving(fake, registry) as url:
        monkeypatch.setenv(api.EMULATOR, url)
        monkeypatch.setenv(REGISTRY_EMULATOR, url)
        yield fake


def client(sandbox: Sandbox) -> storage.Client:
    """A separate client, to read and change the bucket."""
    return storage.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["STORAGE_EMULATOR_HOST"]},
    )


@pytest.fixture
def bucket(composer: FakeComposer, sandbox: Sandbox) -> storage.Bucket:
    """The environment's bucket, through a separate client."""
    return client(sandbox).bucket(composer.bucket)


@pytest.fixture
def listed(composer: FakeComposer) -> Bucket:
    """The environment's bucket, through the deployment's client."""
    return Bucket(composer.bucket, PROJECT, AnonymousCredentials())


@pytest.fixture(scope="module", autouse=True)
def own_git() -> Iterator[None]:
    """Git without the settings of its user, and outside of a hook."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "test")
            patch.setenv(f"GIT_{role}_EMAIL", "test@example.com")
        yield


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def commit(folder: Path) -> None:
    """Commit all files, including ignored ones."""
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--allow-empty", "-m", "test")


def committed(folder: Path, *copied: str) -> Path:
    """A new repository in `folder`, with copies of those folders and files of this one."""
    for name in copied:
        source, target = REPOSITORY / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    git(folder, "init")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def full_checkout(own_git: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of all deployed folders; tests must not change it."""
    folder = tmp_path_factory.mktemp("full")
    return committed(folder, "dags", "pipeline/compiled", "plugins")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that tests may change, with only a few files of the package."""
    plugins = (".airflowignore", "titleholder/__init__.py", "titleholder/config/model.py")
    names = (f"plugins/{name}" for name in plugins)
    return committed(tmp_path / "checkout", "dags", "pipeline/compiled", *names)


@dataclass
class Deploy:
    """`python -m deploy`, without waiting for Composer's sync."""

    checkout: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *more: str, code: int = 0, first: bool = True) -> str:
        """The output on stdout, or on stderr when `code` is not 0. Commits all files `first`."""
        if first:
            commit(self.checkout)
        arguments = ["--project", PROJECT, "--location", LOCATION, "--environment", "production"]
        self.capsys.readouterr()
        result = command.main(
            [*arguments, "--settle", "0", "--repository", str(self.checkout), *more]
        )
        captured = self.capsys.readouterr()
        assert result == code, captured
        return captured.err if code else captured.out


@pytest.fixture
def deploy(
    composer: FakeComposer,
    checkout: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Deploy:
    monkeypatch.setattr(airflow, "TIMEOUT", timedelta(0))
    monkeypatch.setattr(api, "POLL_SECONDS", 0)
    return Deploy(checkout, capsys)
