"""Google's documented flows, call by call, through the generated REST clients.

After cloud.google.com/vertex-ai/docs: general/deployment (deploy, split, undeploy),
model-registry/versioning and model-registry/model-alias.
"""

from collections import Counter

from google.cloud.aiplatform_v1 import types

from tests.conformance.conftest import ROW, Cloud, done, refused


def test_two_versions_are_deployed_and_undeployed(cloud: Cloud) -> None:
    endpoint = cloud.endpoint("linnerud", labels={"team": "ml"})
    first = cloud.upload(cloud.constant(1), model_id="linnerud")
    second = cloud.upload(
        cloud.constant(2), parent_model=first.model, model={"version_aliases": ["challenger"]}
    )
    assert (second.model, second.model_version_id) == (first.model, "2")

    champion = done(cloud.deploy(endpoint, f"{first.model}@1", {"0": 100})).deployed_model
    assert cloud.endpoints.get_endpoint(name=endpoint).traffic_split == {champion.id: 100}
    challenger = done(
        cloud.deploy(endpoint, f"{first.model}@challenger", {champion.id: 90, "0": 10})
    ).deployed_model
    assert (champion.model_version_id, challenger.model_version_id) == ("1", "2")
    after = cloud.endpoints.get_endpoint(name=endpoint)
    assert after.traffic_split == {champion.id: 90, challenger.id: 10}
    assert [one.id for one in after.deployed_models] == [champion.id, challenger.id]

    cloud.split(endpoint, {challenger.id: 100})
    answer = cloud.predictions.predict(endpoint=endpoint, instances=[ROW])
    assert (answer.deployed_model_id, answer.model_version_id) == (challenger.id, "2")
    assert answer.model == first.model
    assert [round(value) for value in answer.predictions[0]] == [2, 2]

    # It has no traffic, so it needs no new split.
    done(cloud.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=champion.id))
    assert cloud.endpoints.get_endpoint(name=endpoint).traffic_split == {challenger.id: 100}
    done(cloud.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=challenger.id))
    empty = cloud.endpoints.get_endpoint(name=endpoint)
    assert not empty.traffic_split
    assert not empty.deployed_models
    refused("FAILED_PRECONDITION", cloud.predictions.predict, endpoint=endpoint, instances=[ROW])

    done(cloud.endpoints.delete_endpoint(name=endpoint))
    refused("NOT_FOUND", cloud.endpoints.get_endpoint, name=endpoint)
    done(cloud.models.delete_model(name=first.model))
    refused("NOT_FOUND", cloud.models.get_model, name=first.model)


def test_the_registry_by_version_and_alias(cloud: Cloud) -> None:
    model = cloud.upload(model_id="linnerud", model={"version_aliases": ["golden"]}).model
    cloud.upload(parent_model=model, model={"labels": {"run": "2"}})
    cloud.upload(parent_model=model, model={"version_aliases": ["default"]})

    def versions_by_alias() -> dict[str, list[str]]:
        versions = cloud.models.list_model_versions(name=model)
        return {one.version_id: sorted(one.version_aliases) for one in versions}

    assert versions_by_alias() == {"1": ["golden"], "2": [], "3": ["default"]}
    assert cloud.models.get_model(name=model).version_id == "3"
    cloud.models.merge_version_aliases(name=f"{model}@2", version_aliases=["golden", "default"])
    assert versions_by_alias() == {"1": [], "2": ["default", "golden"], "3": []}
    cloud.models.merge_version_aliases(name=f"{model}@2", version_aliases=["-golden"])
    assert versions_by_alias() == {"1": [], "2": ["default"], "3": []}
    refused("NOT_FOUND", cloud.models.get_model, name=f"{model}@golden")

    done(cloud.models.delete_model_version(name=f"{model}@3"))
    assert versions_by_alias() == {"1": [], "2": ["default"]}
    assert cloud.upload(parent_model=model).model_version_id == "4"
    done(cloud.models.delete_model(name=model))
    refused("NOT_FOUND", cloud.models.get_model, name=f"{model}@1")


def test_requests_follow_the_split(cloud: Cloud) -> None:
    endpoint, _ = cloud.pair()
    cloud.split(endpoint, {"1": 50, "2": 50})
    seen = Counter(
        cloud.predictions.predict(endpoint=endpoint, instances=[ROW]).deployed_model_id
        for _ in range(60)
    )
    # With a fair split, 60 requests all go to one model once in 10**17 times.
    assert set(seen) == {"1", "2"}
    cloud.split(endpoint, {"1": 100, "2": 0})
    seen = Counter(
        cloud.predictions.predict(endpoint=endpoint, instances=[ROW]).deployed_model_id
        for _ in range(20)
    )
    assert set(seen) == {"1"}


def test_id_and_number_of_the_project_are_equivalent(cloud: Cloud) -> None:
    endpoint = cloud.endpoint("x")
    by_id = f"{cloud.parent}/endpoints/x"
    assert endpoint.split("/")[1].isdecimal()
    assert endpoint.split("/")[2:] == by_id.split("/")[2:]
    found = cloud.endpoints.get_endpoint(name=by_id)
    assert found == cloud.endpoints.get_endpoint(name=endpoint)
    assert found.name == endpoint

    model = cloud.upload(model_id="x").model
    assert model.split("/")[1] == endpoint.split("/")[1]
    again = cloud.upload(parent_model=f"{cloud.parent}/models/x")
    assert (again.model, again.model_version_id) == (model, "2")
    operation = cloud.deploy(by_id, f"{cloud.parent}/models/x@2", {"0": 100}, id="1")
    assert operation.operation.name.startswith(f"{endpoint}/operations/")
    assert done(operation).deployed_model.model == model
    assert cloud.models.get_model(name=f"{model}@2").deployed_models == [
        types.DeployedModelRef(endpoint=endpoint, deployed_model_id="1")
    ]
    refused("FAILED_PRECONDITION", cloud.models.delete_model, name=f"{cloud.parent}/models/x")


def test_a_model_may_be_in_another_location_than_the_endpoint(cloud: Cloud) -> None:
    # The docs of DeployedModel.model.
    model = cloud.upload(model_id="x").model
    cloud.parent += "-b"
    endpoint = cloud.endpoint("x")
    deployed = done(cloud.deploy(endpoint, model, {"0": 100})).deployed_model
    assert deployed.model == model
    assert cloud.predictions.predict(endpoint=endpoint, instances=[ROW]).model == model


def test_operations_are_listed_awaited_and_cancelled(cloud: Cloud) -> None:
    endpoint, model = cloud.pair()
    operation = cloud.deploy(endpoint, model, {}, id="3")
    running = cloud.endpoints.list_operations({"name": endpoint, "filter": "done=false"})
    assert [one.name for one in running.operations] == [operation.operation.name]
    assert cloud.endpoints.cancel_operation({"name": operation.operation.name}) is None
    ended = cloud.endpoints.wait_operation({"name": operation.operation.name})
    assert ended.done
    assert ended.error.code == 1
    assert len(cloud.endpoints.get_endpoint(name=endpoint).deployed_models) == 2
    # Every service returns the operations of all services.
    assert cloud.models.get_operation({"name": operation.operation.name}) == ended
    cloud.endpoints.delete_operation({"name": operation.operation.name})
    refused("NOT_FOUND", cloud.jobs.get_operation, {"name": operation.operation.name})
