"""Concurrent calls on one endpoint: one of them succeeds, and the split stays valid.

With the clock in hand: tests/sandbox/vertex/endpoints/test_deployments.py.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.api_core import exceptions

from tests.conformance.conftest import Cloud, done

CALLERS = 6


def concurrently(call: Callable[[int], Any]) -> Counter[str]:
    """The outcomes of `CALLERS` concurrent calls: done, or the status of the error."""

    def outcome(number: int) -> str:
        try:
            done(call(number))
        except exceptions.GoogleAPICallError as error:
            # A failed operation has no response, but the exact exception class.
            if error.response is None:
                return str(error.grpc_status_code.name)
            return str(error.response.json()["error"]["status"])
        return "done"

    with ThreadPoolExecutor(CALLERS) as callers:
        return Counter(callers.map(outcome, range(CALLERS)))


def valid_endpoint(cloud: Cloud, endpoint: str) -> Any:
    after = cloud.endpoints.get_endpoint(name=endpoint)
    ids = [one.id for one in after.deployed_models]
    assert len(ids) == len(set(ids))
    assert sum(after.traffic_split.values()) == 100
    assert set(after.traffic_split) <= set(ids)
    return after


def test_one_of_several_deploys_of_an_id_succeeds(cloud: Cloud) -> None:
    endpoint, model = cloud.pair()
    ended = concurrently(lambda _: cloud.deploy(endpoint, f"{model}@1", {"1": 50, "0": 50}, id="3"))
    # While the first one runs, and after it.
    assert ended.pop("done") == 1
    assert set(ended) <= {"FAILED_PRECONDITION", "ALREADY_EXISTS"}
    assert valid_endpoint(cloud, endpoint).traffic_split == {"1": 50, "3": 50}


def test_one_of_several_undeploys_of_a_model_succeeds(cloud: Cloud) -> None:
    endpoint, _ = cloud.pair()
    ended = concurrently(
        lambda _: cloud.endpoints.undeploy_model(
            endpoint=endpoint, deployed_model_id="2", traffic_split={"1": 100}
        )
    )
    assert ended.pop("done") == 1
    # INVALID_ARGUMENT is impossible: the split is valid before and after.
    assert set(ended) <= {"FAILED_PRECONDITION", "NOT_FOUND"}
    assert valid_endpoint(cloud, endpoint).traffic_split == {"1": 100}


def test_concurrent_deploys_undeploys_and_splits(cloud: Cloud) -> None:
    endpoint, model = cloud.pair()

    def call(number: int) -> Any:
        if number % 3 == 0:
            return cloud.deploy(endpoint, f"{model}@1", {"1": 60, "0": 40}, id=f"1{number}")
        if number % 3 == 1:
            return cloud.endpoints.undeploy_model(
                endpoint=endpoint, deployed_model_id="2", traffic_split={"1": 100}
            )
        cloud.split(endpoint, {"1": 10, "2": 90})
        return cloud.endpoints.create_endpoint(
            parent=cloud.parent, endpoint={"display_name": "beside"}
        )

    ended = concurrently(call)
    assert ended["done"] >= 1
    assert set(ended) <= {"done", "FAILED_PRECONDITION", "NOT_FOUND", "INVALID_ARGUMENT"}
    valid_endpoint(cloud, endpoint)


def test_one_of_several_writes_with_an_etag_succeeds(cloud: Cloud) -> None:
    endpoint = cloud.endpoint("x")
    etag = cloud.endpoints.get_endpoint(name=endpoint).etag

    def write(number: int) -> Any:
        cloud.endpoints.update_endpoint(
            endpoint={"name": endpoint, "etag": etag, "description": str(number)},
            update_mask={"paths": ["description"]},
        )
        return cloud.endpoints.create_endpoint(
            parent=cloud.parent, endpoint={"display_name": f"of-{number}"}
        )

    assert concurrently(write) == {"done": 1, "ABORTED": CALLERS - 1}


def test_concurrent_uploads_all_get_a_version_number(cloud: Cloud) -> None:
    model = cloud.upload("gs://any/where", model_id="x").model
    body = {"display_name": "x", "container_spec": {"image_uri": "i"}}
    ended = concurrently(
        lambda _: cloud.models.upload_model(
            request={"parent": cloud.parent, "parent_model": model, "model": body}
        )
    )
    assert ended == {"done": CALLERS}
    versions = [one.version_id for one in cloud.models.list_model_versions(name=model)]
    assert sorted(map(int, versions)) == list(range(1, CALLERS + 2))
