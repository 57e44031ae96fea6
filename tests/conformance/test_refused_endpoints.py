"""Errors of the Endpoint service: exception, status, and no change."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.conftest import MACHINE, Cloud, done, refused


@pytest.fixture(scope="module")
def endpoint_and_model(_cloud: Cloud) -> tuple[str, str]:
    """An endpoint with `1` at 90 % and `2` at 10 %, which no refused call may change."""
    _cloud.parent = f"projects/{_cloud.project}/locations/refused-endpoints"
    return _cloud.pair()


@pytest.fixture
def pair(cloud: Cloud, endpoint_and_model: tuple[str, str]) -> Iterator[tuple[str, str]]:
    before = cloud.endpoints.get_endpoint(name=endpoint_and_model[0])
    cloud.parent = endpoint_and_model[0].partition("/endpoints/")[0]
    yield endpoint_and_model
    assert cloud.endpoints.get_endpoint(name=endpoint_and_model[0]) == before
    running = cloud.endpoints.list_operations({"name": cloud.parent, "filter": "done=false"})
    assert not running.operations


INVALID, PRECONDITION = "INVALID_ARGUMENT", "FAILED_PRECONDITION"
KEY = {"kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
CPU = "aiplatform.googleapis.com/prediction/online/cpu/utilization"
DUTY_CYCLE = "aiplatform.googleapis.com/prediction/online/accelerator/duty_cycle"
GPU = {"machine_type": "n1-standard-2", "accelerator_type": "NVIDIA_TESLA_T4"}


@pytest.mark.parametrize(
    ("status", "request_fields"),
    [
        (INVALID, {"endpoint": {}}),
        (INVALID, {"endpoint": {"display_name": ""}}),
        (INVALID, {"endpoint": {"display_name": "x" * 129}}),
        (INVALID, {"endpoint": {"display_name": "x", "labels": {"Team": "ml"}}}),
        (INVALID, {"endpoint": {"display_name": "x", "labels": {"1team": "ml"}}}),
        (INVALID, {"endpoint": {"display_name": "x", "labels": {"": "ml"}}}),
        (INVALID, {"endpoint": {"display_name": "x", "labels": {"team": "M L"}}}),
        (INVALID, {"endpoint": {"display_name": "x", "labels": {"k" * 64: "v"}}}),
        (INVALID, {"endpoint": {"display_name": "x", "labels": {"k": "v" * 65}}}),
        (
            INVALID,
            {"endpoint": {"display_name": "x", "labels": {f"k{n}": "v" for n in range(65)}}},
        ),
        (INVALID, {"endpoint": {"display_name": "x", "traffic_split": {"1": 100}}}),
        (INVALID, {"endpoint_id": "Upper"}),
        (INVALID, {"endpoint_id": "under_score"}),
        (INVALID, {"endpoint_id": "ends-"}),
        (INVALID, {"endpoint_id": "-starts"}),
        (INVALID, {"endpoint_id": "x" * 64}),
        (INVALID, {"endpoint_id": "0123"}),
        (INVALID, {"endpoint_id": "1234567890"}),
        (INVALID, {"endpoint_id": "12ab"}),
        ("ALREADY_EXISTS", {"endpoint_id": "pair"}),
        ("PERMISSION_DENIED", {"parent": "projects/another-project/locations/us-central1"}),
        (INVALID, {"parent": "projects/{project}/locations/US"}),
        ("UNIMPLEMENTED", {"endpoint": {"display_name": "x", "network": "projects/1/n"}}),
        ("UNIMPLEMENTED", {"endpoint": {"display_name": "x", "encryption_spec": KEY}}),
        (
            INVALID,
            {
                "endpoint": {
                    "display_name": "x",
                    "dedicated_endpoint_enabled": True,
                    "private_service_connect_config": {"enable_private_service_connect": True},
                }
            },
        ),
    ],
)
def test_create_is_refused(cloud: Cloud, pair: Any, status: str, request_fields: Any) -> None:
    request = {"parent": cloud.parent, "endpoint": {"display_name": "x"}, **request_fields}
    request["parent"] = request["parent"].replace("{project}", cloud.project)
    refused(status, cloud.endpoints.create_endpoint, request)
    assert [one.name for one in cloud.endpoints.list_endpoints(parent=cloud.parent)] == [pair[0]]


@pytest.mark.parametrize(
    ("status", "fields", "paths"),
    [
        (INVALID, {"description": "x"}, []),
        (INVALID, {"description": "x"}, ["*"]),
        (INVALID, {"description": "x"}, ["description", "colour"]),
        (INVALID, {}, ["name"]),
        (INVALID, {}, ["etag"]),
        (INVALID, {}, ["create_time"]),
        (INVALID, {}, ["deployed_models"]),
        (INVALID, {"network": "x"}, ["network"]),
        (INVALID, {}, ["labels.team"]),
        (INVALID, {"display_name": ""}, ["display_name"]),
        (INVALID, {"display_name": "x" * 129}, ["display_name"]),
        (INVALID, {"labels": {"a": "B"}}, ["labels"]),
        (INVALID, {"traffic_split": {"1": 90, "2": 9}}, ["traffic_split"]),
        (INVALID, {"traffic_split": {"1": 90, "2": 11}}, ["traffic_split"]),
        (INVALID, {"traffic_split": {"1": 0, "2": 0}}, ["traffic_split"]),
        (INVALID, {"traffic_split": {"1": 101, "2": -1}}, ["traffic_split"]),
        (INVALID, {"traffic_split": {"1": 90, "7": 10}}, ["traffic_split"]),
        (INVALID, {"traffic_split": {"0": 100}}, ["traffic_split"]),
        (
            INVALID,
            {"description": "new", "traffic_split": {"1": 1}},
            ["description", "traffic_split"],
        ),
        ("ABORTED", {"description": "x", "etag": "of-long-ago"}, ["description"]),
        ("NOT_FOUND", {"name": "{name}-2", "description": "x"}, ["description"]),
    ],
)
def test_update_is_refused(
    cloud: Cloud, pair: Any, status: str, fields: Any, paths: list[str]
) -> None:
    endpoint = {"name": pair[0], **fields}
    endpoint["name"] = endpoint["name"].replace("{name}", pair[0])
    refused(
        status,
        cloud.endpoints.update_endpoint,
        endpoint=endpoint,
        update_mask={"paths": paths},
    )


@pytest.mark.parametrize(
    ("status", "split", "fields"),
    [
        (INVALID, {"0": 99}, {}),
        (INVALID, {"1": 90, "0": 11}, {}),
        (INVALID, {"1": 90, "2": 10, "0": 10}, {}),
        (INVALID, {"1": 110, "0": -10}, {}),
        (INVALID, {"7": 100}, {}),
        (INVALID, {"3": 100}, {"id": "3"}),
        (INVALID, {}, {"id": "0"}),
        (INVALID, {}, {"id": "three"}),
        (INVALID, {}, {"id": "12345678901"}),
        (INVALID, {}, {"id": "-3"}),
        (INVALID, {}, {"id": "٣"}),
        ("ALREADY_EXISTS", {}, {"id": "1"}),
        ("ALREADY_EXISTS", {"0": 100}, {"id": "2"}),
        (INVALID, {}, {"model": ""}),
        (INVALID, {}, {"model": "pair"}),
        ("NOT_FOUND", {}, {"model": "{model}-2"}),
        ("NOT_FOUND", {}, {"model": "{model}@9"}),
        ("NOT_FOUND", {}, {"model": "{model}@golden"}),
        ("PERMISSION_DENIED", {}, {"model": "projects/other/locations/l/models/m"}),
        (INVALID, {}, {"display_name": "x" * 129}),
        (INVALID, {}, {"dedicated_resources": None}),
        (INVALID, {}, {"dedicated_resources": {"min_replica_count": 1}}),
        (INVALID, {}, {"dedicated_resources": {**MACHINE, "min_replica_count": 0}}),
        (INVALID, {}, {"dedicated_resources": {**MACHINE, "min_replica_count": -1}}),
        (INVALID, {}, {"dedicated_resources": {**MACHINE, "max_replica_count": -1}}),
        (
            INVALID,
            {},
            {"dedicated_resources": {**MACHINE, "min_replica_count": 2, "max_replica_count": 1}},
        ),
        (INVALID, {}, {"dedicated_resources": {**MACHINE, "required_replica_count": 2}}),
        (INVALID, {}, {"dedicated_resources": {**MACHINE, "machine_spec": GPU}}),
        (
            INVALID,
            {},
            {
                "dedicated_resources": {
                    **MACHINE,
                    "machine_spec": {"machine_type": "n1-standard-2", "accelerator_count": 1},
                }
            },
        ),
        *(
            (
                INVALID,
                {},
                {"dedicated_resources": {**MACHINE, "autoscaling_metric_specs": specs}},
            )
            for specs in (
                [{"metric_name": "cpu", "target": 60}],
                [{"metric_name": CPU, "target": 101}],
                [{"metric_name": CPU, "target": -1}],
                [{"metric_name": CPU, "target": 60}, {"metric_name": CPU, "target": 70}],
                [{"metric_name": DUTY_CYCLE, "target": 60}],
            )
        ),
        ("UNIMPLEMENTED", {}, {"dedicated_resources": None, "shared_resources": "pool"}),
    ],
)
def test_deploy_is_refused(
    cloud: Cloud, pair: Any, status: str, split: dict[str, int], fields: Any
) -> None:
    endpoint, model = pair
    request = {"model": f"{model}@1", **fields}
    request["model"] = request["model"].replace("{model}", model)
    refused(status, cloud.deploy, endpoint, request.pop("model"), split, **request)


MINIMUM = "dedicated_resources.min_replica_count"


@pytest.mark.parametrize(
    ("status", "fields", "paths"),
    [
        (INVALID, {"id": ""}, [MINIMUM]),
        ("NOT_FOUND", {"id": "7"}, [MINIMUM]),
        (INVALID, {}, []),
        (INVALID, {}, ["display_name"]),
        (INVALID, {}, ["dedicated_resources"]),
        (INVALID, {}, ["dedicated_resources.machine_spec"]),
        (INVALID, {}, [MINIMUM, "service_account"]),
        (INVALID, {}, ["automatic_resources.min_replica_count"]),
        (INVALID, {"dedicated_resources": {"min_replica_count": 0}}, [MINIMUM]),
        (INVALID, {"dedicated_resources": {"min_replica_count": 2}}, [MINIMUM]),
        (
            INVALID,
            {"dedicated_resources": {"autoscaling_metric_specs": [{"metric_name": "x"}]}},
            ["dedicated_resources.autoscaling_metric_specs"],
        ),
    ],
)
def test_mutate_is_refused(
    cloud: Cloud, pair: Any, status: str, fields: Any, paths: list[str]
) -> None:
    refused(
        status,
        cloud.endpoints.mutate_deployed_model,
        endpoint=pair[0],
        deployed_model={"id": "1", **fields},
        update_mask={"paths": paths},
    )


@pytest.mark.parametrize(
    ("status", "deployed_model_id", "split"),
    [
        (PRECONDITION, "2", {}),
        (PRECONDITION, "2", {"1": 50, "2": 50}),
        (PRECONDITION, "1", {"1": 100}),
        (INVALID, "2", {"1": 90}),
        (INVALID, "2", {"1": 100, "7": 0}),
        (INVALID, "2", {"7": 100}),
        (INVALID, "2", {"1": 100, "0": 0}),
        (INVALID, "", {}),
        ("NOT_FOUND", "7", {}),
        ("NOT_FOUND", "0", {"1": 100}),
    ],
)
def test_undeploy_is_refused(
    cloud: Cloud, pair: Any, status: str, deployed_model_id: str, split: dict[str, int]
) -> None:
    refused(
        status,
        cloud.endpoints.undeploy_model,
        endpoint=pair[0],
        deployed_model_id=deployed_model_id,
        traffic_split=split,
    )


def test_a_missing_endpoint_is_not_found(cloud: Cloud, pair: Any) -> None:
    endpoint, model = f"{pair[0]}-2", f"{pair[1]}@1"
    refused("NOT_FOUND", cloud.endpoints.get_endpoint, name=endpoint)
    refused("NOT_FOUND", cloud.endpoints.delete_endpoint, name=endpoint)
    refused("NOT_FOUND", cloud.deploy, endpoint, model, {"0": 100})
    refused("NOT_FOUND", cloud.endpoints.undeploy_model, endpoint=endpoint, deployed_model_id="1")
    refused("NOT_FOUND", cloud.endpoints.get_operation, {"name": f"{pair[0]}/operations/1"})
    refused(
        "PERMISSION_DENIED", cloud.endpoints.get_endpoint, name="projects/x/locations/l/endpoints/1"
    )


def test_an_endpoint_with_models_is_not_deleted(cloud: Cloud, pair: Any) -> None:
    refused(PRECONDITION, cloud.endpoints.delete_endpoint, name=pair[0])


def test_a_current_etag_and_no_etag_are_accepted(cloud: Cloud) -> None:
    name = cloud.endpoint("x")
    first = cloud.endpoints.get_endpoint(name=name)

    def write(etag: str, description: str) -> Any:
        return cloud.endpoints.update_endpoint(
            endpoint={"name": name, "etag": etag, "description": description},
            update_mask={"paths": ["description"]},
        )

    second = write(first.etag, "read, modified, written")
    assert second.etag != first.etag
    refused("ABORTED", write, first.etag, "too late")
    assert cloud.endpoints.get_endpoint(name=name) == second
    assert write("", "blind").description == "blind"
    done(cloud.endpoints.delete_endpoint(name=name))


@pytest.mark.parametrize(
    "request_fields",
    [
        {"page_size": -1},
        {"page_token": "nonsense"},
        {"page_token": "{other}"},
        {"filter": "colour=red"},
        {"filter": "display_name="},
        {"filter": 'display_name="x'},
        {"filter": "display_name=x AND"},
        {"order_by": "colour"},
        {"order_by": "display_name sideways"},
        {"read_mask": {"paths": ["colour"]}},
        {"parent": "projects/{project}"},
    ],
)
def test_list_is_refused(cloud: Cloud, pair: Any, request_fields: Any) -> None:
    request = {"parent": cloud.parent, **request_fields}
    request["parent"] = request["parent"].replace("{project}", cloud.project)
    if request.get("page_token") == "{other}":
        cloud.endpoint("second")
        page = cloud.endpoints.list_endpoints({"parent": cloud.parent, "page_size": 1})
        request |= {"page_token": page.next_page_token, "filter": "display_name=x", "page_size": 1}
        done(cloud.endpoints.delete_endpoint(name=f"{cloud.parent}/endpoints/second"))
    if request["parent"] != cloud.parent:
        # No such path: the client raises before it sends a request.
        with pytest.raises(ValueError, match="Invalid request"):
            cloud.endpoints.list_endpoints(request)
        return
    refused(INVALID, cloud.endpoints.list_endpoints, request)
