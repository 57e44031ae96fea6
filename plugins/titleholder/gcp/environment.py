"""The settings of an environment, read when a task runs, never while a DAG file is parsed."""

import json
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
# What the extra of a connection may contain that needs nothing of Airflow's hook.
_PLAIN_KEYS = {"is_anonymous", "project", "location", "pipeline_root"}
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@dataclass(frozen=True)
class Environment:
    """Project, region, credentials and paths of an Airflow connection to Google Cloud or, without
    one, of Google's application default credentials.

    Every property raises EnvironmentConfigError when its setting is missing.
    """

    connection: str | None
    plain_extra: Mapping[str, Any] | None = None
    """The extra of a connection without a key, an impersonated account or the like, which is then
    used without Airflow."""

    @classmethod
    def of_command_line(cls, connection: str, environ: Mapping[str, str]) -> "Environment":
        """The connection as AIRFLOW_CONN_... in `environ` defines it, else Google's application
        default credentials. Airflow's hook, whose import takes seconds, is used only for a
        definition with more than is_anonymous, project, location and pipeline_root."""
        definition = environ.get(f"AIRFLOW_CONN_{connection.upper()}")
        if definition is None:
            return cls(None)
        return cls(connection, _plain_extra(definition))

    @cached_property
    def _connection(self) -> tuple[Any, str | None, Mapping[str, Any]]:
        """The credentials, their project, and the connection's extra."""
        from airflow.providers.google.common.hooks.base_google import GoogleBaseHook

        assert self.connection is not None
        hook = GoogleBaseHook(gcp_conn_id=self.connection)
        return hook.get_credentials(), hook.project_id, hook.extras

    @cached_property
    def _default(self) -> tuple[Any, str | None]:
        """Google's application default credentials and their project."""
        import google.auth

        found: tuple[Any, str | None] = google.auth.default(scopes=_SCOPES)
        return found

    @property
    def credentials(self) -> Any:
        """The connection's google.auth credentials, impersonation included."""
        if not self._without_airflow:
            return self._connection[0]
        if self._extra_of_connection.get("is_anonymous"):
            from google.auth.credentials import AnonymousCredentials

            return AnonymousCredentials()  # type: ignore[no-untyped-call]
        return self._default[0]

    @cached_property
    def project(self) -> str:
        """The connection's project, else GOOGLE_CLOUD_PROJECT, else the default credentials'."""
        variable = os.environ.get("GOOGLE_CLOUD_PROJECT")
        if self.connection is None:
            project = variable or self._default[1]
        elif self.plain_extra is None:
            project = self._connection[1] or variable
        else:
            own = None if self.plain_extra.get("is_anonymous") else self._default[1]
            project = self._extra("project") or own or variable
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

    def job_places(self, source: str) -> dict[str, str]:
        """The parameters of a duel or watch job that name places: project, location, the source
        table, whose name may lack the project, and the folder of artifacts."""
        return {
            "project": self.project,
            "location": self.location,
            "source_table": self.qualified(source),
            "artifact_root": self.pipeline_root,
        }

    @property
    def _without_airflow(self) -> bool:
        return self.connection is None or self.plain_extra is not None

    @property
    def _extra_of_connection(self) -> Mapping[str, Any]:
        return self.plain_extra or {} if self._without_airflow else self._connection[2]

    def _extra(self, name: str) -> str | None:
        value = self._extra_of_connection.get(name)
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


def _plain_extra(definition: str) -> Mapping[str, Any] | None:
    """The extra of a connection in JSON, None if it is not that or has other keys than
    _PLAIN_KEYS. A configured secrets backend may know another connection of that name."""
    if os.environ.get("AIRFLOW__SECRETS__BACKEND"):
        return None
    try:
        extra = json.loads(definition).get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except (AttributeError, ValueError):
        return None
    return extra if isinstance(extra, dict) and extra.keys() <= _PLAIN_KEYS else None
