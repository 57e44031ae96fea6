"""EndpointService, without deploying and undeploying models (deployments.py)."""

from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.vertex.context import Context
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.traffic import check_split
from sandbox.vertex.http.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    Unimplemented,
)
from sandbox.vertex.http.field_checks import (
    check_display_name,
    check_etag,
    check_labels,
    mask_paths,
)
from sandbox.vertex.http.listing import attributes, list_page
from sandbox.vertex.http.resource_names import Names, check_id, new_id
from sandbox.vertex.prediction.access import LONGEST_SECONDS, access_of
from sandbox.vertex.prediction.destination import check_logging

_MUTABLE: Final = (
    "display_name",
    "description",
    "labels",
    "traffic_split",
    "predict_request_response_logging_config",
)
# Fixed at the creation.
_TYPE: Final = ("dedicated_endpoint_enabled", "private_service_connect_config")
_CONNECTION: Final = "client_connection_config"
# They change networks and encryption, which one machine cannot imitate.
_UNSUPPORTED: Final = (
    "encryption_spec",
    "network",
    "enable_private_service_connect",
    "gen_ai_advanced_features_config",
    "private_model_server_enabled",
)


class EndpointService:
    """Methods of google/cloud/aiplatform/v1/endpoint_service.proto."""

    def __init__(
        self, context: Context, records: EndpointRecords, dedicated_host: str = "localhost"
    ) -> None:
        self._context = context
        self._records = records
        self._dedicated_host = dedicated_host

    def create_endpoint(self, request: Any) -> Any:
        """Start to create an endpoint without models. Every dedicated endpoint has the same host.

        Raises InvalidArgument, AlreadyExists, Unimplemented for networks and encryption.
        """
        parent = self._context.names.parent(request.parent)
        if request.endpoint_id:
            check_id(request.endpoint_id, "endpoints")
        endpoint = types.Endpoint(
            name=f"{parent}/endpoints/{request.endpoint_id or new_id()}",
            **{
                field: getattr(request.endpoint, field)
                for field in (*_MUTABLE, *_TYPE, _CONNECTION)
                if field in request.endpoint
            },
        )
        _check(endpoint, self._context.names)
        private = endpoint.private_service_connect_config
        if endpoint.dedicated_endpoint_enabled:
            if private.enable_private_service_connect:
                raise InvalidArgument(
                    "endpoint has dedicated_endpoint_enabled and private_service_connect_config; "
                    "send one of them."
                )
            endpoint.dedicated_endpoint_dns = self._dedicated_host
        if private.enable_private_service_connect:
            service = endpoint.name.replace("/endpoints/", "/serviceAttachments/")
            private.service_attachment = service
        for field in _UNSUPPORTED:
            if field in request.endpoint:
                raise Unimplemented(f"endpoint.{field} is not in the sandbox; leave it out.")
        self._require_new(endpoint.name)
        if self._context.operations.running(endpoint.name):
            raise AlreadyExists(f"Endpoint {endpoint.name} is being created; wait for it.")

        def finish() -> Any:
            self._require_new(endpoint.name)
            now: Any = self._context.clock()
            endpoint.create_time = now
            self._records.save(endpoint)
            return endpoint

        return self._context.start(endpoint.name, types.CreateEndpointOperationMetadata(), finish)

    def get_endpoint(self, request: Any) -> Any:
        """The endpoint; raises InvalidArgument, NotFound."""
        return self._records.get(request.name)

    def list_endpoints(self, request: Any) -> Any:
        """Endpoints of a location, by default newest first; raises InvalidArgument."""
        parent = self._context.names.parent(request.parent)
        page = list_page(
            self._records.list(parent),
            request,
            {
                "endpoint": lambda endpoint: endpoint.name.rpartition("/")[2],
                **attributes("display_name"),
            },
            attributes("display_name", "create_time", "update_time"),
        )
        return types.ListEndpointsResponse(
            endpoints=page.items, next_page_token=page.next_page_token
        )

    def update_endpoint(self, request: Any) -> Any:
        """Replace the fields in the mask atomically.

        Raises Aborted for an outdated etag; without an etag the endpoint is overwritten (docs of
        Endpoint.etag). Raises InvalidArgument, NotFound.
        """
        paths = mask_paths(request.update_mask, _MUTABLE, "an endpoint")
        with self._context.store.transaction():
            endpoint = self._records.get(request.endpoint.name)
            check_etag(endpoint.name, request.endpoint.etag, endpoint.etag)
            for path in paths:
                if path in request.endpoint:
                    setattr(endpoint, path, getattr(request.endpoint, path))
                else:
                    delattr(endpoint, path)
            _check(endpoint, self._context.names)
            self._records.save(endpoint)
        return endpoint

    def update_endpoint_long_running(self, request: Any) -> Any:
        """Start to replace client_connection_config, the only field that can change
        (UpdateEndpointLongRunningRequest.endpoint).

        Raises InvalidArgument without it, and if another field is sent and differs; NotFound;
        Aborted for an outdated etag; FailedPrecondition while another operation runs on the
        endpoint.
        """
        sent = request.endpoint
        name = self._records.get(sent.name).name

        def changed() -> Any:
            endpoint = self._records.get(name)
            check_etag(name, sent.etag, endpoint.etag)
            _require_only_connection(sent, endpoint)
            endpoint.client_connection_config = sent.client_connection_config
            _check(endpoint, self._context.names)
            return endpoint

        def finish() -> Any:
            endpoint = changed()
            self._records.save(endpoint)
            return endpoint

        changed()
        return self._context.start(
            name, types.UpdateEndpointOperationMetadata(), finish, alone=True
        )

    def delete_endpoint(self, request: Any) -> Any:
        """Start to delete an endpoint; raises NotFound, FailedPrecondition while it has models."""
        name = self._records.get(request.name).name
        self._require_empty(name)

        def finish() -> None:
            self._require_empty(name)
            self._records.delete(name)

        return self._context.start(name, types.DeleteOperationMetadata(), finish, alone=True)

    def _require_new(self, name: str) -> None:
        if self._records.exists(name):
            raise AlreadyExists(f"Endpoint {name} already exists; use it or choose another id.")

    def _require_empty(self, name: str) -> None:
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
    _check_connection(endpoint)


def _check_connection(endpoint: Any) -> None:
    """Raise InvalidArgument unless the timeout is valid: only dedicated endpoints and those with
    Private Service Connect have one (Endpoint.create of Google's SDK)."""
    if "client_connection_config" not in endpoint:
        return
    field, access = "endpoint.client_connection_config.inference_timeout", access_of(endpoint)
    if not access.isolated:
        raise InvalidArgument(
            f"{field} is for dedicated endpoints and those with Private Service Connect; leave it "
            "out, or send dedicated_endpoint_enabled."
        )
    if not 0 < access.timeout <= LONGEST_SECONDS:
        raise InvalidArgument(
            f"{field} is {access.timeout:g} s; it must be above 0 and at most {LONGEST_SECONDS} s."
        )


def _require_only_connection(sent: Any, current: Any) -> None:
    if _CONNECTION not in sent:
        raise InvalidArgument(f"endpoint.{_CONNECTION} is required: nothing else can be changed.")
    message = types.Endpoint.pb(sent)
    blocked = [
        field.name
        for field, _ in message.ListFields()
        if field.name not in ("name", "etag", _CONNECTION)
        and getattr(sent, field.name) != getattr(current, field.name)
    ]
    if blocked:
        raise InvalidArgument(
            f"endpoint.{blocked[0]} cannot be changed by this method, only {_CONNECTION} can; use "
            "updateEndpoint."
        )
