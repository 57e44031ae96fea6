"""Starts the training pipeline of the weekly run, unless it would learn nothing new."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.events.event import Action
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.operators.rollout import change_context, make_reconciler
from titleholder.operators.submit_job import JobRequest, SubmitJobOperator
from titleholder.pipelines.contract import runtime_parameters
from titleholder.pipelines.fingerprint import (
    fingerprint,
    fingerprint_labels,
    version_with_fingerprint,
)
from titleholder.pipelines.templates import PipelineTemplate


class SubmitPipelineOperator(SubmitJobOperator):
    """The job's id is the model and the week. The run's parameter `pipeline` names another version
    of the compiled pipeline than the model's own.

    Skips when a registered version was trained on the same rows, by the same compiled pipeline,
    with the same parameters, unless somebody cleared the run or set `force_retrain`.
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
        """Also when the run's parameters say so."""
        return super().is_rerun(context) or bool(context["params"]["force_retrain"])

    def labels(
        self, context: Mapping[str, Any], order: JobRequest, template: PipelineTemplate
    ) -> dict[str, str]:
        """The fingerprint of what it learns from, by which the next run knows it again."""
        source, environment = self.config.source, self.environment
        if not self.config.pipeline.skip_unchanged:
            return {}
        table, interval = environment.qualified(source.table), self.training_run(context).interval
        try:
            content = SourceTables(environment, self.clock()).content(
                table, source.timestamp, interval, source.freshness.max_bytes
            )
        except Unreadable as error:
            self.log.warning("training, whether the data changed or not: %s", error)
            return {}
        found = fingerprint(content, template.spec, order.parameters)
        version = version_with_fingerprint(found, Endpoints(environment, self.config).versions())
        if version is not None and not self._force_retrain(context):
            told = (
                f"{self.config.model}@{version.number} was trained on the same {content.rows} rows "
                f"of {interval}, by the same pipeline with the same parameters, so nothing is "
                "trained; to train anew, set force_retrain in the run's form or the backfill's "
                "configuration"
            )
            self._record(context, told, {"version": version.number, "fingerprint": found})
            raise AirflowSkipException(f"{self.config.model}: {told}")
        return fingerprint_labels(found)

    def _force_retrain(self, context: Mapping[str, Any]) -> bool:
        """Whether somebody wants this very week trained once more. A backfill that reprocesses
        clears runs as well, and nobody looked at each of them."""
        reprocessed = context["dag_run"].run_type == "backfill"
        return self.is_rerun(context) and (
            bool(context["params"]["force_retrain"]) or not reprocessed
        )

    def _record(self, context: Mapping[str, Any], told: str, evidence: dict[str, Any]) -> None:
        cause = change_context(context)
        cause = replace(
            cause,
            interval=self.training_run(context).interval,
            evidence=cause.evidence | evidence,
        )
        try:
            rollout = make_reconciler(self, cause)
            view = rollout.read_view("train", lambda seen: seen)
            rollout.record(Action.SKIPPED_UNCHANGED, view, told, "")
        except Exception as error:
            # Nothing is done either way.
            self.log.warning("that could not be recorded: %s", error)
