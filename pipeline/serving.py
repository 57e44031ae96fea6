"""The container that serves the models, and the rule that they must load in it."""

import re

SERVING_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"


def require_same_minor(image: str, pinned: str) -> str:
    """The image, if a model trained with `pinned` (`scikit-learn==1.6.1`) loads in it.

    Raises ValueError when the minor versions differ: such a model may not load there, which
    would show only after minutes of deploying.
    """
    serving = re.search(r"/sklearn-cpu\.(\d+)-(\d+):", image)
    training = re.fullmatch(r"scikit-learn==(\d+)\.(\d+)\..*", pinned)
    if not serving or not training or serving.groups() != training.groups():
        raise ValueError(
            f"Models trained with {pinned} may not load in the serving image {image}: pin the "
            "same minor version of scikit-learn in requirements.in, or change SERVING_IMAGE in "
            "pipeline/serving.py."
        )
    return image
