"""The step behind the quality gate, whose output is the model that may be registered."""

import re

from kfp import dsl

from pipeline.component import component

# The container that serves the model.
SERVING_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"


@component()
def export_model(
    trained: dsl.Input[dsl.Model],
    score: float,
    serving_image: str,
    model: dsl.Output[dsl.Model],
) -> None:
    """Output the trained model under its own URI, with the metadata that registration needs."""
    model.uri = trained.uri
    model.metadata.update(trained.metadata, score=score, containerSpec={"imageUri": serving_image})


def require_same_minor(image: str, pinned: str) -> str:
    """The image, if a model trained with `pinned` (`scikit-learn==1.6.1`) loads in it.

    Raises ValueError when the minor versions differ: such a model may fail to load, which would
    show only after minutes of deploying.
    """
    serving = re.search(r"/sklearn-cpu\.(\d+)-(\d+):", image)
    training = re.fullmatch(r"scikit-learn==(\d+)\.(\d+)\..*", pinned)
    if not serving or not training or serving.groups() != training.groups():
        raise ValueError(
            f"Models trained with {pinned} may not load in the serving image {image}: pin the "
            "same minor version of scikit-learn in requirements.in, or change SERVING_IMAGE in "
            "pipeline/components/export_model.py."
        )
    return image
