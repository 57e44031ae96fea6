"""Starts a pipeline job for a dag run, or takes up the one that the run has already."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from airflow.sdk import BaseOperatorLink

from titleholder.gcp.console import pipeline_page
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.labels import Label, dag_run_label
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import PipelineLink
from titleholder.operators.shared_jobs import cancel_unshared
from titleholder.pipelines.contract import Job
from titleholder.pipelines.templates import PipelineTemplate


class JobIdentity(Protocol):
    """What a job is for: its `name` is the job's id, and derived, so that a retry finds the job."""

    @property
    def name(self) -> str:
        """The job's id."""

    @property
    def generation(self) -> int:
        """How often it had to be started anew."""

    def next_generation(self) -> "JobIdentity":
        """The same, once more; raises ManualActionRequired when that was too often."""


@dataclass(frozen=True)
class JobRequest:
    """A job to be submitted. `template` names a compiled pipeline, or a version of one."""

    run: JobIdentity
    template: str
    parameters: dict[str, Any]


class SubmitJobOperator(ModelOperator):
    """Returns `{"job", "run", "generation", "created", "pipeline"}`: resource name, id and time of
    the job, and the version of the compiled pipeline that it runs.

    The job's id is the run's name, so a retry, or a worker that takes over from a dead one, finds
    the job instead of starting a second. A cleared run has a new generation and so a new job.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (PipelineLink(),)

    def is_rerun(self, context: Mapping[str, Any]) -> bool:
        """Whether a job that succeeded already is not to be taken up."""
        return bool(context["dag_run"].clear_number)

    def labels(
        self, context: Mapping[str, Any], order: JobRequest, template: PipelineTemplate
    ) -> dict[str, str]:
        """More labels for a job that is about to be submitted; raises AirflowSkipException when it
        is not worth it."""
        return {}

    @abstractmethod
    def job_request(self, context: Mapping[str, Any]) -> JobRequest:
        """What to submit; raises AirflowSkipException when that is nothing."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Submit once; the same answer however often it is repeated."""
        dag_run, config, jobs = context["dag_run"], self.config, Jobs(self.environment)
        label = dag_run_label(dag_run.dag_id, dag_run.run_id)
        with self.fail_with_message():
            order = self.job_request(context)
            run, known = self._generation(jobs, order.run, context)
            template = self.environment.template(order.template)
            labels = {} if known else self.labels(context, order, template)
            self._cancel_left_behind(context, jobs, label, run)
            name, _, digest = template.version.rpartition("-")
            job = jobs.submit(
                run.name,
                template.spec,
                order.parameters,
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
        # A job that was there already may be of an older version.
        pipeline = f"{name}-{job.labels.get(Label.PIPELINE, 'unknown')}"
        self.log.info("pipeline job %s is %s; it runs %s", job.name, job.state, pipeline)
        return {
            "job": job.name,
            "run": run.name,
            "generation": run.generation,
            "created": job.created.isoformat(),
            "pipeline": pipeline,
        }

    def _cancel_left_behind(
        self, context: Mapping[str, Any], jobs: Jobs, label: str, run: JobIdentity
    ) -> None:
        """Cancel the jobs of the run before it was cleared that still run, unless another run waits
        for one."""
        names = {job.name for job in jobs.running(label)}
        for generation in range(run.generation):
            # It may be one that another run submitted, which has ended since.
            job = jobs.find(replace(cast(Any, run), generation=generation).name)
            names |= {job.name} if job is not None and not job.ended else set()
        names = {name for name in names if not name.endswith(f"/{run.name}")}
        cancel_unshared(jobs, names, context, "this run was cleared", self.log)

    def _generation(
        self, jobs: Jobs, run: JobIdentity, context: Mapping[str, Any]
    ) -> tuple[JobIdentity, Job | None]:
        """The run itself, with its job if there is one, unless that is not this dag run's to take
        up: one that ended badly before this attempt of the dag run began, or ended at all and is
        wanted anew. Nor is one that another run submitted and that was cancelled since. A job's id
        cannot be used again, so that is the next generation.
        """
        dag_run = context["dag_run"]
        begun = dag_run.start_date or self.clock()
        label = dag_run_label(dag_run.dag_id, dag_run.run_id)
        while (job := jobs.find(run.name)) is not None:
            foreign = job.labels.get(Label.RUN) != label
            if not (foreign and job.state in ("CANCELLING", "CANCELLED")):
                if not job.ended or job.created >= begun:
                    break
                if job.state == "SUCCEEDED" and not self.is_rerun(context):
                    break
            self.log.info("%s of an earlier run is %s; starting anew", job.name, job.state)
            run = run.next_generation()
        return run, job
