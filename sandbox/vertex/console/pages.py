"""The pages as HTML, made of the stored messages.

Each method raises NotFound, InvalidArgument or PermissionDenied for a name that does not exist, is
no name, or is of another project.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sandbox.containers.deployment import deployment_log, replica_log
from sandbox.vertex.console.job_view import log_text, plain, task_rows
from sandbox.vertex.console.log_file import end_of_log
from sandbox.vertex.context import Context
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.http.errors import NotFound
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.pipelines.jobs.states import FINAL_JOB_STATES

_TEMPLATES: Final = Path(__file__).parent / "templates"
STYLE: Final = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_NEWEST_JOBS: Final = 50


class Pages:
    """The pages of one server; `logs` is the folder of the pipeline jobs, `server_logs` that of the
    model servers' output."""

    def __init__(
        self,
        context: Context,
        endpoints: EndpointRecords,
        models: ModelRecords,
        logs: Path,
        server_logs: Path,
    ) -> None:
        self._store = context.store
        self._names: Names = context.names
        self._endpoints = endpoints
        self._models = models
        self._logs = logs
        self._server_logs = server_logs
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"time": _time, "duration": _duration, "id": _last}
        self._templates.globals |= {"style": Markup(STYLE), "project": context.names.project}

    def notice(self, text: str) -> str:
        """A page with one sentence."""
        return self._render("notice.html", "Vertex AI in the sandbox", text=text)

    def overview(self, project: str) -> str:
        """All endpoints and models, and the newest pipeline jobs."""
        root = self._names.canonical(f"projects/{project}")
        jobs = self._jobs(root)
        models = [one for one in self._store.list(types.Model, f"{root}/") if one.name]
        return self._render(
            "overview.html",
            "Vertex AI in the sandbox",
            endpoints=self._store.list(types.Endpoint, f"{root}/"),
            jobs=jobs[:_NEWEST_JOBS],
            older=len(jobs[_NEWEST_JOBS:]),
            schedules=self._store.list(types.Schedule, f"{root}/"),
            versions=[
                self._models.view(model, record)
                for model in models
                for record in self._models.versions(model.name)
            ],
            refresh=any(job.state not in FINAL_JOB_STATES for job in jobs),
        )

    def pipeline_job(self, project: str, location: str, job: str) -> str:
        """A pipeline job: its tasks, parameters and labels."""
        found = self._job(project, location, job)
        return self._render(
            "pipeline_job.html",
            found.display_name or job,
            job=found,
            tasks=task_rows(found),
            parameters=plain(found).get("runtimeConfig", {}).get("parameterValues", {}),
            refresh=found.state not in FINAL_JOB_STATES,
        )

    def schedule(self, project: str, location: str, schedule: str) -> str:
        """A schedule of pipeline jobs, with its newest jobs."""
        root = f"projects/{project}/locations/{location}"
        name = self._names.resource(f"{root}/schedules/{schedule}", "schedules", "name")
        found: Any = self._store.get(types.Schedule, name)
        if found is None:
            raise NotFound(f"The schedule {schedule} does not exist; it may have been deleted.")
        jobs = [one for one in self._jobs(self._names.canonical(root)) if one.schedule_name == name]
        return self._render(
            "schedule.html",
            found.display_name,
            schedule=found,
            jobs=jobs[:_NEWEST_JOBS],
            older=len(jobs[_NEWEST_JOBS:]),
            refresh=any(job.state not in FINAL_JOB_STATES for job in jobs),
        )

    def task(self, project: str, location: str, job: str, task: str) -> str:
        """A task of a pipeline job, with its log."""
        found = self._job(project, location, job)
        for row in task_rows(found):
            if row.task_id == task:
                log = log_text(self._logs / location / job, row)
                return self._render(
                    "task.html",
                    row.name,
                    job=found,
                    task=row,
                    log=log,
                    refresh=found.state not in FINAL_JOB_STATES,
                )
        raise NotFound(f"The pipeline job {job} has no task {task}.")

    def endpoint(self, project: str, location: str, endpoint: str) -> str:
        """An endpoint: its deployed models, traffic split and labels."""
        found = self._endpoints.get(f"projects/{project}/locations/{location}/endpoints/{endpoint}")
        roles = {deployed_id: role for role, deployed_id in found.labels.items()}
        split = dict(found.traffic_split)
        deployed = sorted(found.deployed_models, key=lambda one: -split.get(one.id, 0))
        return self._render(
            "endpoint.html",
            found.display_name,
            endpoint=found,
            deployed=deployed,
            roles=roles,
            split=split,
        )

    def server_logs(self, project: str, location: str, endpoint: str, deployed: str) -> str:
        """What the model server of a DeployedModel has printed, for each replica."""
        found = self._endpoints.get(f"projects/{project}/locations/{location}/endpoints/{endpoint}")
        for one in found.deployed_models:
            if one.id == deployed:
                log = deployment_log(self._server_logs, found.name, one.id)
                count = one.dedicated_resources.min_replica_count
                return self._render(
                    "server_logs.html",
                    one.display_name or one.id,
                    endpoint=found,
                    deployed=one,
                    logs=[end_of_log(replica_log(log, number)) for number in range(count)],
                )
        raise NotFound(
            f"The endpoint {endpoint} has no deployed model {deployed}; it may have been "
            "undeployed."
        )

    def version(self, project: str, location: str, model: str, version: str) -> str:
        """A version of a model: its container, aliases, labels and deployments."""
        name = f"projects/{project}/locations/{location}/models/{model}@{version}"
        self._names.resource(name, "models", "model")
        found = self._models.get(self._names.canonical(name))
        others = [record.version_id for record in self._models.versions(found.name)]
        evaluations = self._store.list(types.ModelEvaluation, f"{found.name}@{found.version_id}/")
        return self._render(
            "version.html",
            f"{model}@{found.version_id}",
            version=found,
            others=others,
            evaluations=[plain(one).get("metrics", {}) for one in evaluations],
        )

    def log_path(self, project: str, query: str) -> str:
        """The path of the page of the task whose custom job the query of Google's logs page
        names."""
        wanted = re.search(r'resource\.labels\.job_id="(\d+)"', query)
        root = self._names.canonical(f"projects/{project}")
        for job in self._store.list(types.PipelineJob, f"{root}/") if wanted else ():
            for row in task_rows(job):
                if wanted and wanted[1] in row.custom_jobs:
                    _, _, _, location, _, job_id = job.name.split("/")
                    return f"/vertex-ai/locations/{location}/pipelines/runs/{job_id}/tasks/" + (
                        row.task_id
                    )
        raise NotFound("No pipeline job here has a task with this custom job.")

    def _jobs(self, root: str) -> list[Any]:
        jobs: list[Any] = list(self._store.list(types.PipelineJob, f"{root}/"))
        return sorted(jobs, key=lambda job: job.create_time, reverse=True)

    def _job(self, project: str, location: str, job: str) -> Any:
        name = self._names.resource(
            f"projects/{project}/locations/{location}/pipelineJobs/{job}", "pipelineJobs", "name"
        )
        found = self._store.get(types.PipelineJob, name)
        if found is None:
            raise NotFound(f"The pipeline job {job} does not exist; it may have been deleted.")
        return found

    def _render(self, template: str, title: str, refresh: bool = False, **values: Any) -> str:
        return self._templates.get_template(template).render(title=title, refresh=refresh, **values)


def _time(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else ""


def _duration(row: Any) -> str:
    """From the start to the end of a job or a task; "" while it runs."""
    if not row.start_time or not row.end_time:
        return ""
    return f"{(row.end_time - row.start_time).total_seconds():.1f} s"


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
