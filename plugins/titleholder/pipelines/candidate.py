"""The intent of a training run: deploy the model of its pipeline. No I/O."""

from titleholder.config.endpoint import EndpointType
from titleholder.config.model import ModelConfig
from titleholder.errors import PipelineError
from titleholder.labels import Label, digest_to_label, format_label_time, number_to_label
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
    held_out_loss: float | None = None,
) -> DeployCandidate:
    """The intent to deploy the candidate of `run`. `freshness` is the result of its check,
    `fingerprint` that of its training data, "" where unknown, and `held_out_loss` that of the
    duel's target; they become labels of the version.

    Raises PipelineError for a container that the endpoint's type excludes
    (ModelContainerSpec.invoke_route_prefix in google/cloud/aiplatform/v1/model.proto).
    """
    if candidate.container.invoke_route_prefix and config.endpoint.type is EndpointType.SHARED:
        raise PipelineError(
            f"the container of {run.name} has invokeRoutePrefix, which Vertex AI deploys to a "
            f"dedicated endpoint only, and {run.model}.yaml has a shared one; let 'export-model' "
            "give predictRoute instead, or name another endpoint with endpoint.dedicated: true"
        )
    version = NewVersion(
        alias=run.name,
        # The same for all versions: every prediction response contains it.
        display_name=run.model,
        description=f"score {candidate.score:.2f}, data of {run.interval}",
        uri=candidate.uri,
        container=candidate.container.to_register(candidate.digest),
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
            **(
                {Label.HELD_OUT_LOSS: number_to_label(held_out_loss)}
                if held_out_loss is not None
                else {}
            ),
        },
    )
    return deploy_version(config, run, version)


def deploy_version(config: ModelConfig, run: TrainingRun, version: NewVersion) -> DeployCandidate:
    """The intent to deploy `version`, the model of `run`, as `config` sets it."""
    return DeployCandidate(
        version=version,
        deployed_model_id=run.deployed_model_id,
        recency=run.recency,
        period=run.interval.length,
        traffic_percentage=config.rollout.traffic_percentage,
        endpoint=config.endpoint.display_name,
        create_endpoint=config.endpoint.create,
        keep_current=config.rollout.on_new_challenger == "keep_current",
    )
