"""A pipeline that keeps the contract and trains nothing: its two steps run side by side."""

from kfp import dsl

from tests.dags.tiny_pipeline import evaluate, offer


@dsl.pipeline(name="nothing")
def nothing(
    project: str,
    location: str,
    source_table: str,
    timestamp_column: str,
    interval_start: str,
    interval_end: str,
    minimum_score: float,
    image: str = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest",
) -> None:
    """The parameters of docs/pipeline-contract.md."""
    evaluate(ready=interval_end, score=90.0)
    offer(ready=interval_end, image=image, corrupt=False, place="")
