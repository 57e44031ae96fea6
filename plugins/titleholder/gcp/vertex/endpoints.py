"""Observes an endpoint with its registry, and applies one step of a plan to it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, assert_never

from titleholder.config.model import ModelConfig
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.clients import (
    error_message,
    error_status,
    is_transient,
    make_client,
    parent,
    read_options,
    write_options,
)
from titleholder.gcp.vertex.request_log import request_log
from titleholder.labels import Label, digest_from_label, parse_label_time
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
)
from titleholder.rollout.view import DeployedModel, Version, View

# google.rpc.Code of operations that would fail the same way again: INVALID_ARGUMENT, NOT_FOUND,
# PERMISSION_DENIED, FAILED_PRECONDITION.
_FAILED_PRECONDITION = 9
_FINAL_CODES = {3, 5, 7, _FAILED_PRECONDITION}
_UNDEPLOYING = ".UndeployModelOperationMetadata"


class StaleView(Exception):
    """Somebody else changed the endpoint or the registry since it was observed, or is about to."""


@dataclass(frozen=True)
class Endpoints:
    """One model's endpoint and registry entry, in one environment. No call that reads is waited for
    longer than `patience` seconds; None is the default of `reading`."""

    environment: Environment
    config: ModelConfig
    patience: float | None = None

    def observe(self) -> View:
        """What is there now.

        Raises ManualActionRequired when several endpoints have the configured display name, and
        when the one that has it is another model's by its label.
        """
        # Operations before what they work on: one that ends between two reads is then seen by its
        # effect. Versions last: whatever is deployed was registered before.
        running = self._pending_operations(self._models, self._model_name)
        name = self._endpoint_name()
        # It may be in the making under the id that we give it.
        running += self._pending_operations(self._endpoints, name or self._own_endpoint)
        busy = tuple(operation.name for operation in running)
        if name is None:
            return View(self.config.model, None, versions=self.versions(), pending_operations=busy)
        found = self._endpoints.get_endpoint(name=name, **read_options(self.patience))
        self._check_owner(found)
        return View(
            model=self.config.model,
            endpoint=name,
            deployed_models=tuple(
                _deployed_model(found, deployed) for deployed in found.deployed_models
            ),
            labels=dict(found.labels),
            etag=found.etag,
            created=found.create_time,
            updated=found.update_time,
            versions=self.versions(),
            pending_operations=busy,
            undeploying=any(
                operation.metadata.type_url.endswith(_UNDEPLOYING) for operation in running
            ),
            request_log=request_log(found),
        )

    def resource(self) -> tuple[str, datetime | None]:
        """The endpoint's resource name, and since when it is there; without one, the name that a
        run would give it, and None. Raises ManualActionRequired as observe does."""
        from google.api_core import exceptions

        name = self._endpoint_name()
        if name is not None:
            return name, self._endpoints.get_endpoint(
                name=name, **read_options(self.patience)
            ).create_time
        # Google writes the project's number, which what lies beside it tells.
        place = parent(self.environment)
        with suppress(exceptions.NotFound):
            versions = self._models.list_model_versions(
                name=self._model_name, **read_options(self.patience)
            )
            for version in versions:
                place = version.name.partition("/models/")[0]
                break
        return f"{place}/endpoints/{self.config.model}", None

    def apply(self, step: Step, view: View, change: str = "") -> str:
        """Do one step; the name of the operation that carries it out, "" when it is done already.

        `change` names a write of roles and split, among the endpoint's labels. Raises StaleView
        when the endpoint changed, is being changed or gave no answer, ManualActionRequired when
        Vertex AI refuses for good, RetryableError when there is no quota now.
        """
        from google.api_core import exceptions

        try:
            operation = self._call(step, view, change)
        except exceptions.TooManyRequests as error:
            raise RetryableError(
                f"there is no quota to {describe_step(step, view)} now: {error_message(error)}"
            ) from None
        except exceptions.BadRequest as error:
            # An alias that is to be taken away may be another's by now.
            if error_status(error) == "FAILED_PRECONDITION" or isinstance(step, Alias):
                raise StaleView(error_message(error)) from None
            raise ManualActionRequired(
                f"Vertex AI refused to {describe_step(step, view)}: {error_message(error)}"
            ) from None
        except Exception as error:
            # Without an answer it may have been done all the same.
            if isinstance(error, exceptions.Conflict | exceptions.NotFound) or is_transient(error):
                raise StaleView(error_message(error)) from None
            raise
        return str(operation.operation.name) if operation is not None else ""

    def is_running(self, operation: str, step: str) -> bool:
        """Whether the operation still runs.

        Raises, when it failed, ManualActionRequired if it would fail again and RetryableError if
        not; `step` says what it was to do.
        """
        found = self._endpoints.get_operation({"name": operation}, **read_options(self.patience))
        if found.HasField("error"):
            # A model that was to leave may have been given traffic meanwhile: look at it anew.
            seated = found.error.code == _FAILED_PRECONDITION and step.startswith("undeploy ")
            final = found.error.code in _FINAL_CODES and not seated
            kind = ManualActionRequired if final else RetryableError
            said = " ".join(found.error.message.split())
            raise kind(f"Vertex AI could not {step}: {said} (operation {operation})")
        return not found.done

    def _call(self, step: Step, view: View, change: str) -> Any:
        from google.cloud import aiplatform_v1 as v1
        from google.protobuf.field_mask_pb2 import FieldMask

        match step:
            case CreateEndpoint(display_name):
                return self._endpoints.create_endpoint(
                    parent=parent(self.environment),
                    endpoint=v1.Endpoint(
                        display_name=display_name,
                        labels={**self.config.labels, Label.MODEL: self.config.model},
                    ),
                    # An id of our own: of two runs that create it, one is told that it exists.
                    endpoint_id=self.config.model,
                    **write_options(),
                )
            case Register(new):
                request = {
                    "parent": parent(self.environment),
                    "model": v1.Model(
                        display_name=new.display_name,
                        artifact_uri=new.uri,
                        container_spec=v1.ModelContainerSpec(image_uri=new.image),
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
                        dedicated_resources=v1.DedicatedResources(
                            machine_spec=v1.MachineSpec(
                                machine_type=self.config.endpoint.machine_type
                            ),
                            min_replica_count=self.config.endpoint.replicas,
                            max_replica_count=self.config.endpoint.replicas,
                        ),
                        service_account=self.config.endpoint.service_account or "",
                    ),
                    **write_options(),
                )
            case SetTraffic(split):
                self._endpoints.update_endpoint(
                    endpoint=v1.Endpoint(
                        name=view.endpoint,
                        etag=view.etag,
                        traffic_split=split,
                        labels=step.labels(view, change) | {Label.MODEL: self.config.model},
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
        found = list(
            self._endpoints.list_endpoints(
                request={
                    "parent": parent(self.environment),
                    "filter": f'display_name="{display_name}"',
                },
                **read_options(self.patience),
            )
        )
        if len(found) > 1:
            names = ", ".join(endpoint.name for endpoint in found)
            raise ManualActionRequired(
                f"{len(found)} endpoints are named {display_name!r} ({names}); delete or rename "
                "all but the one that applications call, then repeat this"
            )
        return str(found[0].name) if found else None

    def _check_owner(self, endpoint: Any) -> None:
        """The first write of a rollout marks an endpoint as its model's. What two files call their
        connections does not tell whether they mean one endpoint; its own label does."""
        owner, model = endpoint.labels.get(Label.MODEL, ""), self.config.model
        if owner not in ("", model):
            raise ManualActionRequired(
                f"{endpoint.name} is the endpoint of the model {owner}, as its label {Label.MODEL} "
                f"says; name another endpoint in {model}.yaml, or, if nothing manages {owner} any "
                "more, remove that label"
            )

    def versions(self) -> tuple[Version, ...]:
        """The registered versions; none when the model is not registered."""
        from google.api_core import exceptions

        try:
            found = list(
                self._models.list_model_versions(
                    name=self._model_name, **read_options(self.patience)
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
            )
            for version in found
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
                page = service.list_operations(request, **read_options(self.patience))
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
        from google.cloud.aiplatform_v1 import EndpointServiceClient

        return make_client(EndpointServiceClient, self.environment)

    @cached_property
    def _models(self) -> Any:
        from google.cloud.aiplatform_v1 import ModelServiceClient

        return make_client(ModelServiceClient, self.environment)


def _deployed_model(endpoint: Any, deployed: Any) -> DeployedModel:
    return DeployedModel(
        id=deployed.id,
        display_name=deployed.display_name,
        model=f"{deployed.model.rsplit('/', 1)[-1].partition('@')[0]}@{deployed.model_version_id}",
        traffic_percentage=endpoint.traffic_split.get(deployed.id, 0),
        deployed_at=deployed.create_time,
    )
