"""Observes an endpoint with its registry, and applies one step of a plan to it."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, assert_never

from titleholder.config.model import ModelConfig
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.gcp.environment import Environment
from titleholder.gcp.errors import error_message, error_status, is_transient
from titleholder.gcp.vertex.clients import (
    api_url,
    make_client,
    parent,
    read_options,
    vertex_api,
    write_options,
)
from titleholder.gcp.vertex.examples import check_new_traffic
from titleholder.gcp.vertex.messages import (
    REPLICAS_MASK,
    dedicated_resources,
    deployed_model,
    endpoint_type,
    new_endpoint,
    prediction_url,
    request_log_table,
)
from titleholder.labels import Label, digest_from_label, number_from_label, parse_label_time
from titleholder.pipelines.fingerprint import fingerprint_from_labels
from titleholder.rollout.descriptions import describe_step
from titleholder.rollout.steps import (
    Alias,
    CreateEndpoint,
    Deploy,
    Register,
    SetTraffic,
    Step,
    Undeploy,
    UpdateReplicas,
)
from titleholder.rollout.view import Version, View

# google.rpc.Code of operations that would fail the same way again: INVALID_ARGUMENT, NOT_FOUND,
# PERMISSION_DENIED, FAILED_PRECONDITION.
_FAILED_PRECONDITION = 9
_FINAL_CODES = {3, 5, 7, _FAILED_PRECONDITION}
_UNDEPLOYING = ".UndeployModelOperationMetadata"


class StaleView(Exception):
    """The endpoint or the registry changed since it was observed, or is being changed."""


@dataclass(frozen=True)
class Endpoints:
    """One model's endpoint and registry entry, in one environment. A call that reads takes at most
    `timeout_seconds`; None is the default of `read_options`."""

    environment: Environment
    config: ModelConfig
    timeout_seconds: float | None = None

    def observe(self) -> View:
        """The endpoint and the registry now.

        Raises ManualActionRequired when several endpoints have the configured display name, and
        when the one that has it is another model's by its label.
        """
        # Operations before what they work on: one that ends between two reads is then seen by its
        # effect. Versions last: whatever is deployed was registered before.
        running = self._pending_operations(self._models, self._model_name)
        name = self._endpoint_name()
        # The endpoint may be in creation, under the id that `_call` gives it.
        running += self._pending_operations(self._endpoints, name or self._own_endpoint)
        busy = tuple(operation.name for operation in running)
        if name is None:
            return View(
                self.config.model,
                None,
                versions=self.versions(),
                pending_operations=busy,
                configured=self.config.endpoint,
            )
        endpoint = self._endpoints.get_endpoint(name=name, **read_options(self.timeout_seconds))
        self._check_owner(endpoint)
        return View(
            model=self.config.model,
            endpoint=name,
            deployed_models=tuple(
                deployed_model(endpoint, deployed) for deployed in endpoint.deployed_models
            ),
            labels=dict(endpoint.labels),
            etag=endpoint.etag,
            created=endpoint.create_time,
            updated=endpoint.update_time,
            versions=self.versions(),
            pending_operations=busy,
            undeploying=any(
                operation.metadata.type_url.endswith(_UNDEPLOYING) for operation in running
            ),
            request_log=request_log_table(endpoint),
            type=endpoint_type(endpoint),
            address=prediction_url(endpoint, api_url(self.environment)),
            configured=self.config.endpoint,
        )

    def resource(self) -> tuple[str, datetime | None]:
        """The endpoint's resource name and the time of its creation; without an endpoint, the name
        that a run would give it, and None. Raises ManualActionRequired as observe does."""
        from google.api_core import exceptions

        name = self._endpoint_name()
        if name is not None:
            return name, self._endpoints.get_endpoint(
                name=name, **read_options(self.timeout_seconds)
            ).create_time
        # Google writes the project's number, which the names of the versions contain.
        prefix = parent(self.environment)
        with suppress(exceptions.NotFound):
            versions = self._models.list_model_versions(
                name=self._model_name, **read_options(self.timeout_seconds)
            )
            for version in versions:
                prefix = version.name.partition("/models/")[0]
                break
        return f"{prefix}/endpoints/{self.config.model}", None

    def apply(self, step: Step, view: View, event: str = "") -> str:
        """Apply one step; returns the name of its long-running operation, "" when it is done.

        A model is asked for its recorded predictions before its first traffic, where Vertex AI
        allows that (see `check_new_traffic`).

        `event` is the id of the event of a traffic update, for the endpoint's labels. Raises
        StaleView when the endpoint changed, is being changed or did not answer,
        ManualActionRequired when Vertex AI refuses the step, RetryableError without quota.
        """
        from google.api_core import exceptions

        try:
            operation = self._call(step, view, event)
        except exceptions.TooManyRequests as error:
            raise RetryableError(
                f"there is no quota to {describe_step(step, view)} now: {error_message(error)}"
            ) from None
        except exceptions.BadRequest as error:
            # An alias to remove may belong to another version by now.
            if error_status(error) == "FAILED_PRECONDITION" or isinstance(step, Alias):
                raise StaleView(error_message(error)) from None
            raise ManualActionRequired(
                f"Vertex AI refused to {describe_step(step, view)}: {error_message(error)}"
            ) from None
        except Exception as error:
            # A call without an answer may have had its effect.
            if isinstance(error, exceptions.Conflict | exceptions.NotFound) or is_transient(error):
                raise StaleView(error_message(error)) from None
            raise
        return str(operation.operation.name) if operation is not None else ""

    def is_running(self, operation: str, step: str) -> bool:
        """Whether the operation still runs.

        `step` describes the step of the operation. Raises for a failed operation:
        ManualActionRequired if it would fail again, else RetryableError.
        """
        state = self._endpoints.get_operation(
            {"name": operation}, **read_options(self.timeout_seconds)
        )
        if state.HasField("error"):
            # A model to undeploy may have received traffic meanwhile: the next attempt observes it.
            has_traffic = state.error.code == _FAILED_PRECONDITION and step.startswith("undeploy ")
            final = state.error.code in _FINAL_CODES and not has_traffic
            kind = ManualActionRequired if final else RetryableError
            message = " ".join(state.error.message.split())
            raise kind(f"Vertex AI could not {step}: {message} (operation {operation})")
        return not state.done

    def _call(self, step: Step, view: View, event: str) -> Any:
        from google.protobuf.field_mask_pb2 import FieldMask

        v1 = vertex_api()
        match step:
            case CreateEndpoint():
                labels = {**self.config.labels, Label.MODEL: self.config.model}
                return self._endpoints.create_endpoint(
                    parent=parent(self.environment),
                    endpoint=new_endpoint(self.config.endpoint, labels),
                    # A fixed id: of two runs that create the endpoint, one gets ALREADY_EXISTS.
                    endpoint_id=self.config.model,
                    **write_options(),
                )
            case Register(new):
                request = {
                    "parent": parent(self.environment),
                    "model": v1.Model(
                        display_name=new.display_name,
                        artifact_uri=new.uri,
                        container_spec=v1.ModelContainerSpec.from_json(json.dumps(new.container)),
                        labels=new.labels,
                        version_aliases=[new.alias],
                        version_description=new.description,
                    ),
                }
                if view.versions:
                    request["parent_model"] = self._model_name
                else:
                    request["model_id"] = self.config.model
                return self._models.upload_model(request=request, **write_options())
            case Deploy(deployed_model_id, display_name, reference):
                return self._endpoints.deploy_model(
                    endpoint=view.endpoint,
                    deployed_model=v1.DeployedModel(
                        id=deployed_model_id,
                        model=self._version_name(view, reference),
                        display_name=display_name,
                        dedicated_resources=dedicated_resources(self.config.endpoint.resources),
                        service_account=self.config.endpoint.resources.service_account,
                    ),
                    **write_options(),
                )
            case UpdateReplicas(deployed_model_id, resources):
                return self._endpoints.mutate_deployed_model(
                    endpoint=view.endpoint,
                    deployed_model=v1.DeployedModel(
                        id=deployed_model_id, dedicated_resources=dedicated_resources(resources)
                    ),
                    update_mask=FieldMask(paths=REPLICAS_MASK),
                    **write_options(),
                )
            case SetTraffic(split):
                check_new_traffic(self.environment, view, split)
                self._endpoints.update_endpoint(
                    endpoint=v1.Endpoint(
                        name=view.endpoint,
                        etag=view.etag,
                        traffic_split=split,
                        labels=step.labels(view, event) | {Label.MODEL: self.config.model},
                    ),
                    update_mask=FieldMask(paths=["traffic_split", "labels"]),
                    **write_options(),
                )
                return None
            case Undeploy(deployed_model_id):
                return self._endpoints.undeploy_model(
                    endpoint=view.endpoint, deployed_model_id=deployed_model_id, **write_options()
                )
            case Alias(role, reference, remove):
                self._models.merge_version_aliases(
                    name=self._version_name(view, reference),
                    version_aliases=[f"-{role}" if remove else role],
                    **write_options(),
                )
                return None
            case _:
                assert_never(step)

    def _endpoint_name(self) -> str | None:
        display_name = self.config.endpoint.display_name
        endpoints = list(
            self._endpoints.list_endpoints(
                request={
                    "parent": parent(self.environment),
                    "filter": f'display_name="{display_name}"',
                },
                **read_options(self.timeout_seconds),
            )
        )
        if len(endpoints) > 1:
            names = ", ".join(endpoint.name for endpoint in endpoints)
            raise ManualActionRequired(
                f"{len(endpoints)} endpoints are named {display_name!r} ({names}); delete or "
                "rename all but the one that applications call, then repeat this"
            )
        return str(endpoints[0].name) if endpoints else None

    def _check_owner(self, endpoint: Any) -> None:
        """Raises ManualActionRequired for an endpoint that another model's rollout has labelled.
        The connections of two model files do not tell whether they name the same endpoint."""
        owner, model = endpoint.labels.get(Label.MODEL, ""), self.config.model
        if owner not in ("", model):
            raise ManualActionRequired(
                f"{endpoint.name} is the endpoint of the model {owner}, as its label {Label.MODEL} "
                f"says; name another endpoint in {model}.yaml, or, if nothing manages {owner} any "
                "more, remove that label"
            )

    def versions(self) -> tuple[Version, ...]:
        """The registered versions; empty when the model is not registered."""
        from google.api_core import exceptions

        try:
            versions = list(
                self._models.list_model_versions(
                    name=self._model_name, **read_options(self.timeout_seconds)
                )
            )
        except exceptions.NotFound:
            return ()
        return tuple(
            Version(
                number=version.version_id,
                aliases=frozenset(version.version_aliases),
                uri=version.artifact_uri,
                digest=digest_from_label(version.labels.get(Label.DIGEST, "")),
                data_interval_end=parse_label_time(version.labels.get(Label.DATA_INTERVAL_END, "")),
                fingerprint=fingerprint_from_labels(version.labels),
                image=version.container_spec.image_uri,
                invokable=bool(version.container_spec.invoke_route_prefix),
                held_out_loss=number_from_label(version.labels.get(Label.HELD_OUT_LOSS, "")),
            )
            for version in versions
        )

    def _version_name(self, view: View, reference: str) -> str:
        version = view.version(reference)
        return f"{self._model_name}@{version.number if version else reference}"

    def _pending_operations(self, service: Any, resource: str) -> list[Any]:
        from google.api_core import exceptions

        running: list[Any] = []
        request = {"name": resource}
        while True:
            try:
                page = service.list_operations(request, **read_options(self.timeout_seconds))
            except exceptions.NotFound:
                return []
            running += [operation for operation in page.operations if not operation.done]
            if not page.next_page_token:
                return running
            request["page_token"] = page.next_page_token

    @property
    def _model_name(self) -> str:
        return f"{parent(self.environment)}/models/{self.config.model}"

    @property
    def _own_endpoint(self) -> str:
        return f"{parent(self.environment)}/endpoints/{self.config.model}"

    @cached_property
    def _endpoints(self) -> Any:
        return make_client(vertex_api().EndpointServiceClient, self.environment)

    @cached_property
    def _models(self) -> Any:
        return make_client(vertex_api().ModelServiceClient, self.environment)
