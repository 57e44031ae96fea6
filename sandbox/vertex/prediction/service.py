"""Online prediction; it skips the conversion to messages, as it is called often."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from yarl import URL

from sandbox.vertex.clock import Clock
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument, Unimplemented
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.http.transcode import parse_json
from sandbox.vertex.prediction.access import DEDICATED, SHARED, Limits
from sandbox.vertex.prediction.answers import Answer, AnswerCounter
from sandbox.vertex.prediction.destination import Destination
from sandbox.vertex.prediction.model_client import ModelClient, Reply
from sandbox.vertex.prediction.online_metrics import OnlineMetrics
from sandbox.vertex.prediction.raw_responses import RawReply, RawStream
from sandbox.vertex.prediction.replies import predictions_of, raise_for_status
from sandbox.vertex.prediction.request_log import Entry, RequestLog
from sandbox.vertex.prediction.serving import Serving, Target

# Fields of PredictRequest in google/cloud/aiplatform/v1/prediction_service.proto.
_FIELDS: Final = frozenset(("endpoint", "instances", "parameters", "labels"))
_SENT: Final = frozenset(("instances", "parameters"))
_JSON: Final = {"Content-Type": "application/json"}


class Prediction:
    """Predict, RawPredict and StreamRawPredict of
    google/cloud/aiplatform/v1/prediction_service.proto, and Invoke."""

    def __init__(
        self,
        names: Names,
        serving: Serving,
        log: RequestLog,
        metrics: OnlineMetrics,
        clock: Clock,
        dedicated_host: str,
        shared: Limits = SHARED,
        dedicated: Limits = DEDICATED,
    ) -> None:
        self._names = names
        self._serving = serving
        self._log = log
        self._counter = AnswerCounter(metrics)
        self._clock = clock
        self._dedicated_host = dedicated_host
        self._shared = shared
        self._dedicated = dedicated
        self._client = ModelClient()

    def predict(self, endpoint: str, body: bytes, host: str) -> Coroutine[Any, Any, bytes]:
        """The JSON response of one of the endpoint's models. `host` is that of the request.

        Raises InvalidArgument for a body that is not a predict request; NotFound;
        FailedPrecondition for an endpoint without a split, a dedicated one at the region's host, a
        body that is too large, and an error of the model server; Unavailable without a healthy
        replica; DeadlineExceeded; Unimplemented for a publisher's model.
        """
        name, limits = self._checked(endpoint, body, host)
        instances, sent = _request(body)
        picked, log = self._serving.pick(name)
        return self._predict(name, picked, log, instances, sent, limits)

    def raw_predict(
        self, endpoint: str, body: bytes, content_type: str, host: str
    ) -> Coroutine[Any, Any, RawReply]:
        """The response of one of the endpoint's models to any body; raises as `predict`."""
        name, limits = self._checked(endpoint, body, host)
        picked, _ = self._serving.pick(name)
        return self._raw(name, picked, "", None, body, content_type, limits)

    def stream_raw_predict(
        self, endpoint: str, body: bytes, content_type: str, host: str
    ) -> Coroutine[Any, Any, RawStream]:
        """As `raw_predict`, but the response is passed on as the model server writes it.

        Raises FailedPrecondition for a shared endpoint, too: Google's SDK documents that models
        with containers stream on dedicated endpoints only (Endpoint.stream_raw_predict).
        """
        name, limits = self._checked(endpoint, body, host)
        if not self._serving.access(name).isolated:
            raise FailedPrecondition(
                f"Endpoint {name} is a shared endpoint, and models with containers stream on "
                "dedicated ones only; use rawPredict, or a dedicated endpoint."
            )
        picked, _ = self._serving.pick(name)
        return self._stream(name, picked, body, content_type, limits)

    def invoke(
        self,
        endpoint: str,
        deployed_id: str,
        path: str,
        body: bytes,
        content_type: str,
        host: str,
    ) -> Coroutine[Any, Any, RawReply]:
        """The response of a model to a request of any path, which its container's
        `invoke_route_prefix` allows; `path` is percent-encoded, with its query, if any.
        `deployed_id` overrides the traffic split.

        Raises as `predict`, and FailedPrecondition for an endpoint that is not dedicated and for a
        container without that prefix.
        """
        name, limits = self._checked(endpoint, body, host)
        if not self._serving.access(name).dedicated:
            raise FailedPrecondition(
                f"Endpoint {name} is not a dedicated endpoint, and only those have invoke; use "
                "predict or rawPredict."
            )
        picked, _ = self._serving.pick(name, deployed_id)
        return self._raw(name, picked, deployed_id, path, body, content_type, limits)

    async def close(self) -> None:
        """Close the connections to the models."""
        await self._client.close()

    def _checked(self, endpoint: str, body: bytes, host: str) -> tuple[str, Limits]:
        if "/publishers/" in endpoint:
            raise Unimplemented(
                f"{endpoint} is a publisher's model, and the sandbox has none; "
                "deploy a model of your own to an endpoint."
            )
        name = self._names.resource(endpoint, "endpoints", "endpoint")
        access = self._serving.access(name)
        if access.dedicated and host != self._dedicated_host:
            raise FailedPrecondition(
                f"Endpoint {name} is a dedicated endpoint, and {host} answers no predictions for "
                f"it; send them to its dedicated_endpoint_dns, {self._dedicated_host}."
            )
        limits = access.limits(self._shared, self._dedicated)
        if len(body) > limits.size:
            raise FailedPrecondition(
                f"The request size ({len(body)} bytes) exceeds {limits.size / 1e6:.3f}MB limit; "
                "send fewer instances."
            )
        return name, limits

    async def _predict(
        self,
        name: str,
        picked: Future[Target],
        log: Destination | None,
        instances: list[Any],
        body: bytes,
        limits: Limits,
    ) -> bytes:
        answer = await self._post(name, picked, "", None, body, _JSON, limits)
        target, reply = answer.target, answer.reply
        with self._counter.counted(name, answer, len(instances)):
            raise_for_status(reply)
            predictions, text = predictions_of(reply)
        if log is not None:
            size = len(body) + len(reply.content)
            time = self._clock()
            entry = Entry(log, name, target.deployed_id, time, instances, predictions, size)
            self._log.put(entry)
        return f'{{"predictions": {text}, {json.dumps(_about(target))[1:]}'.encode()

    async def _raw(
        self,
        name: str,
        picked: Future[Target],
        deployed_id: str,
        path: str | None,
        body: bytes,
        content_type: str,
        limits: Limits,
    ) -> RawReply:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = await self._post(name, picked, deployed_id, path, body, headers, limits)
        with self._counter.counted(name, answer, 1):
            raise_for_status(answer.reply)
        return RawReply(answer.reply, _headers(name, answer.target))

    async def _stream(
        self, name: str, picked: Future[Target], body: bytes, kind: str, limits: Limits
    ) -> RawStream:
        started = perf_counter()
        async with AsyncExitStack() as opened:
            target = await opened.enter_async_context(self._target(name, picked, ""))
            route = str(URL(target.deployment.container.predict_route))
            sent = perf_counter()
            with self._counter.unanswered(name, target, started, sent):
                response = await opened.enter_async_context(
                    self._client.stream(
                        target.deployment, route, body, {"Content-Type": kind}, limits.seconds
                    )
                )
            # A stream is counted when it begins.
            refusal = response if isinstance(response, Reply) else None
            reply = refusal or Reply(response.status, "", b"")
            answer = Answer(target, reply, started, sent, perf_counter())
            with self._counter.counted(name, answer, 1):
                raise_for_status(reply)
            assert not isinstance(response, Reply)  # a Reply has an error status
            headers = _headers(name, target)
            if kind_of_response := response.headers.get("Content-Type"):
                headers["Content-Type"] = kind_of_response
            # From here on it is the stream that closes the response.
            close = opened.pop_all().aclose
            return RawStream(response.status, headers, response.content.iter_any(), close)

    async def _post(
        self,
        name: str,
        picked: Future[Target],
        deployed_id: str,
        path: str | None,
        body: bytes,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> Answer:
        """The response of the target; `path` is None for the container's route of predictions."""
        started = perf_counter()
        async with self._target(name, picked, deployed_id) as target:
            container = target.deployment.container
            if path is not None and not container.invoke_prefix:
                raise FailedPrecondition(
                    f"The model has no container_spec.invoke_route_prefix, so {path} cannot be "
                    "called; upload the model with /*."
                )
            route = path or str(URL(container.predict_route))
            sent = perf_counter()
            with self._counter.unanswered(name, target, started, sent):
                reply = await self._client.post(
                    target.deployment, route, body, headers, limits.seconds
                )
            return Answer(target, reply, started, sent, perf_counter())

    @asynccontextmanager
    async def _target(
        self, name: str, picked: Future[Target], deployed_id: str
    ) -> AsyncIterator[Target]:
        """The target for a request, another one if the first is being undeployed. That is picked as
        the first was: by `deployed_id`, or by the split without one."""
        while True:
            target = picked.result() if picked.done() else await asyncio.wrap_future(picked)
            with target.deployment.request() as accepted:
                if accepted:
                    yield target
                    return
            # In a thread: it may wait for a write to the disk.
            picked, _ = await run_in_threadpool(self._serving.pick, name, deployed_id)


def _headers(endpoint: str, target: Target) -> dict[str, str]:
    """As the proto file says of RawPredict; the SDK's `predict(use_raw_predict=True)` also reads
    the model and its version."""
    return {
        "X-Vertex-AI-Endpoint-Id": endpoint.rpartition("/")[2],
        "X-Vertex-AI-Deployed-Model-Id": target.deployed_id,
        "X-Vertex-AI-Model": target.model,
        "X-Vertex-AI-Model-Version-Id": target.version,
    }


def _about(target: Target) -> dict[str, str]:
    return {
        "deployedModelId": target.deployed_id,
        "model": target.model,
        "modelDisplayName": target.display_name,
        "modelVersionId": target.version,
    }


def _request(body: bytes) -> tuple[list[Any], bytes]:
    """The instances of a predict request, and the body for the model server."""
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
    if fields.keys() <= _SENT:
        return instances, body
    return instances, json.dumps({key: fields[key] for key in fields.keys() & _SENT}).encode()
