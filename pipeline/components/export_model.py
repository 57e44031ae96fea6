"""The step behind the quality gate: it names the model that may be registered."""

from kfp import dsl

from pipeline.component import component


@component()
def export_model(
    trained: dsl.Input[dsl.Model],
    score: float,
    serving_image: str,
    model: dsl.Output[dsl.Model],
) -> None:
    """Offer the trained model where it lies, with all that its registration needs."""
    model.uri = trained.uri
    model.metadata.update(trained.metadata, score=score, serving_image=serving_image)
