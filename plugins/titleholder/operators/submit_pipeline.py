"""Starts the training pipeline of the weekly run, unless it would learn nothing new."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from titleholder.gcp.bigquery.source_table import Tables, Unreadable
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.operators.rollout import engine, person
from titleholder.operators.submit_job import Order, SubmitJobOperator
from titleholder.pipelines.contract import parameters
from titleholder.pipelines.fingerprint import fingerprint, fingerprint_labels, trained_on
from titleholder.pipelines.templates import Compiled


class SubmitPipelineOperator(SubmitJobOperator):
    """The job's id is the model and the week. The run's parameter `pipeline` names another version
    of the compiled pipeline than the model's own.

    Skips when a registered version was trained on the same rows, by the same compiled pipeline,
    with the same parameters, unless somebody cleared the run or set `train_anew`.
    """

    def order(self, context: Mapping[str, Any]) -> Order:
        """The model's pipeline on the run's interval."""
        config, environment = self.config, self.environment
        run = self.run_of(context)
        template = config.pipeline.template
        if version := context["params"]["pipeline"]:
            folder, slash, _ = template.rpartition("/")
            template = f"{folder}{slash}{version}.yaml"
        return Order(
            run,
            template,
            parameters(
                config,
                environment.project,
                environment.location,
                environment.qualified(config.source.table),
                run.interval,
            ),
        )

    def anew(self, context: Mapping[str, Any]) -> bool:
        """Also when the run's parameters say so."""
        return super().anew(context) or bool(context["params"]["train_anew"])

    def labels(
        self, context: Mapping[str, Any], order: Order, template: Compiled
    ) -> dict[str, str]:
        """The fingerprint of what it learns from, by which the next run knows it again."""
        source, environment = self.config.source, self.environment
        if not self.config.pipeline.skip_unchanged:
            return {}
        table, interval = environment.qualified(source.table), self.run_of(context).interval
        try:
            content = Tables(environment, self.clock()).content(
                table, source.timestamp, interval, source.freshness.max_bytes
            )
        except Unreadable as error:
            self.log.warning("training, whether the data changed or not: %s", error)
            return {}
        found = fingerprint(content, template.spec, order.parameters)
        version = trained_on(found, Endpoints(environment, self.config).versions())
        if version is not None and not self._wished(context):
            told = (
                f"{self.config.model}@{version.number} was trained on the same {content.rows} rows "
                f"of {interval}, by the same pipeline with the same parameters, so nothing is "
                "trained; to train anew, set train_anew in the run's form or the backfill's "
                "configuration"
            )
            self._record(context, told, {"version": version.number, "fingerprint": found})
            raise AirflowSkipException(f"{self.config.model}: {told}")
        return fingerprint_labels(found)

    def _wished(self, context: Mapping[str, Any]) -> bool:
        """Whether somebody wants this very week trained once more. A backfill that reprocesses
        clears runs as well, and nobody looked at each of them."""
        reprocessed = context["dag_run"].run_type == "backfill"
        return self.anew(context) and (bool(context["params"]["train_anew"]) or not reprocessed)

    def _record(self, context: Mapping[str, Any], told: str, evidence: dict[str, Any]) -> None:
        cause = person(context)
        cause = replace(
            cause,
            interval=self.run_of(context).interval,
            evidence=cause.evidence | evidence,
        )
        try:
            rollout = engine(self, cause)
            rollout.note("unchanged", rollout.look("train", lambda seen: seen), told, "")
        except Exception as error:
            # Nothing is done either way.
            self.log.warning("that could not be recorded: %s", error)
