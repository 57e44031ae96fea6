"""Submits the training pipeline of a run, unless nothing has changed, and waits for its model."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from titleholder.events.event import Action
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.gcp.vertex.jobs import Jobs
from titleholder.lineage.tasks import training_lineage
from titleholder.metrics.metric import Refusal
from titleholder.metrics.samples import refusal_sample, score_samples
from titleholder.operators.rollout import change_context, record_if_possible
from titleholder.operators.submit_job import JobIdentity, JobRequest, SubmitJobOperator
from titleholder.operators.wait_for_job import WaitForJobOperator
from titleholder.pipelines.contract import (
    Job,
    candidate_model,
    evaluated_score,
    held_out_loss,
    runtime_parameters,
)
from titleholder.pipelines.fingerprint import (
    fingerprint,
    fingerprint_from_labels,
    fingerprint_labels,
    version_with_fingerprint,
)
from titleholder.pipelines.templates import PipelineTemplate


class SubmitPipelineOperator(SubmitJobOperator):
    """The job's id is derived from the model and the run's data interval. The run's parameter
    `pipeline_version` replaces the model's pipeline template.

    Skips when a registered version was trained on the same rows, by the same template, with the
    same parameters, unless the run was cleared by hand or has `force_retrain`.
    """

    def job_request(self, context: Mapping[str, Any]) -> JobRequest:
        """The model's pipeline on the run's interval."""
        config, environment = self.config, self.environment
        run = self.training_run(context)
        template = config.pipeline.template
        if version := context["params"]["pipeline_version"]:
            folder, slash, _ = template.rpartition("/")
            template = f"{folder}{slash}{version}.yaml"
        return JobRequest(
            run,
            template,
            runtime_parameters(
                config,
                environment.project,
                environment.location,
                environment.qualified(config.source.table),
                run.interval,
            ),
        )

    def is_rerun(self, context: Mapping[str, Any]) -> bool:
        """Whether the run was cleared, has `force_retrain`, or was started by an asset, as when the
        rows of the interval were loaded again."""
        forced = bool(context["params"]["force_retrain"])
        return super().is_rerun(context) or forced or _started_by_asset(context)

    def labels(
        self, context: Mapping[str, Any], request: JobRequest, template: PipelineTemplate
    ) -> dict[str, str]:
        """The fingerprint of rows, template and parameters, by which later runs compare."""
        source, environment = self.config.source, self.environment
        if not self.config.pipeline.skip_unchanged:
            return {}
        table, interval = environment.qualified(source.table), self.training_run(context).interval
        try:
            content = SourceTables(environment, self.clock()).content(
                table, source.timestamp, interval, source.freshness.max_bytes
            )
        except Unreadable as error:
            self.log.warning("training, as it is unknown whether the rows changed: %s", error)
            return {}
        found = fingerprint(content, template.spec, request.parameters)
        if self._force_retrain(context):
            return fingerprint_labels(found)
        version = version_with_fingerprint(found, Endpoints(environment, self.config).versions())
        evidence = {"version": version.number if version else None, "fingerprint": found}
        trained = f"{self.config.model}@{version.number}" if version else ""
        if not trained and _started_by_asset(context):
            # A model under the quality gate has no version.
            job = self._last_success(request.identity)
            trained = job.name if job and fingerprint_from_labels(job.labels) == found else ""
            evidence["job"] = trained
        if trained:
            reason = (
                f"{trained} was trained on the same {content.rows} rows of {interval}, by the same "
                "pipeline with the same parameters, so nothing is trained; to train again, set "
                "force_retrain in the run's form or the backfill's configuration"
            )
            cause = replace(change_context(context), interval=interval)
            record_if_possible(self, cause, Action.SKIPPED_UNCHANGED, reason, evidence)
            self.skip_with_message(reason)
        return fingerprint_labels(found)

    def _last_success(self, identity: JobIdentity) -> Job | None:
        """The last job of this identity, in any generation, that has succeeded."""
        jobs, found = Jobs(self.environment), None
        while (job := jobs.find(identity.name)) is not None:
            found = job if job.state == "SUCCEEDED" else found
            identity = identity.next_generation()
        return found

    def _force_retrain(self, context: Mapping[str, Any]) -> bool:
        """Whether to train although nothing has changed. A backfill that reprocesses clears runs as
        well, without a decision on each of them."""
        reprocessed = context["dag_run"].run_type == "backfill"
        cleared = super().is_rerun(context) and not reprocessed
        return cleared or bool(context["params"]["force_retrain"])


def _started_by_asset(context: Mapping[str, Any]) -> bool:
    return bool(context["dag_run"].run_type == "asset_triggered")


class WaitForPipelineOperator(WaitForJobOperator):
    """Returns `{"score", "candidate", "fingerprint", "held_out_loss"}`; `candidate` is None when
    the model did not pass the pipeline's quality gate, `fingerprint` is empty and `held_out_loss`
    (that of the duel's target) None where it is unknown."""

    submitted_by = "submit_pipeline"
    section = "pipeline"
    failure_effect = "no new model"
    remedy = "to train again, clear submit_pipeline with what follows it"

    @property
    def timeout(self) -> timedelta:
        """The YAML file's `pipeline.timeout`."""
        return self.config.pipeline.timeout

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Wait as for any job, then emit score and refusal, and keep the lineage."""
        result = super().execute(context)
        model, min_score = self.config.model, self.config.gate.min_score
        score, candidate = result["score"], result["candidate"]
        self.emit_metrics(lambda: score_samples(model, score, min_score), context)
        if candidate is None:
            self.emit_metrics(lambda: [refusal_sample(model, Refusal.QUALITY_GATE)])
        uri = candidate["uri"] if candidate is not None else None
        interval = self.training_run(context).interval
        self.keep_lineage(lambda names: training_lineage(names, interval, score, min_score, uri))
        return result

    def result(self, job: Job) -> dict[str, Any]:
        """The score, and the model if it passed the gate."""
        score, duel = evaluated_score(job), self.config.duel
        candidate = candidate_model(job, self.config.gate.min_score, self.environment.pipeline_root)
        self.log.info("score %.2f, %s the gate", score, "passed" if candidate else "under")
        return {
            "score": score,
            "candidate": candidate.to_json() if candidate else None,
            "fingerprint": fingerprint_from_labels(job.labels),
            "held_out_loss": held_out_loss(job, duel.loss, duel.target) if duel else None,
        }
