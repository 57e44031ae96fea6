"""Endpoints: EndpointService without what concerns their models, which is in deployments.py."""

from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.traffic import check_split
from sandbox.vertex.http.errors import Aborted, AlreadyExists, FailedPrecondition, Unimplemented
from sandbox.vertex.http.field_checks import check_display_name, check_labels, mask_paths
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.http.resource_names import Names, check_id, new_id
from sandbox.vertex.operations.lifecycle import Finish
from sandbox.vertex.prediction.destination import check_logging

_MUTABLE: Final = (
    "display_name",
    "description",
    "labels",
    "traffic_split",
    "predict_request_response_logging_config",
)
# They change who reaches the endpoint, and how: nothing that one machine could imitate.
_UNSUPPORTED: Final = (
    "encryption_spec",
    "network",
    "enable_private_service_connect",
    "private_service_connect_config",
    "dedicated_endpoint_enabled",
    "gen_ai_advanced_features_config",
    "private_model_server_enabled",
)


class EndpointService:
    """Methods of google/cloud/aiplatform/v1/endpoint_service.proto."""

    def __init__(self, context: Context, records: EndpointRecords) -> None:
        self._context = context
        self._records = records

    def create_endpoint(self, request: Any) -> Any:
        """Start to make an endpoint without models.

        Raises InvalidArgument, AlreadyExists, Unimplemented for networks and encryption.
        """
        parent = self._context.names.parent(request.parent)
        if request.endpoint_id:
            check_id(request.endpoint_id, "endpoints")
        endpoint = types.Endpoint(
            name=f"{parent}/endpoints/{request.endpoint_id or new_id()}",
            **{
                field: getattr(request.endpoint, field)
                for field in _MUTABLE
                if field in request.endpoint
            },
        )
        _check(endpoint, self._context.names)
        for field in _UNSUPPORTED:
            if field in request.endpoint:
                raise Unimplemented(f"endpoint.{field} is not in the sandbox; leave it out.")
        self._must_be_new(endpoint.name)
        if self._context.operations.running(endpoint.name):
            raise AlreadyExists(f"Endpoint {endpoint.name} is being created; wait for it.")

        def prepare() -> Finish:
            def finish() -> Any:
                self._must_be_new(endpoint.name)
                now: Any = self._context.clock()
                endpoint.create_time = now
                self._records.save(endpoint)
                return endpoint

            return finish

        metadata = types.CreateEndpointOperationMetadata()
        return self._context.operations.start(
            endpoint.name, metadata, self._context.durations.other, prepare
        )

    def get_endpoint(self, request: Any) -> Any:
        """The endpoint; raises InvalidArgument, NotFound."""
        return self._records.get(request.name)

    def list_endpoints(self, request: Any) -> Any:
        """Endpoints of a location, newest first unless ordered; raises InvalidArgument."""
        parent = self._context.names.parent(request.parent)
        page = list_page(
            self._records.list(parent),
            request,
            {
                "endpoint": lambda endpoint: endpoint.name.rpartition("/")[2],
                "display_name": lambda endpoint: endpoint.display_name,
            },
            {
                "display_name": lambda endpoint: endpoint.display_name,
                "create_time": lambda endpoint: endpoint.create_time,
                "update_time": lambda endpoint: endpoint.update_time,
            },
        )
        return types.ListEndpointsResponse(
            endpoints=page.items, next_page_token=page.next_page_token
        )

    def update_endpoint(self, request: Any) -> Any:
        """Replace the fields in the mask, at once and all together.

        With an etag that is not the endpoint's, Aborted; without one, a blind overwrite (the
        docs of Endpoint.etag). Raises InvalidArgument, NotFound.
        """
        paths = mask_paths(request.update_mask, _MUTABLE, "an endpoint")
        with self._context.store.transaction():
            endpoint = self._records.get(request.endpoint.name)
            if request.endpoint.etag and request.endpoint.etag != endpoint.etag:
                raise Aborted(
                    f"The etag of {endpoint.name} does not match: somebody changed it meanwhile; "
                    "read it again and repeat the change."
                )
            for path in paths:
                if path in request.endpoint:
                    setattr(endpoint, path, getattr(request.endpoint, path))
                else:
                    delattr(endpoint, path)
            _check(endpoint, self._context.names)
            self._records.save(endpoint)
        return endpoint

    def delete_endpoint(self, request: Any) -> Any:
        """Start to delete; raises NotFound, FailedPrecondition while models are deployed."""
        name = self._records.get(request.name).name
        self._must_be_empty(name)

        def prepare() -> Finish:
            def finish() -> None:
                self._must_be_empty(name)
                self._records.delete(name)

            return finish

        metadata = types.DeleteOperationMetadata()
        return self._context.operations.start(
            name, metadata, self._context.durations.other, prepare, alone=True
        )

    def _must_be_new(self, name: str) -> None:
        if self._records.exists(name):
            raise AlreadyExists(f"Endpoint {name} already exists; use it or choose another id.")

    def _must_be_empty(self, name: str) -> None:
        deployed = self._records.get(name).deployed_models
        if deployed:
            raise FailedPrecondition(
                f"Endpoint {name} has {len(deployed)} DeployedModels and cannot be deleted; "
                f"undeploy {', '.join(model.id for model in deployed)} first."
            )


def _check(endpoint: Any, names: Names) -> None:
    check_display_name(endpoint.display_name, "endpoint.display_name")
    check_labels(endpoint.labels, "endpoint.labels")
    check_split(endpoint.traffic_split, [model.id for model in endpoint.deployed_models])
    check_logging(endpoint.predict_request_response_logging_config, names)
