"""The sandbox as processes, called only with Google's clients."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.api_core import exceptions
from google.api_core.future import polling
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform, aiplatform_v1, bigquery, storage

from tests.conftest import CONSTANT, Sandbox

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
ROW = [1.0, 2.0, 3.0]
_QUICKLY = polling.DEFAULT_POLLING.with_delay(initial=0.02, maximum=0.2)
_numbers = itertools.count(1)


@dataclass
class Cloud:
    """Google's clients, and helpers for frequent calls; `parent` is the location of the test."""

    env: dict[str, str]
    parent: str = ""
    _made: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.project = self.env["GOOGLE_CLOUD_PROJECT"]
        self.location = self.env["GOOGLE_CLOUD_LOCATION"]
        self.url = self.env["VERTEX_AI_EMULATOR_HOST"]
        self.endpoints = self._vertex(aiplatform_v1.EndpointServiceClient)
        self.models = self._vertex(aiplatform_v1.ModelServiceClient)
        self.jobs = self._vertex(aiplatform_v1.PipelineServiceClient)
        self.schedules = self._vertex(aiplatform_v1.ScheduleServiceClient)
        self.predictions = self._vertex(aiplatform_v1.PredictionServiceClient)
        self.batches = self._vertex(aiplatform_v1.JobServiceClient)
        anonymous: dict[str, Any] = {"project": self.project, "credentials": AnonymousCredentials()}
        self.storage = storage.Client(
            client_options={"api_endpoint": self.env["STORAGE_EMULATOR_HOST"]}, **anonymous
        )
        self.tables = bigquery.Client(
            client_options={"api_endpoint": self.env["BIGQUERY_EMULATOR_HOST"]}, **anonymous
        )
        self.bucket = f"{self.project}-titleholder"

    def _vertex(self, kind: Any) -> Any:
        client = kind(
            transport="rest",
            client_options={"api_endpoint": self.url},
            credentials=AnonymousCredentials(),
        )
        self._made.append(client)
        return client

    def close(self) -> None:
        for client in self._made:
            client.transport.close()
        self.storage.close()
        self.tables.close()

    def constant(self, value: float) -> str:
        """The artifact URI of a model that predicts `[value, value]` for any three features."""
        folder = f"conformance/constant-{value}"
        blob = self.storage.bucket(self.bucket).blob(f"{folder}/constant.json")
        blob.upload_from_string(json.dumps([value, value]))
        return f"gs://{self.bucket}/{folder}"

    def endpoint(self, endpoint_id: str = "", **fields: Any) -> str:
        """Create an endpoint, and return its name."""
        operation = self.endpoints.create_endpoint(
            parent=self.parent,
            endpoint={"display_name": endpoint_id or "x", **fields},
            endpoint_id=endpoint_id,
        )
        return done(operation).name

    def upload(self, uri: str | None = None, model: Any = None, **request: Any) -> Any:
        """Upload a model that can be deployed, and return the response."""
        fields = {
            "display_name": "linnerud",
            "artifact_uri": self.constant(1) if uri is None else uri,
            "container_spec": {"image_uri": CONSTANT},
            **(model or {}),
        }
        body = {"parent": self.parent, "model": fields, **request}
        return done(self.models.upload_model(request=body))

    def deploy(self, endpoint: str, model: str, split: dict[str, int], **fields: Any) -> Any:
        """Start to deploy a model."""
        return self.endpoints.deploy_model(
            endpoint=endpoint,
            deployed_model={"model": model, "dedicated_resources": MACHINE, **fields},
            traffic_split=split,
        )

    def split(self, endpoint: str, split: dict[str, int]) -> Any:
        """Set the traffic split, and return the endpoint."""
        return self.endpoints.update_endpoint(
            endpoint={"name": endpoint, "traffic_split": split},
            update_mask={"paths": ["traffic_split"]},
        )

    def pair(self) -> tuple[str, str]:
        """An endpoint with version 1 as `1` at 90 % and version 2 as `2` at 10 %; its model."""
        endpoint = self.endpoint("pair")
        model = self.upload(self.constant(1), model_id="pair").model
        self.upload(self.constant(2), parent_model=model)
        done(self.deploy(endpoint, f"{model}@1", {"0": 100}, id="1"))
        done(self.deploy(endpoint, f"{model}@2", {"1": 90, "0": 10}, id="2"))
        return endpoint, model


def done(operation: Any) -> Any:
    """The response of the operation; raises its error."""
    return operation.result(timeout=60, polling=_QUICKLY)


def refused(status: str, call: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """The error message of a call, which must fail with the REST exception of `status`."""
    kind, code = {
        "INVALID_ARGUMENT": (exceptions.BadRequest, 400),
        "FAILED_PRECONDITION": (exceptions.BadRequest, 400),
        "PERMISSION_DENIED": (exceptions.Forbidden, 403),
        "NOT_FOUND": (exceptions.NotFound, 404),
        "ALREADY_EXISTS": (exceptions.Conflict, 409),
        "ABORTED": (exceptions.Conflict, 409),
        "UNIMPLEMENTED": (exceptions.MethodNotImplemented, 501),
    }[status]
    with pytest.raises(exceptions.GoogleAPICallError) as caught:
        call(*arguments, **keywords)
    error = caught.value
    assert type(error) is kind, error
    body = error.response.json()["error"]
    assert (body["code"], body["status"]) == (code, status), error
    assert body["message"].strip()
    return str(body["message"])


@pytest.fixture(scope="session")
def _cloud(sandbox: Sandbox) -> Iterator[Cloud]:
    made = Cloud(sandbox.env)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def cloud(_cloud: Cloud) -> Cloud:
    """Google's clients, with an empty location for the test."""
    _cloud.parent = f"projects/{_cloud.project}/locations/conformance-{next(_numbers)}"
    return _cloud


@pytest.fixture
def sdk(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The high-level SDK, configured only by its API endpoint."""
    # The SDK creates its clients of these services.
    for service in ("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST"):
        monkeypatch.setenv(service, cloud.env[service])
    # Operations take a fraction of a second here, not minutes.
    monkeypatch.setattr(polling.DEFAULT_POLLING, "_initial", 0.02)
    aiplatform.init(
        project=cloud.project,
        location=cloud.location,
        credentials=AnonymousCredentials(),
        api_endpoint=cloud.url,
        api_transport="rest",
    )
    cloud.parent = f"projects/{cloud.project}/locations/{cloud.location}"
    yield
    aiplatform.initializer.global_config.__init__()
