"""What a weekly run wants of the endpoint: the model that its pipeline offers, seated. No I/O."""

from titleholder.config.model import ModelConfig
from titleholder.digest import to_label
from titleholder.labels import DATA_FROM, DATA_UNTIL, DIGEST, FRAMEWORK, FRESHNESS, JOB, SCORE
from titleholder.naming import Run, label_time
from titleholder.pipelines.contract import Offer
from titleholder.pipelines.fingerprint import fingerprint_labels
from titleholder.rollout.intents import SeatCandidate
from titleholder.rollout.steps import NewVersion


def candidate(
    config: ModelConfig, run: Run, offer: Offer, freshness: str, fingerprint: str = ""
) -> SeatCandidate:
    """The intent of `run`; for the version's labels `freshness` is the outcome of its check, and
    `fingerprint` that of what it learned from, empty where that is not known."""
    return SeatCandidate(
        version=NewVersion(
            alias=run.name,
            # Of all versions: a prediction's answer has it whichever version answers.
            display_name=run.model,
            description=f"score {offer.score:.2f}, data of {run.interval}",
            uri=offer.uri,
            image=offer.image,
            labels={
                **config.labels,
                DATA_FROM: label_time(run.interval.start),
                DATA_UNTIL: label_time(run.interval.end),
                JOB: run.name,
                SCORE: f"{offer.score:.2f}".replace(".", "_"),
                FRAMEWORK: offer.framework_version.replace(".", "_"),
                FRESHNESS: freshness,
                DIGEST: to_label(offer.digest),
                **fingerprint_labels(fingerprint),
            },
        ),
        deployed_model_id=run.deployed_model_id,
        recency=run.recency,
        period=run.interval.length,
        share=config.rollout.challenger_share,
        endpoint=config.endpoint.display_name,
        create_endpoint=config.endpoint.create,
        wait=config.rollout.on_new_challenger == "wait",
    )
