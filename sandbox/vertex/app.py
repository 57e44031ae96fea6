"""The server: dispatches HTTP requests to service methods."""

import json
import logging
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.containers.catalog import Catalog, UnknownImage
from sandbox.containers.process import remove_leftovers
from sandbox.state import LOOPBACK, PROJECT_NUMBER
from sandbox.vertex import clock as clock_path
from sandbox.vertex.batch.opening import Services
from sandbox.vertex.batch.service import BatchPredictionService
from sandbox.vertex.batch.tables import BigQuery
from sandbox.vertex.clock import Clock, MovableClock, utc_now
from sandbox.vertex.cloud import identity
from sandbox.vertex.cloud.log_entries import LogEntryService
from sandbox.vertex.cloud.projects import ProjectService
from sandbox.vertex.cloud.routes import cloud_routes
from sandbox.vertex.console.app import PATH as CONSOLE
from sandbox.vertex.console.app import create_console
from sandbox.vertex.console.objects import Objects
from sandbox.vertex.console.pages import Pages
from sandbox.vertex.context import Context, Durations
from sandbox.vertex.endpoints.deployments import DeploymentService
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.service import EndpointService
from sandbox.vertex.faults.middleware import FaultMiddleware
from sandbox.vertex.faults.registry import disturbance, failing_tasks
from sandbox.vertex.faults.snapshots import Snapshots
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.bodies import read_body, require_declared, require_json, unpack
from sandbox.vertex.http.errors import ApiError, Internal, NotFound, Unimplemented
from sandbox.vertex.http.guards import refuse_web_pages, while_connected
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.http.routes import Route, google_routes, other_routes
from sandbox.vertex.http.transcode import read_request, write_response
from sandbox.vertex.models.evaluations import EvaluationService
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.models.service import ModelService
from sandbox.vertex.models.uploads import UploadService
from sandbox.vertex.operations.lifecycle import Operations
from sandbox.vertex.operations.service import OperationService
from sandbox.vertex.pipelines.api.service import PipelineService
from sandbox.vertex.prediction.access import DEDICATED, SHARED, Limits
from sandbox.vertex.prediction.clients import storage_client
from sandbox.vertex.prediction.model_copies import ModelCopies
from sandbox.vertex.prediction.model_servers import Host
from sandbox.vertex.prediction.raw_responses import RawReply, RawStream
from sandbox.vertex.prediction.request_log import RequestLog
from sandbox.vertex.prediction.service import Prediction
from sandbox.vertex.prediction.serving import Serving
from sandbox.vertex.prediction.tables import Tables
from sandbox.vertex.store import Store

_LOG: Final = logging.getLogger(__name__)
# Not in Google's client library: its high-level SDK builds this path (Endpoint.invoke).
_INVOKE: Final = re.compile(
    r"/v1/(?P<endpoint>projects/[^/]+/locations/[^/]+/endpoints/[^/:]+)"
    r"(?:/deployedModels/(?P<deployed>[^/]+))?/invoke(?P<path>/.*)"
)
_Result = bytes | RawReply | RawStream
KEEP_ALIVE_SECONDS: Final = 610
"""The time after which the server closes an idle connection, as Google's load balancers do
(https://cloud.google.com/load-balancing/docs/https). A client whose next request comes at just that
moment gets a connection reset; uvicorn's default is 5 seconds."""


def create_app(
    home: Path,
    project: str,
    storage_host: str,
    *,
    number: str = PROJECT_NUMBER,
    clock: Clock = utc_now,
    durations: Durations | None = None,
    chance: random.Random | None = None,
    bigquery_host: str = "",
    faults: bool = False,
    images: Path | None = None,
    wait_for_containers: bool = False,
    limits: tuple[Limits, Limits] = (SHARED, DEDICATED),
    dedicated_host: str = "localhost",
) -> ASGIApp:
    """The local Vertex AI of one project, with its state in `home`.

    `storage_host` is the base URL of the sandbox's Cloud Storage, `bigquery_host` that of its
    BigQuery, without which predictions are not logged, and `dedicated_host` (`localhost:PORT`) the
    host of dedicated endpoints. `images` is a file of further images
    (containers/catalog.py), `limits` those of predictions by shared and dedicated endpoints. With
    `wait_for_containers` a deployment's response comes when they are healthy, so that tests with a
    clock of their own make as many calls on any machine.
    Clients can move `clock` (clock.py) and, with `faults`, request faults at /sandbox/...
    (faults/admin.py). Raises ValueError for a host that is not on loopback, for a store that cannot
    be used, and for an invalid file of images.
    """
    try:
        catalog = Catalog(images)
    except UnknownImage as error:
        raise ValueError(str(error)) from error
    log = RequestLog(Tables(bigquery_host, project) if bigquery_host else None)
    store = Store(home / "vertex.sqlite")
    clock = MovableClock(clock)
    operations = Operations(store, clock, disturbance)
    context = Context(store, clock, Names(project, number), operations, durations or Durations())
    copies = ModelCopies(store, storage_host, project)
    shared = {"STORAGE_EMULATOR_HOST": storage_host, "MODEL_SERVER_HOST": LOOPBACK}
    remove_leftovers(home / "containers")  # no other server uses this home: the store is open
    host = Host(catalog, home / "containers", number, shared)
    serving = Serving(store, host, copies, chance or random.Random(), project)
    tables = BigQuery(bigquery_host, project) if bigquery_host else None
    batch = Services(host, storage_client(storage_host, project), tables, home / "batch")
    listeners: list[Callable[[str], None]] = [serving.invalidate]

    def on_change(name: str) -> None:
        for listener in listeners:
            listener(name)

    endpoints = EndpointRecords(context, on_change)
    models = ModelRecords(context, endpoints.deployments, serving.invalidate_all, copies)
    services: list[Any] = [
        EndpointService(context, endpoints, dedicated_host),
        DeploymentService(context, endpoints, models, serving, wait_for_containers),
        ModelService(context, models),
        UploadService(context, models, copies),
        EvaluationService(context, models),
        OperationService(operations),
        PipelineService(context, home / "pipelines", catalog, failing_tasks),
        BatchPredictionService(context, models, copies, batch),
        ProjectService(context.names),
        LogEntryService(context),
    ]
    prediction = Prediction(context.names, serving, log, clock, dedicated_host, *limits)
    api = _Api(services, prediction, context, clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        google_routes()
        yield
        for service in services:
            if hasattr(service, "close"):
                await run_in_threadpool(service.close)
        await prediction.close()
        await run_in_threadpool(log.close)
        await run_in_threadpool(serving.close)
        operations.close()
        store.close()

    app = Starlette(lifespan=lifespan)
    pages = Pages(context, endpoints, models, home / "pipelines", host.logs)
    app.mount(CONSOLE, create_console(context, pages, Objects(storage_host, project)))
    app.host(identity.TOKENS, identity.create_token_server())
    app.host(identity.ACCOUNTS, identity.create_account_server())
    app.mount("/", api)
    if not faults:
        return app
    traffic = TrafficHistory(store, clock, serving.loaded)
    listeners.append(traffic.record)
    snapshots = Snapshots(store, context.names, traffic)
    return FaultMiddleware(app, context.names, traffic, snapshots, serving.stop_all)


class _Api:
    def __init__(
        self,
        services: list[Any],
        prediction: Prediction,
        context: Context,
        clock: MovableClock,
    ) -> None:
        self._services = services
        self._prediction = prediction
        self._context = context
        self._clock = clock
        self._routes = google_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            refuse_web_pages(request)
            if scope["path"] == "/healthz":
                await Response("ok", media_type="text/plain")(scope, receive, send)
                return
            body = await read_body(request)
            called = await run_in_threadpool(self._call, request, body)
            result: _Result | None = called if isinstance(called, bytes) else None
            if not isinstance(called, bytes):
                result = await while_connected(receive, called)
        except ApiError as error:
            content, status = _render(error), error.http_status
        except ClientDisconnect:
            return
        except Exception as error:
            _LOG.exception("%s %s failed", request.method, scope["path"])
            internal = Internal(f"The sandbox failed: {error!r}; its log has the traceback.")
            content, status = _render(internal), internal.http_status
        else:
            if isinstance(result, RawReply | RawStream):
                await while_connected(receive, result.send(send))
                return
            content, status = result or b"", 200
        response = Response(content, status, media_type="application/json")
        await response(scope, receive, send)

    def _call(self, request: Request, body: bytes) -> bytes | Coroutine[Any, Any, _Result]:
        path, host = request.scope["path"], request.headers.get("host", "")
        kind = request.headers.get("content-type", "")
        body = unpack(body, request.headers.get("content-encoding"))
        if path == clock_path.PATH:
            return clock_path.respond(self._clock, request.method, body)
        # The container gets the rest of the path, and the query, as they were sent.
        if invoked := _INVOKE.fullmatch(request.scope["raw_path"].decode("ascii")):
            self._context.operations.settle()
            require_declared(kind)
            endpoint = self._context.names.canonical(unquote(invoked["endpoint"]))
            deployed, rest = unquote(invoked["deployed"] or ""), invoked["path"]
            if request.url.query:
                rest += f"?{request.url.query}"
            return self._prediction.invoke(endpoint, deployed, rest, body, kind, host)
        found = self._routes.match(request.method, path)
        found = found or cloud_routes().match(request.method, path)
        known = found is not None
        found = found or other_routes().match(request.method, path)
        if found is None:
            raise _no_route(request.method, path)
        route, variables = found
        variables = {
            field: self._context.names.canonical(value) for field, value in variables.items()
        }
        if not known:
            raise _unimplemented(route)
        self._context.operations.settle()
        if route.rpc in ("raw_predict", "stream_raw_predict"):
            require_declared(kind)
            predict = getattr(self._prediction, route.rpc)
            return predict(variables["endpoint"], body, kind, host)  # type: ignore[no-any-return]
        method = None if route.rpc == "predict" else self._method(route)
        if route.body is not None:
            require_json(kind, body)
        if method is None:
            return self._prediction.predict(variables["endpoint"], body, host)
        query = parse_qsl(request.url.query, keep_blank_values=True)
        result = method(read_request(route, variables, query, body))
        # A method that waits is a coroutine, which keeps no thread busy.
        if isawaitable(result):
            return _write_later(result, query)
        return write_response(result, query)

    def _method(self, route: Route) -> Callable[[Any], Any]:
        for service in self._services:
            method = getattr(service, route.rpc, None)
            if method is not None:
                return method  # type: ignore[no-any-return]
        raise _unimplemented(route)


async def _write_later(result: Awaitable[Any], query: Sequence[tuple[str, str]]) -> bytes:
    return write_response(await result, query)


def _unimplemented(route: Route) -> ApiError:
    return Unimplemented(
        f"{route.service}.{route.rpc} is a method of Vertex AI that the sandbox does not have; "
        "use the real service for it."
    )


def _no_route(http_method: str, path: str) -> ApiError:
    version = path.split("/")[1]
    if version == "sandbox":
        return NotFound("Faults are off; start the sandbox with --faults.")
    if version.startswith("v1") and version != "v1":
        return Unimplemented(
            f"The API version {version} is not in the sandbox, which has v1; use v1 clients."
        )
    return NotFound(
        f"Method not found: Vertex AI v1 has no {http_method} {path}; correct the method or path."
    )


def _render(error: ApiError) -> bytes:
    return json.dumps(error.body()).encode()
