"""Frequent calls of a local Vertex AI by Google's clients, and its clock."""

import itertools
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types

from tests.conftest import CONSTANT

MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}
_endpoints = itertools.count(1)


def status_of(error: exceptions.GoogleAPICallError) -> str:
    """The status that the server sent, such as NOT_FOUND."""
    if isinstance(error.response, requests.Response):
        return str(error.response.json()["error"]["status"])
    return str(error.grpc_status_code.name)


class ManualClock:
    """A clock that only `advance` changes."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class VertexCalls(ABC):
    """Calls of `endpoints` and `models`, in the location `parent`."""

    parent: str
    clock: ManualClock
    endpoints: Any
    models: Any

    @abstractmethod
    def finish(self, future: Any, seconds: float = 60) -> Any:
        """The response of the operation after its time; raises its error."""

    def endpoint(self, endpoint_id: str = "linnerud", **fields: Any) -> types.Endpoint:
        """Create an endpoint."""
        return self.finish(
            self.endpoints.create_endpoint(
                parent=self.parent,
                endpoint={"display_name": endpoint_id, **fields},
                endpoint_id=endpoint_id,
            )
        )

    def upload(self, artifact_uri: str, **request: Any) -> types.UploadModelResponse:
        """Upload a model or version."""
        fields = request.pop("model", {})
        model = {
            "display_name": "linnerud",
            "artifact_uri": artifact_uri,
            "container_spec": {"image_uri": CONSTANT},
            **fields,
        }
        return self.finish(
            self.models.upload_model(request={"parent": self.parent, "model": model, **request})
        )

    def deployed(self, artifact_uri: str, image: str = CONSTANT, **spec: Any) -> str:
        """The name of a new endpoint, on which the model receives all traffic as `1`; `spec` are
        fields of its container."""
        endpoint = self.endpoint(f"e{next(_endpoints)}").name
        fields = {"container_spec": {"image_uri": image, **spec}}
        model = self.upload(artifact_uri, model=fields).model
        self.finish(self.deploy(endpoint, model, {"0": 100}, id="1"))
        return str(endpoint)

    def deploy(self, endpoint: str, model: str, split: dict[str, int], **fields: Any) -> Any:
        """Start to deploy a model."""
        deployed = {"model": model, "dedicated_resources": MACHINE, **fields}
        return self.endpoints.deploy_model(
            endpoint=endpoint, deployed_model=deployed, traffic_split=split
        )
