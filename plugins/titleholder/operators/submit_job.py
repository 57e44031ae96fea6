"""Starts a pipeline job for a dag run, or takes up the one that the run has already."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow.sdk import BaseOperatorLink

from titleholder.compiled import Compiled
from titleholder.console import pipeline_page
from titleholder.contract import Job
from titleholder.labels import MODEL, PIPELINE, RUN
from titleholder.operators.base import ModelOperator
from titleholder.operators.links import PipelineLink
from titleholder.run import run_label
from titleholder.vertex.jobs import Jobs


class Named(Protocol):
    """What a job is for: its `name` is the job's id, and derived, so that a retry finds the job."""

    @property
    def name(self) -> str:
        """The job's id."""

    @property
    def generation(self) -> int:
        """How often it had to be started anew."""

    def next_generation(self) -> "Named":
        """The same, once more; raises Refusal when that was too often."""


@dataclass(frozen=True)
class Order:
    """A job to be submitted. `template` names a compiled pipeline, or a version of one."""

    run: Named
    template: str
    parameters: dict[str, Any]


class SubmitJobOperator(ModelOperator):
    """Returns `{"job", "run", "generation", "created", "pipeline"}`: resource name, id and time of
    the job, and the version of the compiled pipeline that it runs.

    The job's id is the run's name, so a retry, or a worker that takes over from a dead one, finds
    the job instead of starting a second. A cleared run has a new generation and so a new job.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (PipelineLink(),)

    def anew(self, context: Mapping[str, Any]) -> bool:
        """Whether a job that succeeded already is not to be taken up."""
        return bool(context["dag_run"].clear_number)

    def labels(
        self, context: Mapping[str, Any], order: Order, template: Compiled
    ) -> dict[str, str]:
        """More labels for a job that is about to be submitted; raises AirflowSkipException when it
        is not worth it."""
        return {}

    @abstractmethod
    def order(self, context: Mapping[str, Any]) -> Order:
        """What to submit; raises AirflowSkipException when that is nothing."""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Submit once; the same answer however often it is repeated."""
        dag_run, config, jobs = context["dag_run"], self.config, Jobs(self.environment)
        label = run_label(dag_run.dag_id, dag_run.run_id)
        with self.told():
            order = self.order(context)
            run, known = self._generation(jobs, order.run, context)
            template = self.environment.template(order.template)
            labels = {} if known else self.labels(context, order, template)
            for old in jobs.running(label):
                if not old.name.endswith(f"/{run.name}"):
                    self.log.info("cancelling %s, which the cleared run left behind", old.name)
                    jobs.cancel(old.name)
            name, _, digest = template.version.rpartition("-")
            own = {MODEL: config.model, RUN: label, PIPELINE: digest}
            job = jobs.submit(
                run.name,
                template.spec,
                order.parameters,
                {**config.labels, **labels, **own},
                config.pipeline.service_account,
            )
        PipelineLink.keep(context, pipeline_page(job.name))
        # A job that was there already may be of an older version.
        pipeline = f"{name}-{job.labels.get(PIPELINE, 'unknown')}"
        self.log.info("pipeline job %s is %s; it runs %s", job.name, job.state, pipeline)
        return {
            "job": job.name,
            "run": run.name,
            "generation": run.generation,
            "created": job.created.isoformat(),
            "pipeline": pipeline,
        }

    def _generation(
        self, jobs: Jobs, run: Named, context: Mapping[str, Any]
    ) -> tuple[Named, Job | None]:
        """The run itself, with its job if there is one, unless that is not this dag run's to take
        up: one that ended badly before this attempt of the dag run began, or ended at all and is
        wanted anew. A job's id cannot be used again, so that is the next generation.
        """
        begun = context["dag_run"].start_date or self.clock()
        while (job := jobs.find(run.name)) is not None and job.ended and job.created < begun:
            if job.state == "SUCCEEDED" and not self.anew(context):
                break
            self.log.info("%s of an earlier run is %s; starting anew", job.name, job.state)
            run = run.next_generation()
        return run, job
