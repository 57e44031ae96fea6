"""The settings of an environment, read when a task runs, never while a DAG file is parsed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from titleholder.config.types import full_name
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.storage import read_object
from titleholder.pipelines.templates import PipelineTemplate, load_template, parse_template

ROOT = "TITLEHOLDER_PIPELINE_ROOT"


@dataclass(frozen=True)
class Environment:
    """Project, region, credentials and paths of an Airflow connection to Google Cloud or, without
    one, of Google's application default credentials.

    Every property raises EnvironmentConfigError when its setting is missing.
    """

    connection: str | None

    @cached_property
    def _connection(self) -> tuple[Any, str | None, Mapping[str, Any]]:
        """The credentials, their project, and the connection's extra."""
        if self.connection is None:
            import google.auth

            scopes = ["https://www.googleapis.com/auth/cloud-platform"]
            return *google.auth.default(scopes=scopes), {}
        from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

        hook = GoogleBaseHook(gcp_conn_id=self.connection)
        return hook.get_credentials(), hook.project_id, hook.extras

    @property
    def credentials(self) -> Any:
        """The connection's google.auth credentials, impersonation included."""
        return self._connection[0]

    @cached_property
    def project(self) -> str:
        """The connection's project, else GOOGLE_CLOUD_PROJECT, else the default credentials'."""
        own, variable = self._connection[1], os.environ.get("GOOGLE_CLOUD_PROJECT")
        project = (variable or own) if self.connection is None else (own or variable)
        if not project:
            where = f"in the Airflow connection {self.connection!r} or " if self.connection else ""
            raise EnvironmentConfigError(
                f"no Google Cloud project: set it {where}in the environment as GOOGLE_CLOUD_PROJECT"
            )
        return str(project)

    @property
    def location(self) -> str:
        """The `location` of the connection's extra, else GOOGLE_CLOUD_LOCATION, else the region of
        the Composer environment."""
        location = self._extra("location")
        for name in ("GOOGLE_CLOUD_LOCATION", "COMPOSER_LOCATION"):
            location = location or os.environ.get(name)
        if not location:
            raise EnvironmentConfigError(
                "no region: set GOOGLE_CLOUD_LOCATION, for example to us-central1"
            )
        return location

    @property
    def pipeline_root(self) -> str:
        """The gs:// folder that pipelines write to: the `pipeline_root` of the connection's extra,
        else TITLEHOLDER_PIPELINE_ROOT, else `gs://PROJECT-titleholder/pipelines`."""
        where, root = f"the connection {self.connection!r}", self._extra("pipeline_root")
        if not root:
            where, root = ROOT, os.environ.get(ROOT) or f"gs://{self.project}-titleholder/pipelines"
        if not root.startswith("gs://"):
            raise EnvironmentConfigError(
                f"the pipeline root of {where} is {root!r}; begin it with gs://"
            )
        return root.rstrip("/")

    def template(self, name: str) -> PipelineTemplate:
        """The pipeline template `name`: a gs:// URI, or a file name as in `load_template`."""
        return parse_template(
            name, self._download(name) if name.startswith("gs://") else load_template(name)
        )

    def qualified(self, table: str) -> str:
        """`project.dataset.table` of a table name that may lack the project. Raises
        EnvironmentConfigError for an invalid name, which must not become part of a query."""
        return full_name(table, self.project)

    def _extra(self, name: str) -> str | None:
        value = self._connection[2].get(name)
        if value is not None and not isinstance(value, str):
            raise EnvironmentConfigError(
                f"the extra of the Airflow connection {self.connection!r} has a {name} that is no "
                "text; write it in quotes"
            )
        return value

    def _download(self, uri: str) -> bytes:
        from google.api_core.exceptions import GoogleAPIError

        try:
            return read_object(self, uri)
        except GoogleAPIError as error:
            raise EnvironmentConfigError(
                f"no compiled pipeline at {uri} ({error}); upload it"
            ) from None
