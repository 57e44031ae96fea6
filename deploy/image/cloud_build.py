"""Builds an image with Cloud Build, through Google's client."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud.devtools import cloudbuild_v1 as v1

from deploy.clients import make_client
from deploy.image.context import UploadedContext
from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.gcp.errors import error_message

EMULATOR = "CLOUD_BUILD_EMULATOR_HOST"
# https://cloud.google.com/build/docs/cloud-builders
_BUILDER = "gcr.io/cloud-builders/docker"
# In the queue and running; Cloud Build ends the build after each.
QUEUE_LIMIT, RUN_LIMIT = timedelta(minutes=10), timedelta(minutes=30)
POLL_INTERVAL = timedelta(seconds=5)
_SECONDS = 60.0
_RUNNING = {v1.Build.Status.PENDING, v1.Build.Status.QUEUED, v1.Build.Status.WORKING}


@dataclass(frozen=True)
class CloudBuild:
    """Cloud Build in a region. CLOUD_BUILD_EMULATOR_HOST, a base URL on this machine, replaces
    it.

    `service_account` is the e-mail address of the account that runs the build; empty for the
    project's default (https://cloud.google.com/build/docs/cloud-build-service-account).
    """

    project: str
    location: str
    credentials: Any
    service_account: str = ""

    def start(self, image: str, context: UploadedContext) -> str:
        """Start a build of `image` from its context; returns projects/…/builds/ID. Raises
        EnvironmentConfigError when Google refuses it."""
        build = build_of(image, context)
        if self.service_account:
            build.service_account = (
                f"projects/{self.project}/serviceAccounts/{self.service_account}"
            )
        parent = f"projects/{self.project}/locations/{self.location}"
        # Without `project_id`, which would make it a build of no region.
        request = v1.CreateBuildRequest(parent=parent, build=build)
        try:
            operation = self._client.create_build(request, timeout=_SECONDS)
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"Cloud Build refuses the build of {image}: {error_message(error)}; "
                "docs/how-to/composer.md lists the permissions"
            ) from None
        return f"{parent}/builds/{operation.metadata.build.id}"

    def wait(
        self,
        name: str,
        clock: Callable[[], datetime],
        pause: Callable[[float], None],
        report: Callable[[str], None],
    ) -> None:
        """Return after the build has succeeded; `pause` takes seconds, `report` the URL of the log.

        Raises EnvironmentConfigError, with that URL, if it has failed, and RetryableError if it
        runs longer than its limits.
        """
        deadline = clock() + QUEUE_LIMIT + RUN_LIMIT + timedelta(minutes=5)
        reported = False
        while True:
            build = self._get(name)
            if build.log_url and not reported:
                report(f"its log: {build.log_url}")
                reported = True
            if build.status == v1.Build.Status.SUCCESS:
                return
            if build.status not in _RUNNING:
                detail = " ".join((build.failure_info.detail or build.status_detail).split())
                raise EnvironmentConfigError(
                    f"the build ended with {build.status.name}{f' ({detail})' if detail else ''}; "
                    f"read its log at {build.log_url or name}"
                )
            if clock() >= deadline:
                raise RetryableError(
                    f"the build is still {build.status.name}; look at {build.log_url or name}, and "
                    "repeat this when it has ended"
                )
            pause(POLL_INTERVAL.total_seconds())

    def _get(self, name: str) -> v1.Build:
        try:
            return self._client.get_build(v1.GetBuildRequest(name=name), timeout=_SECONDS)
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"{name} cannot be read: {error_message(error)}; docs/how-to/composer.md lists the "
                "permissions"
            ) from None

    @cached_property
    def _client(self) -> v1.CloudBuildClient:
        return make_client(v1.CloudBuildClient, EMULATOR, self.credentials)


def build_of(image: str, context: UploadedContext) -> v1.Build:
    """The build: `docker build` of the context, and a push of the image. No I/O."""
    return v1.Build(
        source=v1.Source(
            storage_source=v1.StorageSource(
                bucket=context.bucket, object_=context.name, generation=context.generation
            )
        ),
        steps=[v1.BuildStep(name=_BUILDER, args=["build", "--tag", image, "."])],
        images=[image],
        timeout=RUN_LIMIT,
        queue_ttl=QUEUE_LIMIT,
        # The default, a bucket of Google's, is not allowed for builds with an account of their own.
        options=v1.BuildOptions(logging=v1.BuildOptions.LoggingMode.CLOUD_LOGGING_ONLY),
        tags=["titleholder"],
    )
