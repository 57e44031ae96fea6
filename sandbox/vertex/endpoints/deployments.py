"""Deploys models to endpoints, changes their replicas, and undeploys them."""

import re
from collections.abc import Collection
from typing import Any, Final

from google.cloud.aiplatform_v1 import types

from sandbox.containers.deployment import Deployment
from sandbox.vertex.context import Context
from sandbox.vertex.endpoints.records import EndpointRecords
from sandbox.vertex.endpoints.resources import MUTABLE, completed_resources
from sandbox.vertex.endpoints.traffic import split_after_deploy, split_after_undeploy
from sandbox.vertex.http.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from sandbox.vertex.http.field_checks import check_display_name, mask_paths
from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.models.records import ModelRecords
from sandbox.vertex.operations.lifecycle import Finish
from sandbox.vertex.prediction.serving import Serving

_DEPLOYED_ID: Final = re.compile(r"[0-9]{1,10}")


class DeploymentService:
    """DeployModel, MutateDeployedModel and UndeployModel of
    google/cloud/aiplatform/v1/endpoint_service.proto."""

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
        resources = completed_resources(request.deployed_model)
        if request.deployed_model.display_name:
            check_display_name(request.deployed_model.display_name, "deployed_model.display_name")
        if not model.container_spec.image_uri:
            raise FailedPrecondition(
                f"Model {model.name}@{model.version_id} has no container image; upload a version "
                "with container_spec.image_uri."
            )
        if model.container_spec.invoke_route_prefix and not endpoint.dedicated_endpoint_enabled:
            # ModelContainerSpec.invoke_route_prefix
            raise FailedPrecondition(
                f"Model {model.name}@{model.version_id} has container_spec.invoke_route_prefix and "
                f"{endpoint.name} is no dedicated endpoint; deploy it to a dedicated one."
            )
        deployed = types.DeployedModel(
            request.deployed_model,
            id=_id_of(request.deployed_model, endpoint),
            model=model.name,
            model_version_id=model.version_id,
            display_name=request.deployed_model.display_name or model.display_name,
        )
        for output_only in ("status", "private_endpoints", "create_time"):
            setattr(deployed, output_only, None)
        deployed.dedicated_resources = resources
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

    def mutate_deployed_model(self, request: Any) -> Any:
        """Start to change the replicas or the autoscaling of a deployed model.

        Raises InvalidArgument for a mask with another field and for invalid values, NotFound, and
        FailedPrecondition while another operation runs on the endpoint.
        """
        endpoint = self._records.get(request.endpoint)
        paths = mask_paths(request.update_mask, MUTABLE, "a deployed model")
        deployed_id = request.deployed_model.id
        _mutated(endpoint, request.deployed_model, paths)

        def finish() -> Any:
            current = self._records.get(endpoint.name)
            deployed = _mutated(current, request.deployed_model, paths)
            current.deployed_models = [
                deployed if one.id == deployed_id else one for one in current.deployed_models
            ]
            self._records.save(current)
            self._serving.scale(current.name, deployed)
            return types.MutateDeployedModelResponse(deployed_model=deployed)

        return self._context.start(
            endpoint.name, types.MutateDeployedModelOperationMetadata(), finish, alone=True
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


def _mutated(endpoint: Any, changes: Any, paths: Collection[str]) -> Any:
    """The deployed model with the fields of these paths from `changes`."""
    _require_deployed(endpoint, changes.id)
    (found,) = (one for one in endpoint.deployed_models if one.id == changes.id)
    deployed = types.DeployedModel(found)
    for path in paths:
        parent, _, field = path.rpartition(".")
        source, target = changes, deployed
        if parent:
            source, target = getattr(source, parent), getattr(target, parent)
        setattr(target, field, getattr(source, field))
    deployed.dedicated_resources = completed_resources(deployed)
    return deployed


def _require_deployed(endpoint: Any, deployed_id: str) -> None:
    if not deployed_id:
        raise InvalidArgument("The id of the deployed model is required; send it.")
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
