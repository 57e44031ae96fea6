"""Images in Artifact Registry, through Google's client."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from google.api_core.exceptions import AlreadyExists, Conflict, GoogleAPIError, NotFound
from google.cloud import artifactregistry_v1 as v1

from deploy.clients import make_client
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.errors import error_message

EMULATOR = "ARTIFACT_REGISTRY_EMULATOR_HOST"
_SECONDS = 60.0
_POLLS = 60
POLL_SECONDS = 2.0
_HOST = r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev"
_PROJECT = r"(?P<project>(?:[a-z0-9.-]+\.[a-z]+/)?[a-z][a-z0-9-]*)"
_VERSION = r"(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
_IMAGE = re.compile(
    rf"{_HOST}/{_PROJECT}/(?P<repository>[a-z][a-z0-9-]*)/(?P<name>[\w./-]+){_VERSION}"
)


@dataclass(frozen=True)
class Image:
    """An image in Artifact Registry, by its tag or else by its digest, `sha256:…`; the other is
    empty. `repository` is a resource name, projects/…, and `name` that of the package there."""

    repository: str
    name: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, uri: str) -> "Image | None":
        """The image of `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/NAME[:TAG][@DIGEST]`; None for
        another URI."""
        match = _IMAGE.fullmatch(uri)
        if match is None:
            return None
        project = match["project"].replace("/", ":")
        return cls(
            f"projects/{project}/locations/{match['location']}/repositories/{match['repository']}",
            match["name"],
            "" if match["digest"] else match["tag"] or "latest",
            match["digest"] or "",
        )


@dataclass(frozen=True)
class Registry:
    """Artifact Registry. ARTIFACT_REGISTRY_EMULATOR_HOST, a base URL on this machine, replaces it.

    Raises EnvironmentConfigError when Google refuses a call.
    """

    credentials: Any

    def digest(self, image: Image) -> str | None:
        """The digest `sha256:…` of the image; None if it does not exist."""
        package = f"{image.repository}/packages/{quote(image.name, safe='')}"
        try:
            if image.digest:
                name = f"{package}/versions/{image.digest}"
                version = self._client.get_version(name=name, timeout=_SECONDS).name
            else:
                name = f"{package}/tags/{image.tag}"
                version = self._client.get_tag(name=name, timeout=_SECONDS).version
        except NotFound:
            return None
        except GoogleAPIError as error:
            raise _refused(f"read {name}", error) from None
        return str(version).rpartition("/")[2]

    def has_repository(self, name: str) -> bool:
        """Whether the repository projects/P/locations/L/repositories/R exists. Raises
        EnvironmentConfigError also if it is not one of Docker images."""
        try:
            found = self._client.get_repository(name=name, timeout=_SECONDS)
        except NotFound:
            return False
        except GoogleAPIError as error:
            raise _refused(f"read {name}", error) from None
        if found.format_ != v1.Repository.Format.DOCKER:
            raise EnvironmentConfigError(
                f"{name} has the format {found.format_.name}; write another repository's name into "
                "images/repository.txt"
            )
        return True

    def create_repository(self, name: str, pause: Callable[[float], None]) -> None:
        """Create the repository, for Docker images with immutable tags, and wait until it exists;
        `pause` takes seconds."""
        parent, _, last = name.rpartition("/repositories/")
        repository = v1.Repository(
            format_=v1.Repository.Format.DOCKER,
            docker_config=v1.Repository.DockerRepositoryConfig(immutable_tags=True),
            description="Images that train and serve models, by `make image` of Titleholder.",
        )
        try:
            self._client.create_repository(
                parent=parent, repository=repository, repository_id=last, timeout=_SECONDS
            )
        except (AlreadyExists, Conflict):
            pass  # by another process, just now
        except GoogleAPIError as error:
            raise _refused(f"create {name}", error) from None
        for _ in range(_POLLS):
            if self.has_repository(name):
                return
            pause(POLL_SECONDS)
        raise EnvironmentConfigError(
            f"{name} was requested and does not exist after {_POLLS * POLL_SECONDS:.0f} seconds; "
            "repeat this"
        )

    @cached_property
    def _client(self) -> v1.ArtifactRegistryClient:
        return make_client(v1.ArtifactRegistryClient, EMULATOR, self.credentials)


def _refused(action: str, error: Exception) -> EnvironmentConfigError:
    return EnvironmentConfigError(
        f"cannot {action}: {error_message(error)}; docs/how-to/composer.md lists the permissions"
    )
