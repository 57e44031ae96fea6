"""A project to build the image in: Artifact Registry, Cloud Build and Cloud Storage."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from google.cloud import storage

from deploy.image import __main__ as command
from deploy.image import cloud_build, registry
from images.reference import repository
from tests.conftest import Sandbox
from tests.deploy.conftest import client, committed
from tests.deploy.fakes import FakeCloudBuild, FakeRegistry, serving


@dataclass
class Project:
    """A project on Google Cloud, and `python -m deploy.image` for it."""

    name: str
    location: str
    registry: FakeRegistry
    builds: FakeCloudBuild
    storage: storage.Client
    checkout: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *more: str, code: int = 0) -> str:
        """The output on stdout, or on stderr when `code` is not 0."""
        self.capsys.readouterr()
        result = command.main(["--project", self.name, "--location", self.location, *more])
        captured = self.capsys.readouterr()
        assert result == code, captured
        return captured.err if code else captured.out

    @property
    def repository(self) -> str:
        last = repository().rpartition("/")[2]
        return f"projects/{self.name}/locations/{self.location}/repositories/{last}"

    @property
    def contexts(self) -> list[str]:
        """The objects in the builds' bucket, if it exists."""
        bucket = self.storage.lookup_bucket(f"{self.name}-titleholder-builds")
        return [] if bucket is None else [blob.name for blob in bucket.list_blobs()]


@pytest.fixture(scope="module")
def images(own_git: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commit with the folder images/; a test that changes it restores it."""
    return committed(tmp_path_factory.mktemp("images"), "images")


@pytest.fixture
def project(
    sandbox: Sandbox,
    images: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Project]:
    """The project that images/repository.txt names, empty."""
    for name, value in sandbox.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(command, "FOLDER", images / "images")
    monkeypatch.setattr(cloud_build, "POLL_INTERVAL", timedelta(0))
    monkeypatch.setattr(registry, "POLL_SECONDS", 0)
    match = re.fullmatch(r"(.+)-docker\.pkg\.dev/([^/]+)/.+", repository())
    assert match is not None
    location, name = match.groups()
    fake, cloud_storage = FakeRegistry(), client(sandbox)
    builds = FakeCloudBuild(fake, cloud_storage)
    try:
        with serving(fake, builds) as url:
            monkeypatch.setenv(registry.EMULATOR, url)
            monkeypatch.setenv(cloud_build.EMULATOR, url)
            yield Project(name, location, fake, builds, cloud_storage, images, capsys)
    finally:
        # The sandbox is that of all tests.
        if bucket := cloud_storage.lookup_bucket(f"{name}-titleholder-builds"):
            bucket.delete(force=True)
