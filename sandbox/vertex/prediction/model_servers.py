"""Starts the containers of models."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.containers.catalog import Catalog, UnknownImage
from sandbox.containers.container import container_of, port_of
from sandbox.containers.deployment import Deployment, deployment_log, replica_log
from sandbox.containers.replica import ContainerFailed
from sandbox.vertex.http.errors import FailedPrecondition


@dataclass(frozen=True)
class Host:
    """What every container on this machine shares: the known images, the folder of the logs, the
    project's number, and environment variables, such as the address of Cloud Storage."""

    catalog: Catalog
    logs: Path
    project_number: str
    environment: Mapping[str, str]

    def start(
        self, endpoint: str, deployed: Any, spec: Any, storage_uri: str, count: int
    ) -> Deployment:
        """Start `count` containers of a DeployedModel, whose model has the ModelContainerSpec and
        its artifact at `storage_uri`; they are not yet healthy.

        Raises FailedPrecondition for an unknown image, and for one without a server.
        """
        try:
            image = self.catalog.find(spec.image_uri)
        except UnknownImage as error:
            raise _exited(str(error)) from error
        container = container_of(
            image,
            spec,
            project_number=self.project_number,
            endpoint=endpoint,
            deployed=deployed,
            storage_uri=storage_uri,
            environment=self.environment,
        )
        if not container.command:
            raise _exited(
                f"the image {spec.image_uri} has no server, and the model's container_spec no "
                "command"
            )
        log = deployment_log(self.logs, endpoint, deployed.id)
        return Deployment(container, count, log, port_of(spec))

    def wait_until_healthy(self, deployment: Deployment, endpoint: str, deployed_id: str) -> None:
        """Wait for containers that `start` returned; stops them and raises FailedPrecondition if
        one of them does not become healthy."""
        try:
            deployment.wait_until_healthy()
        except ContainerFailed as error:
            log = replica_log(deployment_log(self.logs, endpoint, deployed_id), 0)
            raise _exited(f"{error} (its whole output: {log})") from error


def _exited(cause: str) -> FailedPrecondition:
    return FailedPrecondition(f"Model server exited unexpectedly. Cause: {cause}.")
