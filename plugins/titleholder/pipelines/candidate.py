"""What a weekly run wants of the endpoint: the model that its pipeline offers, seated. No I/O."""

from titleholder.config.model import ModelConfig
from titleholder.labels import Label, digest_to_label, format_label_time
from titleholder.naming import TrainingRun
from titleholder.pipelines.contract import CandidateModel
from titleholder.pipelines.fingerprint import fingerprint_labels
from titleholder.rollout.intents import DeployCandidate
from titleholder.rollout.steps import NewVersion


def deploy_candidate(
    config: ModelConfig,
    run: TrainingRun,
    candidate: CandidateModel,
    freshness: str,
    fingerprint: str = "",
) -> DeployCandidate:
    """The intent of `run`; for the version's labels `freshness` is the outcome of its check, and
    `fingerprint` that of what it learned from, empty where that is not known."""
    return DeployCandidate(
        version=NewVersion(
            alias=run.name,
            # Of all versions: a prediction's answer has it whichever version answers.
            display_name=run.model,
            description=f"score {candidate.score:.2f}, data of {run.interval}",
            uri=candidate.uri,
            image=candidate.image,
            labels={
                **config.labels,
                Label.DATA_INTERVAL_START: format_label_time(run.interval.start),
                Label.DATA_INTERVAL_END: format_label_time(run.interval.end),
                Label.JOB: run.name,
                Label.SCORE: f"{candidate.score:.2f}".replace(".", "_"),
                Label.FRAMEWORK: candidate.framework_version.replace(".", "_"),
                Label.FRESHNESS: freshness,
                Label.DIGEST: digest_to_label(candidate.digest),
                **fingerprint_labels(fingerprint),
            },
        ),
        deployed_model_id=run.deployed_model_id,
        recency=run.recency,
        period=run.interval.length,
        traffic_percentage=config.rollout.traffic_percentage,
        endpoint=config.endpoint.display_name,
        create_endpoint=config.endpoint.create,
        keep_current=config.rollout.on_new_challenger == "keep_current",
    )
