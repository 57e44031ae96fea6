"""DeployModel and UndeployModel, with Google's client."""

import random
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import types
from sklearn.linear_model import LinearRegression

from sandbox.vertex.endpoints.traffic import check_split
from sandbox.vertex.http.errors import FailedPrecondition
from sandbox.vertex.prediction.model_copies import ModelCopies
from sandbox.vertex.store import Store
from tests.conftest import CONSTANT
from tests.sandbox.vertex_calls import status_of

IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu"


def test_a_deploy_fills_in_output_fields(vertex: Any, bucket: Any) -> None:
    endpoint = vertex.endpoint()
    uploaded = vertex.upload(bucket.put_constant(1), model_id="m")

    answer = vertex.finish(
        vertex.deploy(endpoint.name, uploaded.model, {"0": 100}, status={"message": "any"})
    )

    after = vertex.endpoints.get_endpoint(name=endpoint.name)
    (deployed,) = after.deployed_models
    assert answer.deployed_model == deployed
    assert deployed.id.isdecimal()
    assert len(deployed.id) == 19
    assert (deployed.model, deployed.model_version_id) == (uploaded.model, "1")
    assert deployed.display_name == "linnerud"
    assert deployed.create_time == vertex.clock.now
    assert "status" not in deployed
    assert deployed.dedicated_resources.max_replica_count == 1
    assert after.traffic_split == {deployed.id: 100}
    assert after.etag != endpoint.etag
    (back,) = vertex.models.get_model(name=uploaded.model).deployed_models
    assert (back.endpoint, back.deployed_model_id) == (endpoint.name, deployed.id)


def test_a_deploy_is_visible_only_when_it_is_done(vertex: Any, bucket: Any) -> None:
    endpoint = vertex.endpoint()
    model = vertex.upload(bucket.put_constant(1)).model
    operation = vertex.deploy(endpoint.name, model, {"0": 100}, id="7")

    assert not operation.done()
    vertex.clock.advance(1.4)
    assert not operation.done()
    assert vertex.endpoints.get_endpoint(name=endpoint.name) == endpoint

    vertex.finish(operation, 0.2)
    after = vertex.endpoints.get_endpoint(name=endpoint.name)
    assert after.traffic_split == {"7": 100}
    assert operation.metadata.deployment_stage == types.DeploymentStage.SUCCESSFULLY_DEPLOYED


def test_an_empty_split_does_not_change_the_traffic(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    vertex.finish(vertex.deploy(endpoint, f"{model}@2", {}, id="3"))
    after = vertex.endpoints.get_endpoint(name=endpoint)
    assert after.traffic_split == {"1": 90, "2": 10}
    assert [one.id for one in after.deployed_models] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"0": 99}, "sums to 99"),
        ({"0": 101}, "outside 0 to 100"),
        ({"0": -1, "1": 101}, "outside 0 to 100"),
        ({"9": 50, "0": 50}, "names 9"),
        ({"3": 100}, "names 3"),
    ],
)
def test_invalid_splits_are_refused(
    shared_pair: Any, vertex: Any, split: dict[str, int], message: str
) -> None:
    endpoint, model = shared_pair
    with pytest.raises(exceptions.BadRequest, match=message) as refused:
        vertex.deploy(endpoint, model, split, id="3")
    assert status_of(refused.value) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("wrong", ["0", "a", "12345678901", "-1", "1 "])
def test_invalid_deployed_ids_are_refused(shared_pair: Any, vertex: Any, wrong: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="1 to 10 digits"):
        vertex.deploy(*shared_pair, {}, id=wrong)


def test_a_deployed_id_in_use_is_refused(shared_pair: Any, vertex: Any) -> None:
    with pytest.raises(exceptions.Conflict, match="already exists") as refused:
        vertex.deploy(*shared_pair, {}, id="1")
    assert status_of(refused.value) == "ALREADY_EXISTS"


def test_deploy_needs_an_endpoint_and_a_model(shared_pair: Any, vertex: Any) -> None:
    endpoint, model = shared_pair
    with pytest.raises(exceptions.NotFound, match="Endpoint"):
        vertex.deploy(endpoint + "-2", model, {})
    for missing in (f"{model}-2", f"{model}@3", f"{model}@golden"):
        with pytest.raises(exceptions.NotFound, match="Model"):
            vertex.deploy(endpoint, missing, {})
    with pytest.raises(exceptions.BadRequest, match="Invalid model"):
        vertex.deploy(endpoint, "linnerud", {})


def test_a_server_may_need_no_artifact(vertex: Any) -> None:
    endpoint = vertex.deployed("", env=[{"name": "BEHAVIOUR", "value": "echo"}])
    (deployed,) = vertex.endpoints.get_endpoint(name=endpoint).deployed_models
    assert deployed.id == "1"


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"dedicated_resources": None}, "machine_type is required"),
        ({"dedicated_resources": None, "automatic_resources": {}}, "machine_type is required"),
        (
            {"dedicated_resources": {"machine_spec": {"machine_type": "n1-standard-2"}}},
            "min_replica_count",
        ),
        (
            {
                "dedicated_resources": {
                    "machine_spec": {"machine_type": "n1-standard-2"},
                    "min_replica_count": 3,
                    "max_replica_count": 2,
                }
            },
            "max_replica_count",
        ),
    ],
)
def test_a_deploy_needs_dedicated_resources(
    shared_pair: Any, vertex: Any, resources: Any, message: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=message):
        vertex.deploy(*shared_pair, {}, **resources)


def test_shared_resources_are_refused(shared_pair: Any, vertex: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="shared_resources"):
        vertex.deploy(*shared_pair, {}, dedicated_resources=None, shared_resources="pool")


def _no_file(bucket: Any) -> str:
    return f"gs://{bucket.bucket}/nothing"


def _not_a_model(bucket: Any) -> str:
    bucket.put("broken/model.joblib", b"no joblib")
    return f"gs://{bucket.bucket}/broken"


def _other_version(bucket: Any) -> str:
    model = LinearRegression().fit(np.eye(2), np.eye(2))
    state = model.__getstate__()
    model.__dict__.clear()
    type(model).__getstate__, before = (
        lambda self: {**state, "_sklearn_version": "1.5.2"},
        LinearRegression.__getstate__,
    )
    try:
        return bucket.put_model("other-version", model)
    finally:
        LinearRegression.__getstate__ = before


def _cannot_predict(bucket: Any) -> str:
    return bucket.put_model("dict", {"a": 1})


@pytest.mark.parametrize(
    ("artifact", "image", "cause"),
    [
        (_no_file, f"{IMAGE}.1-6:latest", "no files under"),
        (_not_a_model, f"{IMAGE}.1-6:latest", "cannot be loaded"),
        (_other_version, f"{IMAGE}.1-6:latest", "InconsistentVersionWarning"),
        (_cannot_predict, f"{IMAGE}.1-6:latest", "cannot predict"),
        (_no_file, "us-docker.pkg.dev/own/image:latest", "does not know the image"),
        (_no_file, "sandbox.test/no-server:1", "no server"),
        (_no_file, "sandbox.test/no-command:1", "not-a-program"),
    ],
)
def test_a_model_that_cannot_be_loaded_changes_nothing(
    vertex: Any, pair: Any, bucket: Any, artifact: Any, image: str, cause: str
) -> None:
    endpoint, _ = pair
    before = vertex.endpoints.get_endpoint(name=endpoint)
    model = vertex.upload(artifact(bucket), model={"container_spec": {"image_uri": image}}).model
    operation = vertex.deploy(endpoint, model, {"1": 50, "0": 50})

    with pytest.raises(exceptions.FailedPrecondition) as failed:
        vertex.finish(operation)

    assert failed.value.message.startswith("Model server exited unexpectedly.")
    assert cause in failed.value.message
    assert vertex.endpoints.get_endpoint(name=endpoint) == before
    assert operation.metadata.deployment_stage == types.DeploymentStage.FAILED_TO_DEPLOY


def test_an_upload_without_storage_fails_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unused = f"http://127.0.0.1:{listener.getsockname()[1]}"
    store = Store(tmp_path / "store")
    try:
        with pytest.raises(FailedPrecondition, match="cannot be copied"):
            ModelCopies(store, unused, "demo").copy("gs://artifacts/any")
    finally:
        store.close()


def test_one_deploy_or_undeploy_at_a_time(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    running = vertex.deploy(endpoint, f"{model}@2", {}, id="3")
    for start in (
        lambda: vertex.deploy(endpoint, model, {}, id="4"),
        lambda: vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="3"),
    ):
        with pytest.raises((exceptions.BadRequest, exceptions.NotFound)):
            start()
    with pytest.raises(exceptions.BadRequest, match="other operations running") as refused:
        vertex.endpoints.undeploy_model(
            endpoint=endpoint, deployed_model_id="2", traffic_split={"1": 100}
        )
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    vertex.finish(running)


def test_concurrent_calls_keep_the_split_valid(own_vertex: Any, bucket: Any) -> None:
    vertex = own_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(1)).model
    over = threading.Event()
    outcomes: Counter[Any] = Counter()

    def call(chance: random.Random) -> None:
        while not over.is_set():
            one, other = (str(chance.randint(1, 4)) for _ in range(2))
            split = {one: 60, other: 40} if one != other else {one: 100}
            try:
                match chance.randrange(3):
                    case 0:
                        wanted = chance.choice([{}, {"0": 100}, {"0": 10, other: 90}])
                        vertex.deploy(endpoint, model, wanted, id=one)
                    case 1:
                        vertex.endpoints.undeploy_model(
                            endpoint=endpoint,
                            deployed_model_id=one,
                            traffic_split=chance.choice([{}, {other: 100}]),
                        )
                    case 2:
                        _split(vertex, endpoint, split)
                outcomes["done"] += 1
            except exceptions.GoogleAPICallError as refused:
                outcomes[refused.code] += 1

    callers = [threading.Thread(target=call, args=(random.Random(seed),)) for seed in range(3)]
    for caller in callers:
        caller.start()
    try:
        for step in range(5000):
            if step > 100 and outcomes["done"] > 5:
                break
            vertex.clock.advance(1)
            now = vertex.endpoints.get_endpoint(name=endpoint)
            ids = [deployed.id for deployed in now.deployed_models]
            assert len(ids) == len(set(ids))
            check_split(now.traffic_split, ids)
    finally:
        over.set()
        for caller in callers:
            caller.join()
    assert outcomes["done"] > 5
    assert set(outcomes) <= {"done", 400, 404, 409}


def test_an_update_during_an_undeploy_cannot_route_traffic_to_a_missing_model(
    vertex: Any, pair: Any
) -> None:
    endpoint, _ = pair
    _split(vertex, endpoint, {"1": 100})
    operation = vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="2")
    _split(vertex, endpoint, {"2": 100})
    with pytest.raises(exceptions.FailedPrecondition, match="has 100 %"):
        vertex.finish(operation)
    after = vertex.endpoints.get_endpoint(name=endpoint)
    assert after.traffic_split == {"2": 100}
    assert [one.id for one in after.deployed_models] == ["1", "2"]


def test_a_model_with_traffic_is_undeployed_only_with_a_new_split(vertex: Any, pair: Any) -> None:
    endpoint, _ = pair

    def undeploy(split: dict[str, int]) -> Any:
        return vertex.endpoints.undeploy_model(
            endpoint=endpoint, deployed_model_id="2", traffic_split=split
        )

    with pytest.raises(exceptions.BadRequest, match="has 10 %") as refused:
        undeploy({})
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    with pytest.raises(exceptions.BadRequest, match="has 50 %"):
        undeploy({"1": 50, "2": 50})
    with pytest.raises(exceptions.BadRequest, match="sums to 90"):
        undeploy({"1": 90})
    with pytest.raises(exceptions.BadRequest, match="names 5"):
        undeploy({"5": 100})

    vertex.finish(undeploy({"1": 100, "2": 0}))
    after = vertex.endpoints.get_endpoint(name=endpoint)
    assert after.traffic_split == {"1": 100}
    assert [one.id for one in after.deployed_models] == ["1"]


def test_after_the_last_undeploy_the_split_is_empty(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    for removed, split in (("2", {"1": 100}), ("1", {})):
        vertex.finish(
            vertex.endpoints.undeploy_model(
                endpoint=endpoint, deployed_model_id=removed, traffic_split=split
            )
        )
    after = vertex.endpoints.get_endpoint(name=endpoint)
    assert not after.traffic_split
    assert not after.deployed_models
    assert not vertex.models.get_model(name=model).deployed_models


def test_undeploy_needs_a_deployed_model(vertex: Any, pair: Any) -> None:
    endpoint, _ = pair
    with pytest.raises(exceptions.NotFound, match="DeployedModel 9"):
        vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="9")
    with pytest.raises(exceptions.BadRequest, match="required"):
        vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="")


def _split(vertex: Any, endpoint: str, split: dict[str, int]) -> None:
    vertex.endpoints.update_endpoint(
        endpoint={"name": endpoint, "traffic_split": split},
        update_mask={"paths": ["traffic_split"]},
    )


CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"


def mutate(vertex: Any, endpoint: str, resources: dict[str, Any]) -> Any:
    return vertex.endpoints.mutate_deployed_model(
        endpoint=endpoint,
        deployed_model={"id": "1", "dedicated_resources": resources},
        update_mask={"paths": [f"dedicated_resources.{field}" for field in resources]},
    )


def test_a_mutation_changes_only_the_fields_of_the_mask(vertex: Any, pair: Any) -> None:
    endpoint, _ = pair
    before = vertex.endpoints.get_endpoint(name=endpoint)
    specs = [{"metric_name": CPU}]
    changes = {"min_replica_count": 2, "max_replica_count": 4, "autoscaling_metric_specs": specs}
    operation = mutate(vertex, endpoint, changes)
    assert vertex.endpoints.get_endpoint(name=endpoint) == before

    answer = vertex.finish(operation)
    after = vertex.endpoints.get_endpoint(name=endpoint)
    first, second = after.deployed_models
    assert answer.deployed_model == first
    found = first.dedicated_resources
    assert (found.min_replica_count, found.max_replica_count) == (2, 4)
    assert [(spec.metric_name, spec.target) for spec in found.autoscaling_metric_specs] == [
        (CPU, 60)
    ]
    assert found.machine_spec == before.deployed_models[0].dedicated_resources.machine_spec
    assert second == before.deployed_models[1]
    assert after.traffic_split == before.traffic_split
    assert after.etag != before.etag

    vertex.finish(mutate(vertex, endpoint, {"max_replica_count": 0}))
    (now, _) = vertex.endpoints.get_endpoint(name=endpoint).deployed_models
    assert now.dedicated_resources.max_replica_count == 2


def test_a_mutation_waits_for_no_other_operation(vertex: Any, pair: Any) -> None:
    endpoint, model = pair
    deploying = vertex.deploy(endpoint, model, {}, id="3")
    with pytest.raises(exceptions.BadRequest) as refused:
        mutate(vertex, endpoint, {"min_replica_count": 1})
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    vertex.finish(deploying)
    mutating = mutate(vertex, endpoint, {"max_replica_count": 2})
    with pytest.raises(exceptions.BadRequest) as refused:
        vertex.deploy(endpoint, model, {}, id="4")
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    vertex.finish(mutating)


def test_a_container_with_an_invoke_prefix_needs_a_dedicated_endpoint(
    vertex: Any, bucket: Any
) -> None:
    container = {"image_uri": CONSTANT, "invoke_route_prefix": "/*"}
    artifact = bucket.put_constant(1)
    model = vertex.upload(artifact, model={"container_spec": container}).model
    shared, dedicated = (
        vertex.endpoint(f"e-{value}", dedicated_endpoint_enabled=bool(value)).name
        for value in range(2)
    )
    with pytest.raises(exceptions.BadRequest, match="is no dedicated endpoint") as refused:
        vertex.deploy(shared, model, {})
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    vertex.finish(vertex.deploy(dedicated, model, {"0": 100}))
