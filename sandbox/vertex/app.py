"""The server: all services, and their start and end."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from sandbox.containers.catalog import Catalog, UnknownImage
from sandbox.containers.process import remove_leftovers
from sandbox.monitoring.service import MetricService
from sandbox.monitoring.store import MetricStore
from sandbox.state import LOOPBACK, PROJECT_NUMBER
from sandbox.vertex.batch.opening import Services
from sandbox.vertex.batch.service import BatchPredictionService
from sandbox.vertex.batch.tables import BigQuery
from sandbox.vertex.clock import Clock, MovableClock, utc_now
from sandbox.vertex.cloud import identity
from sandbox.vertex.cloud.log_entries import LogEntryService
from sandbox.vertex.cloud.projects import ProjectService
from sandbox.vertex.console.app import PATH as CONSOLE
from sandbox.vertex.console.app import create_console
from sandbox.vertex.console.objects import Objects
from sandbox.vertex.console.pages import Pages
from sandbox.vertex.context import Context, Durations
from sandbox.vertex.dispatch import Dispatcher
from sandbox.vertex.endpoints.deployments import DeploymentService
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.service import EndpointService
from sandbox.vertex.faults.middleware import FaultMiddleware
from sandbox.vertex.faults.registry import disturbance, failing_tasks
from sandbox.vertex.faults.snapshots import Snapshots
from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.http.routes import google_routes
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
from sandbox.vertex.prediction.online_metrics import OnlineMetrics
from sandbox.vertex.prediction.request_log import RequestLog
from sandbox.vertex.prediction.served_models import served_models
from sandbox.vertex.prediction.service import Prediction
from sandbox.vertex.prediction.serving import Serving
from sandbox.vertex.prediction.tables import Tables
from sandbox.vertex.schedules.runs import Runs
from sandbox.vertex.schedules.service import ScheduleService
from sandbox.vertex.store import Store

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
    points = MetricStore(home / "monitoring.sqlite")
    metrics = OnlineMetrics(points, clock, lambda: served_models(store, serving))
    pipelines = PipelineService(context, home / "pipelines", catalog, failing_tasks)
    runs = Runs(context, pipelines)
    services: list[Any] = [
        EndpointService(context, endpoints, dedicated_host),
        DeploymentService(context, endpoints, models, serving, wait_for_containers),
        ModelService(context, models),
        UploadService(context, models, copies),
        EvaluationService(context, models),
        OperationService(operations),
        ScheduleService(context, pipelines.check_pipeline_job, runs),
        pipelines,
        BatchPredictionService(context, models, copies, batch),
        ProjectService(context.names),
        LogEntryService(context),
        MetricService(points, clock, project, metrics.collect),
    ]
    prediction = Prediction(context.names, serving, log, metrics, clock, dedicated_host, *limits)
    api = Dispatcher(services, prediction, context, clock, runs.settle)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        google_routes()
        metrics.start()
        yield
        for service in services:
            if hasattr(service, "close"):
                await run_in_threadpool(service.close)
        await prediction.close()
        await run_in_threadpool(metrics.close)
        await run_in_threadpool(log.close)
        await run_in_threadpool(serving.close)
        operations.close()
        points.close()
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
