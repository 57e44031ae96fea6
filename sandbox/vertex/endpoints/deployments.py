"""Deploys models to endpoints, and undeploys them."""

import re
from collections.abc import Collection
from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.containers.deployment import Deployment
from sandbox.vertex.context import Context
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.traffic import split_after_deploy, split_after_undeploy
from sandbox.vertex.http.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unimplemented,
)
from sandbox.vertex.http.field_checks import check_display_name
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.operations.lifecycle import Finish
from sandbox.vertex.prediction.serving import Serving

_DEPLOYED_ID: Final = re.compile(r"[0-9]{1,10}")


class DeploymentService:
    """DeployModel and UndeployModel of google/cloud/aiplatform/v1/endpoint_service.proto."""

    def __init__(
        self,
        context: Context,
        records: EndpointRecords,
        models: ModelRecords,
        serving: Serving,
        wait_for_containers: bool = False,
    ) -> None:
        """With `wait_for_containers` the response to deploy_model comes when they are healthy."""
        self._context = context
        self._records = records
        self._models = models
        self._serving = serving
        self._slow = not wait_for_containers

    def deploy_model(self, request: Any) -> Any:
        """Start to deploy a model; it receives traffic only when its containers are healthy.

        If they do not become healthy, the operation fails with FailedPrecondition, and the endpoint
        does not change. Raises InvalidArgument, NotFound, AlreadyExists for an id in use, and
        FailedPrecondition for a model without image, or while another operation runs on the
        endpoint.
        """
        endpoint = self._records.get(request.endpoint)
        model = self._models.get(request.deployed_model.model)
        _check_resources(request.deployed_model)
        if request.deployed_model.display_name:
            check_display_name(request.deployed_model.display_name, "deployed_model.display_name")
        if not model.container_spec.image_uri:
            raise FailedPrecondition(
                f"Model {model.name}@{model.version_id} has no container image; upload a version "
                "with container_spec.image_uri."
            )
        deployed = types.DeployedModel(
            request.deployed_model,
            id=_id_of(request.deployed_model, endpoint),
            model=model.name,
            model_version_id=model.version_id,
            display_name=request.deployed_model.display_name or model.display_name,
            status=None,
            private_endpoints=None,
        )
        machines = deployed.dedicated_resources
        machines.max_replica_count = machines.max_replica_count or machines.min_replica_count
        wanted = dict(request.traffic_split)
        split_after_deploy(endpoint.traffic_split, wanted, deployed.id, _ids(endpoint))
        started: list[Deployment] = []

        def abandon() -> None:
            for deployment in started:
                deployment.kill()

        def prepare() -> Finish:
            deployment = self._serving.start(endpoint.name, deployed, model)
            started.append(deployment)

            def finish() -> Any:
                # Checked again: endpoint and model may have changed since the call.
                current = self._records.get(endpoint.name)
                _require_unused_id(current, deployed.id)
                self._models.get(f"{model.name}@{model.version_id}")
                current.traffic_split = split_after_deploy(
                    current.traffic_split, wanted, deployed.id, _ids(current)
                )
                now: Any = self._context.clock()
                deployed.create_time = now
                current.deployed_models.append(deployed)
                self._serving.add(current.name, deployed, deployment)
                self._records.save(current)
                return types.DeployModelResponse(deployed_model=deployed)

            return finish

        metadata = types.DeployModelOperationMetadata(
            deployment_stage=types.DeploymentStage.STARTING_DEPLOYMENT
        )
        return self._context.operations.start(
            endpoint.name,
            metadata,
            self._context.durations.deploy,
            prepare,
            slow=self._slow,
            alone=True,
            abandon=abandon,
        )

    def undeploy_model(self, request: Any) -> Any:
        """Start to undeploy a model, which serves until the operation is done.

        Raises InvalidArgument, NotFound, and FailedPrecondition if the traffic of the model is not
        given to others, or while another operation runs on the endpoint.
        """
        endpoint = self._records.get(request.endpoint)
        deployed_id, wanted = request.deployed_model_id, dict(request.traffic_split)
        _require_deployed(endpoint, deployed_id)
        split_after_undeploy(endpoint.traffic_split, wanted, deployed_id, _ids(endpoint))

        def finish() -> Any:
            current = self._records.get(endpoint.name)
            _require_deployed(current, deployed_id)
            current.traffic_split = split_after_undeploy(
                current.traffic_split, wanted, deployed_id, _ids(current)
            )
            deployed = list(current.deployed_models)
            removed = types.DeployedModel(next(m for m in deployed if m.id == deployed_id))
            current.deployed_models = [model for model in deployed if model.id != deployed_id]
            self._records.save(current)
            self._serving.remove(current.name, removed)
            return types.UndeployModelResponse()

        return self._context.start(
            endpoint.name,
            types.UndeployModelOperationMetadata(),
            finish,
            seconds=self._context.durations.undeploy,
            alone=True,
        )


def _ids(endpoint: Any) -> Collection[str]:
    return [model.id for model in endpoint.deployed_models]


def _require_deployed(endpoint: Any, deployed_id: str) -> None:
    if not deployed_id:
        raise InvalidArgument("deployed_model_id is required: the id of the model to undeploy.")
    if deployed_id not in _ids(endpoint):
        raise NotFound(
            f"DeployedModel {deployed_id} is not found in {endpoint.name}; "
            f"it has {', '.join(_ids(endpoint)) or 'no models'}."
        )


def _id_of(deployed: Any, endpoint: Any) -> str:
    if not deployed.id:
        return new_id()
    # In a traffic split "0" is the model that is being deployed, so it cannot be an id.
    if not _DEPLOYED_ID.fullmatch(deployed.id) or deployed.id == "0":
        raise InvalidArgument(
            f"deployed_model.id is {deployed.id!r}; it must be 1 to 10 digits and not 0."
        )
    _require_unused_id(endpoint, deployed.id)
    return str(deployed.id)


def _require_unused_id(endpoint: Any, deployed_id: str) -> None:
    if deployed_id in _ids(endpoint):
        raise AlreadyExists(
            f"DeployedModel {deployed_id} already exists in {endpoint.name}; choose another id."
        )


def _check_resources(deployed: Any) -> None:
    """Custom models need dedicated resources (Model.supported_deployment_resources_types)."""
    if deployed.shared_resources:
        raise Unimplemented(
            "deployed_model.shared_resources is not in the sandbox; use dedicated_resources."
        )
    dedicated = deployed.dedicated_resources
    if not dedicated.machine_spec.machine_type:
        raise InvalidArgument(
            "deployed_model.dedicated_resources.machine_spec.machine_type is required for a model "
            "with a container; send one, such as n1-standard-2."
        )
    if dedicated.min_replica_count < 1:
        raise InvalidArgument(
            "deployed_model.dedicated_resources.min_replica_count is "
            f"{dedicated.min_replica_count}; it must be 1 or more."
        )
    if dedicated.max_replica_count and dedicated.max_replica_count < dedicated.min_replica_count:
        raise InvalidArgument(
            "deployed_model.dedicated_resources.max_replica_count is below min_replica_count; "
            "raise it or leave it out."
        )
