"""Online prediction; it skips the conversion to messages, as it is called often."""

import json
from typing import Any, Final

import numpy as np

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument, Unimplemented
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.http.transcode import parse_json
from sandbox.vertex.prediction.request_log import Entry, RequestLog
from sandbox.vertex.prediction.serving import Serving

LARGEST_REQUEST: Final = 1_500_000
"""Bytes; https://cloud.google.com/vertex-ai/docs/quotas says 1.5 MB."""

# Fields of PredictRequest in google/cloud/aiplatform/v1/prediction_service.proto.
_FIELDS: Final = frozenset(("endpoint", "instances", "parameters", "labels"))


class Prediction:
    """Predict of google/cloud/aiplatform/v1/prediction_service.proto."""

    def __init__(self, names: Names, serving: Serving, log: RequestLog, clock: Clock) -> None:
        self._names = names
        self._serving = serving
        self._log = log
        self._clock = clock

    def predict(self, endpoint: str, body: bytes) -> bytes:
        """The JSON response of one of the endpoint's models.

        Raises InvalidArgument for a body that is not a predict request; NotFound;
        FailedPrecondition for an endpoint without a split, a body that is too large, and any
        exception of the model; Unimplemented for a publisher's model. `parameters` are ignored:
        the prebuilt container has none.
        """
        if "/publishers/" in endpoint:
            raise Unimplemented(
                f"{endpoint} is a publisher's model, and the sandbox has none; "
                "deploy a model of your own to an endpoint."
            )
        name = self._names.resource(endpoint, "endpoints", "endpoint")
        if len(body) > LARGEST_REQUEST:
            raise FailedPrecondition(
                f"The request size ({len(body)} bytes) exceeds 1.500MB limit; send fewer instances."
            )
        instances = _instances(body)
        model, estimator, log = self._serving.pick(name)
        try:
            predictions = np.asarray(estimator.predict(np.asarray(instances))).tolist()
            text = json.dumps(predictions, allow_nan=False)
        except Exception as error:
            raise FailedPrecondition(
                f"Prediction failed: Exception during sklearn prediction: {error}"
            ) from error
        if log is not None:
            size = len(body) + len(text)
            entry = Entry(log, name, model.deployed_id, self._clock(), instances, predictions, size)
            self._log.put(entry)
        rest = {
            "deployedModelId": model.deployed_id,
            "model": model.model,
            "modelDisplayName": model.display_name,
            "modelVersionId": model.version,
        }
        return f'{{"predictions": {text}, {json.dumps(rest)[1:]}'.encode()


def _instances(body: bytes) -> list[Any]:
    fields = parse_json(body)
    for name in fields:
        if name not in _FIELDS:
            raise InvalidArgument(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
            )
    instances = fields.get("instances")
    # In a message, an empty list and a missing one are the same.
    if not isinstance(instances, list) or not instances:
        raise InvalidArgument(
            "instances is required and must be a list with at least one instance, as in "
            '{"instances": [[1.0, 2.0]]}.'
        )
    labels = fields.get("labels") or {}
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise InvalidArgument("Invalid value at 'labels': it must map strings to strings.")
    return instances
