"""The environment, through Google's client of Cloud Composer."""

import json
import re
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound
from google.cloud.orchestration.airflow import service_v1 as v1

from deploy.clients import make_client
from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.gcp.errors import error_message

EMULATOR = "COMPOSER_EMULATOR_HOST"
_SECONDS = 60.0
_POLLS = 120
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class EnvironmentInfo:
    """An environment: its bucket without gs://, and its image version."""

    bucket: str
    image: str


@dataclass(frozen=True)
class Composer:
    """The environment `name` (projects/P/locations/L/environments/E).

    COMPOSER_EMULATOR_HOST, a base URL on this machine, replaces Google's, as STORAGE_EMULATOR_HOST
    does for Cloud Storage.
    """

    name: str
    credentials: Any

    def find(self) -> EnvironmentInfo:
        """Its bucket and image. Raises EnvironmentConfigError when it does not exist, is not
        running, or is older than Airflow 3.3."""
        try:
            found = self._client.get_environment(name=self.name, timeout=_SECONDS)
        except NotFound:
            raise EnvironmentConfigError(
                f"{self.name} does not exist; correct PROJECT, LOCATION or ENVIRONMENT"
            ) from None
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"{self.name} cannot be read: {error_message(error)}; docs/how-to/composer.md "
                "lists the deployer's permissions"
            ) from None
        if found.state != v1.Environment.State.RUNNING:
            raise EnvironmentConfigError(
                f"{self.name} is {found.state.name}; repeat this when it is RUNNING"
            )
        image = found.config.software_config.image_version
        version = re.fullmatch(r"composer-3-airflow-(\d+)\.(\d+)(\..*)?", image)
        if version is None or (int(version[1]), int(version[2])) < (3, 3):
            raise EnvironmentConfigError(
                f"{self.name} has the image {image or 'unknown'}; upgrade it to "
                "composer-3-airflow-3.3.1 or newer"
            )
        bucket = re.fullmatch(r"gs://([^/]+)/dags/?", found.config.dag_gcs_prefix)
        if bucket is None:
            raise EnvironmentConfigError(
                f"{self.name} keeps its DAGs in {found.config.dag_gcs_prefix!r}, not in "
                "gs://BUCKET/dags; deploy by hand"
            )
        return EnvironmentInfo(bucket[1], image)

    def airflow(self, command: str, subcommand: str, *parameters: str) -> list[dict[str, Any]]:
        """The rows that an Airflow command prints as JSON.

        Raises EnvironmentConfigError without permission, RetryableError when the command prints no
        such rows.
        """
        request = v1.ExecuteAirflowCommandRequest(
            environment=self.name,
            command=command,
            subcommand=subcommand,
            parameters=[*parameters, "--output", "json"],
        )
        name = f"airflow {command} {subcommand}"
        try:
            execution = self._client.execute_airflow_command(request, timeout=_SECONDS)
            if execution.error:
                raise RetryableError(f"{name}: {execution.error}")
            printed = self._printed(execution, name)
        except Forbidden as error:
            raise EnvironmentConfigError(f"{name}: {error_message(error)}") from None
        except GoogleAPIError as error:
            raise RetryableError(f"{name}: {error_message(error)}") from None
        rows = rows_of(printed)
        if rows is None:
            last = printed.strip().rpartition("\n")[2]
            raise RetryableError(f"{name} printed no JSON, but {last!r}")
        return rows

    def _printed(self, execution: v1.ExecuteAirflowCommandResponse, name: str) -> str:
        lines: list[str] = []
        next_line = 1
        for _ in range(_POLLS):
            page = self._client.poll_airflow_command(
                v1.PollAirflowCommandRequest(
                    environment=self.name,
                    execution_id=execution.execution_id,
                    pod=execution.pod,
                    pod_namespace=execution.pod_namespace,
                    next_line_number=next_line,
                ),
                timeout=_SECONDS,
            )
            for line in page.output:
                lines.append(line.content.rstrip("\n"))
                next_line = line.line_number + 1
            if page.output_end:
                return "\n".join(lines)
            time.sleep(POLL_SECONDS)
        raise RetryableError(f"{name} did not end within {_POLLS} polls")

    @cached_property
    def _client(self) -> v1.EnvironmentsClient:
        return make_client(v1.EnvironmentsClient, EMULATOR, self.credentials)


def rows_of(printed: str) -> list[dict[str, Any]] | None:
    """The JSON list at the end of the output; log lines before it may begin with `[` too."""
    for start in re.finditer(r"^\[", printed, re.MULTILINE):
        try:
            found: list[dict[str, Any]] = json.loads(printed[start.start() :])
        except ValueError:
            continue
        return found
    return None
