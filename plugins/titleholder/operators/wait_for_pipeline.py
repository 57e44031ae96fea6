"""Waits for the training pipeline, and reads what it offers."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from titleholder.operators.wait_for_job import WaitForJobOperator
from titleholder.pipelines.contract import Job, candidate_model, evaluated_score
from titleholder.pipelines.fingerprint import fingerprint_from_labels


class WaitForPipelineOperator(WaitForJobOperator):
    """Returns `{"score", "candidate", "fingerprint"}`; `candidate` is None when the pipeline's own
    quality gate refused the model, and the fingerprint that of what it learned from, empty if
    unknown."""

    submitted_by = "submit_pipeline"
    section = "pipeline"
    failure_effect = "no new model"
    remedy = "to train anew, clear submit_pipeline with what follows it"

    @property
    def timeout(self) -> timedelta:
        """The YAML file's `pipeline.timeout`."""
        return self.config.pipeline.timeout

    def result(self, job: Job) -> dict[str, Any]:
        """Its score, and the model if it passed the gate."""
        score = evaluated_score(job)
        candidate = candidate_model(job, self.config.gate.min_score, self.environment.pipeline_root)
        self.log.info("score %.2f, %s", score, "offered" if candidate else "under the gate")
        return {
            "score": score,
            "candidate": asdict(candidate) if candidate else None,
            "fingerprint": fingerprint_from_labels(job.labels),
        }
