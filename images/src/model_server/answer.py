"""From the body of a prediction request to the body of its response."""

import json
from typing import Any

from model_server.predictors import Predictor


class RequestError(Exception):
    """The request cannot be answered; the message says why. The status is 400."""


class PredictorError(Exception):
    """The predictor failed or its result is no valid response. The status is 500."""


def answer(predictor: Predictor, body: bytes) -> bytes:
    """The JSON response of the predictor. Raises RequestError and PredictorError."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON ({error}): send an object") from error
    instances = request.get("instances") if isinstance(request, dict) else None
    if not isinstance(instances, list) or not instances:
        raise RequestError("instances is missing: send a list with at least one instance")
    return predict(predictor, request)


def predict(predictor: Predictor, request: dict[str, Any]) -> bytes:
    """The JSON response to a checked request.

    A ValueError, TypeError or LookupError of the predictor counts as caused by the request. Raises
    RequestError and PredictorError.
    """
    try:
        result = predictor.postprocess(predictor.predict(predictor.preprocess(request)))
    except (ValueError, TypeError, LookupError) as error:
        raise RequestError(str(error) or type(error).__name__) from error
    except Exception as error:
        raise PredictorError(f"{type(error).__name__}: {error}") from error
    try:
        predictions = result["predictions"]
        count = len(predictions)
        text = json.dumps(result, allow_nan=False)
    except (ValueError, TypeError, LookupError) as error:
        raise PredictorError(
            f"the predictor's result is no valid JSON response ({error})"
        ) from error
    if count != len(request["instances"]):
        raise PredictorError(
            f"the predictor returned {count} predictions for {len(request['instances'])} instances"
        )
    return text.encode()
