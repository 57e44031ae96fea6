"""Starts the training pipeline for the run, or takes up the job that the run has already."""

from collections.abc import Mapping
from typing import Any

from titleholder.contract import parameters
from titleholder.operators.base import ModelOperator
from titleholder.run import Run, run_label
from titleholder.vertex.jobs import MODEL_LABEL, RUN_LABEL, Jobs


class SubmitPipelineOperator(ModelOperator):
    """Returns `{"job", "run", "generation"}`: resource name and id of the pipeline job.

    The job's id is the run's name, so a retry, or a worker that takes over from a dead one, finds
    the job instead of starting a second. A cleared run has a new generation and so a new job.
    """

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Submit once; the same answer however often it is repeated."""
        with self.told():
            run = self._generation(self.run_of(context), context)
            config = self.config
            job = Jobs(self.environment).submit(
                run.name,
                self.environment.template(config.pipeline.template),
                parameters(
                    config,
                    self.environment.project,
                    self.environment.location,
                    self.environment.qualified(config.source.table),
                    run.interval,
                ),
                {
                    **config.labels,
                    MODEL_LABEL: config.model,
                    RUN_LABEL: run_label(context["dag_run"].dag_id, context["dag_run"].run_id),
                },
                config.pipeline.service_account,
            )
        self.log.info("pipeline job %s is %s", job.name, job.state)
        return {"job": job.name, "run": run.name, "generation": run.generation}

    def _generation(self, run: Run, context: Mapping[str, Any]) -> Run:
        """The run itself, unless another dag run has tried this interval and failed: then the next
        generation, as a failed job's id cannot be used again."""
        jobs = Jobs(self.environment)
        begun = context["dag_run"].start_date or self.clock()
        while True:
            job = jobs.find(run.name)
            if job is None or job.state not in ("FAILED", "CANCELLED") or job.created >= begun:
                return run
            self.log.info("%s of an earlier run is %s; training anew", job.name, job.state)
            run = run.next_generation()
