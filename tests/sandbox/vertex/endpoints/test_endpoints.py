"""Endpoints, with Google's client: create, get, list, update, delete."""

import threading
from typing import Any

import pytest
from google.api_core import exceptions

from tests.sandbox.vertex_calls import status_of


def test_create_and_get(vertex: Any) -> None:
    endpoint = vertex.endpoint("linnerud", labels={"team": "ml"}, description="exercises")
    assert endpoint.name == f"{vertex.parent}/endpoints/linnerud"
    assert endpoint.create_time == endpoint.update_time == vertex.clock.now
    assert endpoint.etag
    assert vertex.endpoints.get_endpoint(name=endpoint.name) == endpoint


def test_an_id_is_generated_by_default(vertex: Any) -> None:
    start = vertex.endpoints.create_endpoint
    endpoint = vertex.finish(start(parent=vertex.parent, endpoint={"display_name": "x"}))
    assert len(endpoint.name.rpartition("/")[2]) == 19


def test_the_project_number_and_id_are_equivalent(vertex: Any) -> None:
    endpoint = vertex.endpoint()
    assert endpoint.name.startswith("projects/100000000001/")
    by_id = endpoint.name.replace("projects/100000000001", "projects/demo")
    assert vertex.endpoints.get_endpoint(name=by_id) == endpoint
    (found,) = vertex.endpoints.list_endpoints(parent=by_id.partition("/endpoints/")[0])
    assert found == endpoint


def test_an_id_in_use_is_refused_also_while_it_is_being_created(vertex: Any) -> None:
    def start() -> Any:
        return vertex.endpoints.create_endpoint(
            parent=vertex.parent, endpoint={"display_name": "x"}, endpoint_id="x"
        )

    running = start()
    for _ in range(2):
        with pytest.raises(exceptions.Conflict) as refused:
            start()
        assert status_of(refused.value) == "ALREADY_EXISTS"
        vertex.finish(running)


@pytest.mark.parametrize(
    ("endpoint", "endpoint_id", "why"),
    [
        ({}, "x", "display_name"),
        ({"display_name": "x" * 129}, "x", "display_name"),
        ({"display_name": "x", "labels": {"A": "b"}}, "x", "labels"),
        ({"display_name": "x", "traffic_split": {"1": 100}}, "x", "names 1"),
        ({"display_name": "x"}, "X", "Invalid id"),
        ({"display_name": "x"}, "0123", "Invalid id"),
        (
            {
                "display_name": "x",
                "predict_request_response_logging_config": {"enabled": True, "sampling_rate": 2},
            },
            "x",
            "sampling_rate",
        ),
    ],
)
def test_invalid_endpoints_are_refused(
    vertex: Any, endpoint: Any, endpoint_id: str, why: str
) -> None:
    with pytest.raises(exceptions.BadRequest, match=why) as refused:
        vertex.endpoints.create_endpoint(
            parent=vertex.parent, endpoint=endpoint, endpoint_id=endpoint_id
        )
    assert status_of(refused.value) == "INVALID_ARGUMENT"


def test_networks_and_encryption_are_refused(vertex: Any) -> None:
    for field, value in (("network", "x"), ("enable_private_service_connect", True)):
        with pytest.raises(exceptions.MethodNotImplemented, match=field):
            vertex.endpoints.create_endpoint(
                parent=vertex.parent, endpoint={"display_name": "x", field: value}
            )


def test_a_dedicated_endpoint_has_a_host_of_its_own(vertex: Any) -> None:
    endpoint = vertex.endpoint("dedicated", dedicated_endpoint_enabled=True)
    assert endpoint.dedicated_endpoint_dns == vertex.url.replace("http://127.0.0.1", "localhost")
    assert not vertex.endpoint("shared").dedicated_endpoint_dns
    with pytest.raises(exceptions.BadRequest, match="cannot be changed"):
        vertex.endpoints.update_endpoint(
            endpoint={"name": endpoint.name, "dedicated_endpoint_enabled": False},
            update_mask={"paths": ["dedicated_endpoint_enabled"]},
        )


def test_private_service_connect_is_stored(vertex: Any) -> None:
    private = {"enable_private_service_connect": True, "project_allowlist": ["my-project"]}
    endpoint = vertex.endpoint("private", private_service_connect_config=private)
    found = endpoint.private_service_connect_config
    assert list(found.project_allowlist) == ["my-project"]
    assert found.service_attachment == f"{vertex.parent}/serviceAttachments/private"
    assert not endpoint.dedicated_endpoint_dns


def test_list(vertex: Any) -> None:
    for name, labels in (("b", {"x": "1"}), ("a", {"x": "1"}), ("c", {})):
        vertex.endpoint(name, labels=labels)

    def names(**request: Any) -> list[str]:
        found = vertex.endpoints.list_endpoints(request={"parent": vertex.parent, **request})
        return [endpoint.display_name for endpoint in found]

    assert names() == ["c", "a", "b"]
    assert names(order_by="create_time") == ["b", "a", "c"]
    assert names(order_by="display_name desc") == ["c", "b", "a"]
    assert names(filter='display_name="a"') == ["a"]
    assert names(filter="endpoint=c") == ["c"]
    assert names(filter='labels.x="1" AND displayName!="b"') == ["a"]
    # Two pages: the client requests the second one automatically.
    assert names(page_size=2, order_by="display_name") == ["a", "b", "c"]
    with pytest.raises(exceptions.BadRequest, match="Invalid filter"):
        names(filter="colour=red")


def test_a_read_mask_keeps_only_its_fields(vertex: Any) -> None:
    endpoint = vertex.endpoint(labels={"x": "1"})
    (found,) = vertex.endpoints.list_endpoints(
        request={"parent": vertex.parent, "read_mask": {"paths": ["name", "labels"]}}
    )
    assert (found.name, found.labels) == (endpoint.name, {"x": "1"})
    assert not found.display_name
    with pytest.raises(exceptions.BadRequest, match="read_mask"):
        list(
            vertex.endpoints.list_endpoints(
                request={"parent": vertex.parent, "read_mask": {"paths": ["colour"]}}
            )
        )


def test_an_update_changes_only_the_fields_of_the_mask(vertex: Any, pair: Any) -> None:
    name, _ = pair
    before = vertex.endpoints.get_endpoint(name=name)
    after = vertex.endpoints.update_endpoint(
        endpoint={
            "name": name,
            "display_name": "not this",
            "labels": {"champion": "2"},
            "traffic_split": {"1": 10, "2": 90},
        },
        update_mask={"paths": ["labels", "traffic_split"]},
    )
    assert after.display_name == before.display_name
    assert after.labels == {"champion": "2"}
    assert after.traffic_split == {"1": 10, "2": 90}
    assert after.etag != before.etag
    assert vertex.endpoints.get_endpoint(name=name) == after
    cleared = vertex.endpoints.update_endpoint(
        endpoint={"name": name}, update_mask={"paths": ["traffic_split", "labels"]}
    )
    assert not cleared.traffic_split
    assert not cleared.labels


def test_of_two_writes_with_an_etag_the_second_is_refused(vertex: Any) -> None:
    endpoint = vertex.endpoint()

    def write(etag: str, description: str) -> Any:
        return vertex.endpoints.update_endpoint(
            endpoint={"name": endpoint.name, "etag": etag, "description": description},
            update_mask={"paths": ["description"]},
        )

    first = write(endpoint.etag, "first")
    with pytest.raises(exceptions.Conflict, match="etag") as refused:
        write(endpoint.etag, "second")
    assert status_of(refused.value) == "ABORTED"
    assert vertex.endpoints.get_endpoint(name=endpoint.name) == first
    assert write(first.etag, "third").description == "third"
    assert write("", "blind").description == "blind"


def test_concurrent_writes_with_etags_lose_no_update(vertex: Any) -> None:
    name = vertex.endpoint(labels={"count": "0"}).name

    def add_one() -> None:
        while True:
            now = vertex.endpoints.get_endpoint(name=name)
            now.labels["count"] = str(int(now.labels["count"]) + 1)
            try:
                vertex.endpoints.update_endpoint(endpoint=now, update_mask={"paths": ["labels"]})
            except exceptions.Conflict:
                continue
            return

    writers = [threading.Thread(target=add_one) for _ in range(10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert vertex.endpoints.get_endpoint(name=name).labels == {"count": "10"}


@pytest.mark.parametrize(
    ("fields", "paths", "why"),
    [
        ({"description": "x"}, [], "updateMask is required"),
        ({"description": "x"}, ["*"], "cannot be changed"),
        ({"description": "x"}, ["description", "create_time"], "create_time"),
        ({"deployed_models": []}, ["deployed_models"], "deployed_models"),
        ({"display_name": ""}, ["display_name"], "display_name"),
        ({"labels": {"a": "B"}}, ["labels"], "labels.a"),
        ({"traffic_split": {"1": 50, "2": 49}}, ["traffic_split"], "sums to 99"),
        ({"traffic_split": {"1": 50, "7": 50}}, ["traffic_split"], "names 7"),
        ({"traffic_split": {"1": 200, "2": -100}}, ["traffic_split"], "outside"),
    ],
)
def test_invalid_updates_change_nothing(
    vertex: Any, pair: Any, fields: Any, paths: list[str], why: str
) -> None:
    name, _ = pair
    before = vertex.endpoints.get_endpoint(name=name)
    with pytest.raises(exceptions.BadRequest, match=why):
        vertex.endpoints.update_endpoint(
            endpoint={"name": name, **fields}, update_mask={"paths": paths}
        )
    assert vertex.endpoints.get_endpoint(name=name) == before


def test_only_an_empty_endpoint_can_be_deleted(vertex: Any, pair: Any) -> None:
    full, _ = pair
    with pytest.raises(exceptions.BadRequest, match="2 DeployedModels") as refused:
        vertex.endpoints.delete_endpoint(name=full)
    assert status_of(refused.value) == "FAILED_PRECONDITION"

    empty = vertex.endpoint("empty").name
    vertex.finish(vertex.endpoints.delete_endpoint(name=empty))
    with pytest.raises(exceptions.NotFound):
        vertex.endpoints.get_endpoint(name=empty)
    with pytest.raises(exceptions.NotFound):
        vertex.endpoints.delete_endpoint(name=empty)
    # The id can be reused.
    vertex.endpoint("empty")


def test_other_projects_are_forbidden(vertex: Any) -> None:
    with pytest.raises(exceptions.Forbidden, match="demo"):
        vertex.endpoints.get_endpoint(name="projects/other/locations/x/endpoints/1")
    with pytest.raises(exceptions.Forbidden):
        vertex.endpoints.create_endpoint(
            parent="projects/other/locations/x", endpoint={"display_name": "x"}
        )
