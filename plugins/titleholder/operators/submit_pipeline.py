"""Starts the training pipeline for the run, or takes up the job that the run has already."""

from collections.abc import Mapping
from typing import Any

from titleholder.contract import parameters
from titleholder.operators.base import ModelOperator
from titleholder.run import Run, run_label
from titleholder.vertex.jobs import MODEL_LABEL, RUN_LABEL, Jobs


class SubmitPipelineOperator(ModelOperator):
    """Returns `{"job", "run", "generation", "created"}`: resource name, id and time of the job.

    The job's id is the run's name, so a retry, or a worker that takes over from a dead one, finds
    the job instead of starting a second. A cleared run has a new generation and so a new job.
    """

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Submit once; the same answer however often it is repeated."""
        dag_run, config, jobs = context["dag_run"], self.config, Jobs(self.environment)
        label = run_label(dag_run.dag_id, dag_run.run_id)
        with self.told():
            run = self._generation(jobs, self.run_of(context), dag_run)
            for old in jobs.running(label):
                if not old.name.endswith(f"/{run.name}"):
                    self.log.info("cancelling %s, which the cleared run left behind", old.name)
                    jobs.cancel(old.name)
            job = jobs.submit(
                run.name,
                self.environment.template(config.pipeline.template),
                parameters(
                    config,
                    self.environment.project,
                    self.environment.location,
                    self.environment.qualified(config.source.table),
                    run.interval,
                ),
                {**config.labels, MODEL_LABEL: config.model, RUN_LABEL: label},
                config.pipeline.service_account,
            )
        self.log.info("pipeline job %s is %s", job.name, job.state)
        return {
            "job": job.name,
            "run": run.name,
            "generation": run.generation,
            "created": job.created.isoformat(),
        }

    def _generation(self, jobs: Jobs, run: Run, dag_run: Any) -> Run:
        """The run itself, unless its job is not this dag run's to take up: one that ended badly
        before this attempt of the dag run began, or ended at all and the run was cleared since.
        A job's id cannot be used again, so that is the next generation.
        """
        begun = dag_run.start_date or self.clock()
        while (job := jobs.find(run.name)) is not None and job.ended and job.created < begun:
            if job.state == "SUCCEEDED" and not dag_run.clear_number:
                break
            self.log.info("%s of an earlier run is %s; training anew", job.name, job.state)
            run = run.next_generation()
        return run
