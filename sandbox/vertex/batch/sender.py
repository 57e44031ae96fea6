"""Sends the instances of a job to the model's containers."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from yarl import URL

from sandbox.containers.deployment import Deployment
from sandbox.vertex.http.errors import (
    ApiError,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    Unavailable,
)
from sandbox.vertex.prediction.model_client import ModelClient, Reply
from sandbox.vertex.prediction.replies import predictions_of, raise_for_status

_JSON: Final = {"Content-Type": "application/json"}
_REQUEST_SECONDS: Final = 600.0
_ATTEMPTS: Final = 3
_RESTART_SECONDS: Final = 120.0
_NOTICE_SECONDS: Final = 2.0
_TICK: Final = 0.02


class Sender:
    """Sends requests with the model parameters of a BatchPredictionJob; used in one event loop.

    `check` is called while it waits, and may raise.
    """

    def __init__(self, deployment: Deployment, job: Any, check: Callable[[], None]) -> None:
        self._deployment = deployment
        self._route = str(URL(deployment.container.predict_route))
        self._parameters: dict[str, Any] = {}
        if "model_parameters" in job:
            self._parameters = {"parameters": _integers(job.model_parameters)}
        self._check = check
        self._client = ModelClient()

    async def predict(self, instances: Sequence[Any]) -> list[Any] | ApiError:
        """A prediction for each instance, or the error that they have in common.

        A request whose server ends is sent again, up to three times. Raises Internal if no server
        is healthy again in time, and what `check` raises.
        """
        body = json.dumps({"instances": instances, **self._parameters}).encode()
        try:
            reply = await self._post(body)
        except (DeadlineExceeded, Unavailable) as error:
            return error
        self._check()
        try:
            raise_for_status(reply)
            predictions, _ = predictions_of(reply)
        except ApiError as error:
            return error
        if len(predictions) != len(instances):
            return FailedPrecondition(
                f"The model server returned {len(predictions)} predictions for {len(instances)} "
                "instances; it must return one for each."
            )
        return predictions

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, body: bytes) -> Reply:
        attempts = _ATTEMPTS
        while True:
            try:
                return await self._client.post(
                    self._deployment, self._route, body, _JSON, _REQUEST_SECONDS
                )
            except Unavailable:  # no server is healthy: the request may have ended it
                attempts -= 1
                await self._until_healthy()
                if not attempts:
                    raise

    async def _until_healthy(self) -> None:
        """Wait for a container that is started again, or that does not end after all."""
        began, ended = time.monotonic(), set[str]()
        # Their end may not be noticed yet.
        while replica := self._deployment.pick(frozenset(ended)):
            ended.add(replica.address)
        while (passed := time.monotonic() - began) < _RESTART_SECONDS:
            self._check()
            if self._deployment.pick(frozenset(ended)) is not None:
                return
            if passed > _NOTICE_SECONDS or self._deployment.pick() is None:
                ended.clear()
            await asyncio.sleep(_TICK)
        raise Internal(
            f"No model server was healthy again within {_RESTART_SECONDS:g} s; see its log."
        )


def _integers(value: Any) -> Any:
    """A Value as JSON, its whole numbers without a fraction: all numbers in it are doubles."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _integers(inner) for name, inner in value.items()}
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return [_integers(inner) for inner in value]
