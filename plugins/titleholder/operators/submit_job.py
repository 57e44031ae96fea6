"""Submits a pipeline job for a dag run, or reuses the job that exists."""

import re
from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from airflow.sdk import BaseOperatorLink

from titleholder.gcp.console import pipeline_page
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.labels import Label, dag_run_label
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import PipelineLink
from titleholder.operators.shared_jobs import cancel_unshared
from titleholder.pipelines.contract import Job
from titleholder.pipelines.templates import PipelineTemplate, with_images


class JobIdentity(Protocol):
    """The identity of a job. Its `name`, the job's id, is derived, so that a retry finds the
    job."""

    @property
    def name(self) -> str:
        """The job's id."""

    @property
    def generation(self) -> int:
        """How often the same job has been submitted again."""

    def next_generation(self) -> "JobIdentity":
        """The next generation; raises ManualActionRequired after too many."""


@dataclass(frozen=True)
class JobRequest:
    """A job to submit. `template` is a pipeline template, or a version of one; `images` replace
    those of the tasks of these names."""

    identity: JobIdentity
    template: str
    parameters: dict[str, Any]
    images: Mapping[str, str] = field(default_factory=dict)


class SubmitJobOperator(ModelOperator):
    """Returns `{"job", "run", "generation", "created", "pipeline"}`: the job's resource name, id,
    generation and creation time, and the version of its pipeline template.

    The job's id is derived from the run, so that a retry, also on another worker, finds the job
    instead of submitting a second one. A cleared run has a new generation and so a new job.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (PipelineLink(),)

    def is_rerun(self, context: Mapping[str, Any]) -> bool:
        """Whether a job that has succeeded must not be reused."""
        return bool(context["dag_run"].clear_number)

    def labels(
        self, context: Mapping[str, Any], request: JobRequest, template: PipelineTemplate
    ) -> dict[str, str]:
        """More labels for a job before it is submitted; raises AirflowSkipException when it need
        not be submitted."""
        return {}

    @abstractmethod
    def job_request(self, context: Mapping[str, Any]) -> JobRequest:
        """The job to submit; raises AirflowSkipException for none."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Submit once; a repetition returns the same job."""
        dag_run, config, jobs = context["dag_run"], self.config, Jobs(self.environment)
        label = dag_run_label(dag_run.dag_id, dag_run.run_id)
        with self.fail_with_message():
            request = self.job_request(context)
            identity, existing = self._generation(jobs, request.identity, context)
            template = self.environment.template(request.template)
            labels = {} if existing else self.labels(context, request, template)
            self._cancel_superseded(context, jobs, label, identity)
            name, _, digest = template.version.rpartition("-")
            job = jobs.submit(
                identity.name,
                with_images(template.spec, request.images),
                request.parameters,
                {
                    **config.labels,
                    **labels,
                    Label.MODEL: config.model,
                    Label.RUN: label,
                    Label.PIPELINE: digest,
                },
                config.pipeline.service_account,
            )
        PipelineLink.store(context, pipeline_page(job.name))
        # A reused job may run another version of the template.
        pipeline = f"{name}-{job.labels.get(Label.PIPELINE, 'unknown')}"
        self.log.info("pipeline job %s is %s; it runs %s", job.name, job.state, pipeline)
        return {
            "job": job.name,
            "run": identity.name,
            "generation": identity.generation,
            "created": job.created.isoformat(),
            "pipeline": pipeline,
        }

    def _cancel_superseded(
        self, context: Mapping[str, Any], jobs: Jobs, label: str, identity: JobIdentity
    ) -> None:
        """Cancel the jobs of this kind that this dag run submitted or reused before it was cleared
        and that still run, except those that another run waits for."""
        # Another task of the run may have submitted one of another kind.
        names = {job.name for job in jobs.running(label) if _kind(job.name) == _kind(identity.name)}
        for generation in range(identity.generation):
            # A reused job has the label of another run.
            job = jobs.find(replace(cast(Any, identity), generation=generation).name)
            names |= {job.name} if job is not None and not job.ended else set()
        names = {name for name in names if not name.endswith(f"/{identity.name}")}
        cancel_unshared(jobs, names, context, "this run was cleared", self.log)

    def _generation(
        self, jobs: Jobs, identity: JobIdentity, context: Mapping[str, Any]
    ) -> tuple[JobIdentity, Job | None]:
        """The first generation whose job this dag run may use, with that job if it exists.

        Not usable is a job that ended without success before this attempt of the dag run began; one
        that ended at all before it, if this is a rerun; and one that another run submitted and that
        was cancelled. A job's id cannot be used twice, so a new job needs a new generation.
        """
        dag_run = context["dag_run"]
        begun = dag_run.start_date or self.clock()
        label = dag_run_label(dag_run.dag_id, dag_run.run_id)
        while (job := jobs.find(identity.name)) is not None:
            foreign = job.labels.get(Label.RUN) != label
            if not (foreign and job.state in ("CANCELLING", "CANCELLED")):
                if not job.ended or job.created >= begun:
                    break
                if job.state == "SUCCEEDED" and not self.is_rerun(context):
                    break
            self.log.info("%s of an earlier run is %s; submitting a new job", job.name, job.state)
            identity = identity.next_generation()
        return identity, job


def _kind(name: str) -> str:
    """What the job of that id or resource name does, by the words that DuelJob and WatchJob put
    into it; "" for a training."""
    found = re.search(r"-(duel|watch)-[0-9]+-", name.rpartition("/")[2])
    return found[1] if found else ""
