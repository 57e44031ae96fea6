"""Pipeline jobs: submit, read, cancel."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from titleholder.errors import PipelineError
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import error_message
from titleholder.gcp.vertex.clients import (
    make_client,
    parent,
    read_options,
    vertex_api,
    write_options,
)
from titleholder.labels import Label
from titleholder.pipelines.contract import Artifact, Job, Task


@dataclass(frozen=True)
class Jobs:
    """The pipeline jobs of one environment."""

    environment: Environment

    def submit(
        self,
        job_id: str,
        template: dict[str, Any],
        parameters: dict[str, Any],
        labels: dict[str, str],
        service_account: str | None,
    ) -> Job:
        """Start the job `job_id`, or return an existing job with this id.

        Raises PipelineError when Vertex AI refuses the job.
        """
        from google.api_core import exceptions
        from google.protobuf import json_format

        kind = vertex_api().PipelineJob
        message = kind()
        json_format.ParseDict(
            {
                "displayName": job_id,
                "labels": labels,
                "pipelineSpec": _without_caching(template),
                "runtimeConfig": {
                    "gcsOutputDirectory": self.environment.pipeline_root,
                    "parameterValues": parameters,
                },
                "serviceAccount": service_account or "",
            },
            kind.pb(message),
        )
        try:
            created = self._client.create_pipeline_job(
                parent=parent(self.environment),
                pipeline_job=message,
                pipeline_job_id=job_id,
                **write_options(),
            )
        except exceptions.Conflict:
            return self.get(f"{parent(self.environment)}/pipelineJobs/{job_id}")
        except exceptions.BadRequest as error:
            raise PipelineError(
                f"Vertex AI refused the pipeline job {job_id}: {error_message(error)}"
            ) from None
        return _job(created)

    def find(self, job_id: str) -> Job | None:
        """The job with this id, None if there is none."""
        from google.api_core import exceptions

        try:
            return self.get(f"{parent(self.environment)}/pipelineJobs/{job_id}")
        except exceptions.NotFound:
            return None

    def get(self, name: str) -> Job:
        """The job with this resource name, and its tasks."""
        return _job(self._client.get_pipeline_job(name=name, **read_options()))

    def cancel(self, name: str) -> None:
        """Request the cancellation of a job; nothing happens if it has ended."""
        from google.api_core import exceptions

        try:
            self._client.cancel_pipeline_job(name=name, **write_options())
        except (exceptions.NotFound, exceptions.BadRequest):
            return

    def running(self, run_label: str) -> list[Job]:
        """The jobs of one dag run that have not ended, without their tasks."""
        jobs = self._client.list_pipeline_jobs(
            request={
                "parent": parent(self.environment),
                "filter": f'labels.{Label.RUN}="{run_label}"',
            },
            **read_options(),
        )
        return [job for job in map(_job, jobs) if not job.ended]

    @cached_property
    def _client(self) -> Any:
        return make_client(vertex_api().PipelineServiceClient, self.environment)


def _job(message: Any) -> Job:
    details = message.job_detail.task_details
    return Job(
        name=message.name,
        state=message.state.name.removeprefix("PIPELINE_STATE_"),
        created=message.create_time,
        error=message.error.message if message.error else "",
        tasks=tuple(_tasks(details)),
        labels=dict(message.labels),
    )


def _tasks(details: Iterable[Any]) -> Iterable[Task]:
    from google.protobuf import json_format

    for detail in details:
        artifacts = {}
        for name, output in detail.outputs.items():
            if output.artifacts:
                first = output.artifacts[0]
                pb = type(first).pb(first)
                artifacts[name] = Artifact(first.uri, json_format.MessageToDict(pb.metadata))
        yield Task(
            name=detail.task_name,
            state=detail.state.name,
            error=detail.error.message if detail.error else "",
            artifacts=artifacts,
            id=detail.task_id,
            parent=detail.parent_task_id,
            job=detail.executor_detail.container_detail.main_job,
        )


def _without_caching(template: dict[str, Any]) -> dict[str, Any]:
    """The template with caching off in every task: a cleared run must train again."""
    result = copy.deepcopy(template)
    for component in (result["root"], *result.get("components", {}).values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            task["cachingOptions"] = {}
    return result
