"""The recorded predictions of an artifact, compared with those that the server gives."""

import json
import math
from pathlib import Path
from typing import Any

from model_server.answer import PredictorError, RequestError, predict
from model_server.artifact import ArtifactError
from model_server.predictors import Predictor

EXAMPLES = "examples.json"
"""A file in the artifact: `{"instances": [...], "predictions": [...]}`, as the pipeline recorded
them. It may be missing."""
TOLERANCE = 1e-5
"""The difference that is allowed between numbers, relative or absolute: other processors round
differently."""


def check_examples(predictor: Predictor, folder: Path, source: str) -> int:
    """The number of recorded predictions that the predictor repeats; 0 without the file.

    Raises ArtifactError for an invalid file and for a different prediction.
    """
    path = folder / EXAMPLES
    if not path.is_file():
        return 0
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        instances, expected = recorded["instances"], recorded["predictions"]
        valid = isinstance(instances, list) and len(instances) == len(expected) > 0
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise ArtifactError(
            f'{source}/{EXAMPLES} is invalid: write {{"instances": [...], "predictions": [...]}}, '
            "as many of each"
        )
    try:
        found = json.loads(predict(predictor, {"instances": instances}))["predictions"]
    except (RequestError, PredictorError) as error:
        raise ArtifactError(
            f"the model of {source} cannot predict its recorded examples ({error}): train it with "
            "the packages of this image"
        ) from error
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if not same(one, other):
            raise ArtifactError(
                f"the model of {source} predicts {one} for the recorded example {number}, where "
                f"the pipeline recorded {other}: find out what differs between the two "
                "environments, and train it again"
            )
    return len(found)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, numbers within TOLERANCE."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(one == other)
