"""HTTP requests: paths, parameters, bodies, errors."""

import json
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1.services.endpoint_service.transports import rest_base

from sandbox.vertex.http.routes import google_routes

HEADERS = {"Content-Type": "application/json"}


def error_of(response: Any) -> tuple[int, str, str]:
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["code"] == response.status_code
    return response.status_code, error["status"], error["message"]


def test_every_method_of_the_client_library_has_a_route() -> None:
    transport = rest_base._BaseEndpointServiceRestTransport
    for inner in vars(transport).values():
        for option in inner._get_http_options() if hasattr(inner, "_get_http_options") else ():
            path = option["uri"].replace("{", "").replace("}", "").replace("*", "x")
            # Without its braces `{endpoint.name=projects/…}` is `endpoint.name=projects/…`.
            path = "/".join(part.rpartition("=")[2] for part in path.split("/"))
            assert google_routes().match(option["method"].upper(), path), path


@pytest.mark.parametrize(
    ("http_method", "path", "rpc"),
    [
        ("POST", "/v1/projects/p/locations/l/endpoints/e:predict", "predict"),
        ("POST", "/v1/projects/p/locations/l/endpoints/e:deployModel", "deploy_model"),
        ("PATCH", "/v1/projects/p/locations/l/models/m@2", "update_model"),
        ("GET", "/v1/projects/p/locations/l/models/m@golden", "get_model"),
        ("POST", "/v1/projects/p/locations/l/pipelineJobs", "create_pipeline_job"),
        ("GET", "/ui/projects/p/locations/l/endpoints/e/operations/1", "get_operation"),
        ("GET", "/v1/projects/p/locations/l/operations/1", "get_operation"),
    ],
)
def test_routes(http_method: str, path: str, rpc: str) -> None:
    found = google_routes().match(http_method, path)
    assert found is not None
    assert found[0].rpc == rpc


@pytest.mark.parametrize(
    ("http_method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/projects/demo/locations/l/endpoints/e/"),
        ("PUT", "/v1/projects/demo/locations/l/endpoints/e"),
        ("POST", "/v1/projects/demo/locations/l/endpoints/e:fly"),
        ("GET", "/v1/projects/demo/locations/l/hyperspace"),
        ("PUT", "/v1/projects/demo/locations/l/customJobs"),
        ("POST", "/v1/projects/demo/locations/l/customJobs/1:fly"),
        ("GET", "/v1/projects/demo/locations/l/customJobs/1/2"),
    ],
)
def test_unknown_paths(vertex: Any, http_method: str, path: str) -> None:
    status, code, message = error_of(vertex.http.request(http_method, path))
    assert (status, code) == (404, "NOT_FOUND")
    assert path in message


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_other_api_versions_are_refused(vertex: Any, version: str) -> None:
    response = vertex.http.get(f"/{version}/{vertex.parent}/endpoints")
    status, code, message = error_of(response)
    assert (status, code) == (501, "UNIMPLEMENTED")
    assert version in message


@pytest.mark.parametrize(
    ("http_method", "path", "method"),
    [
        ("POST", "endpoints/e:explain", "explain"),
        ("POST", "endpoints/e:directPredict", "direct_predict"),
        ("POST", "endpoints/e:directRawPredict", "direct_raw_predict"),
        ("POST", "models/m:export", "export_model"),
        ("GET", "trainingPipelines", "list_training_pipelines"),
        ("POST", "customJobs", "create_custom_job"),
        ("POST", "customJobs/1:cancel", "cancel_custom_job"),
        ("GET", "nasJobs", "list_nas_jobs"),
        ("GET", "datasets/1", "get_dataset"),
        ("POST", "featurestores/f/entityTypes/e:readFeatureValues", "read_feature_values"),
        ("PATCH", "metadataStores/default/artifacts/a", "update_artifact"),
        ("POST", "tuningJobs", "create_tuning_job"),
        ("POST", "endpoints/e:countTokens", "count_tokens"),
    ],
)
def test_unsupported_methods_are_refused_by_name(
    vertex: Any, http_method: str, path: str, method: str
) -> None:
    response = vertex.http.request(http_method, f"/v1/{vertex.parent}/{path}")
    status, code, message = error_of(response)
    assert (status, code) == (501, "UNIMPLEMENTED")
    assert f".{method} " in message


def test_an_unsupported_method_raises_in_googles_client(vertex: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented):
        vertex.models.export_model(name=f"{vertex.parent}/models/m", output_config={})


def test_unsupported_services_raise_in_googles_client(vertex: Any) -> None:
    jobs = aiplatform_v1.JobServiceClient(
        transport="rest",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": vertex.url},
    )
    with jobs, pytest.raises(exceptions.MethodNotImplemented, match=r"job_service\.create_custom"):
        jobs.create_custom_job(parent=vertex.parent, custom_job={"display_name": "train"})


def test_unsupported_services_of_other_projects(vertex: Any) -> None:
    response = vertex.http.get("/v1/projects/other/locations/l/customJobs")
    assert error_of(response)[:2] == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{", "Invalid JSON"),
        ("[]", "must be a JSON object"),
        ('"x"', "must be a JSON object"),
        ('{"displayName": NaN}', "NaN is not JSON"),
        ('{"displayName": "x", "colour": "red"}', "colour"),
        ('{"displayName": 3}', "displayName"),
        ('{"displayName": "x", "labels": ["a"]}', "labels"),
        ('{"displayName": "x", "trafficSplit": {"1": "many"}}', "trafficSplit"),
        ('{"displayName": "x", "name": {"a": 1}}', "name"),
        ("[" * 5000, "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_invalid_bodies(vertex: Any, body: str, expected: str) -> None:
    response = vertex.http.post(f"/v1/{vertex.parent}/endpoints", content=body, headers=HEADERS)
    status, code, message = error_of(response)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert expected in message


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("colour=red", "colour"),
        ("pageSize=many", "page_size"),
        ("endpoint.name=x", "endpoint.name"),
        ("filter.x=1", "filter"),
        ("readMask.paths.x=1", "paths"),
        ("readMask=" + "x" * 10, "read_mask"),
    ],
)
def test_invalid_queries(vertex: Any, query: str, expected: str) -> None:
    vertex.endpoint()
    response = vertex.http.get(f"/v1/{vertex.parent}/endpoints?{query}")
    status, code, message = error_of(response)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert expected in message


@pytest.mark.parametrize("names", [None, "a", {"a": 1}])
def test_a_field_in_query_and_body_is_refused(vertex: Any, names: Any) -> None:
    path = f"/v1/{vertex.parent}/pipelineJobs:batchCancel?names=x"
    status, code, message = error_of(vertex.http.post(path, json={"names": names}))
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert "'names': it is set in the body, too" in message


def test_query_parameters_in_camel_and_snake_case(vertex: Any) -> None:
    for name in ("a", "b"):
        vertex.endpoint(name)
    for size in ("pageSize", "page_size"):
        response = vertex.http.get(
            f"/v1/{vertex.parent}/endpoints?{size}=1&key=any&prettyPrint=true"
        )
        assert len(response.json()["endpoints"]) == 1


def test_partial_responses_are_refused(vertex: Any) -> None:
    response = vertex.http.get(f"/v1/{vertex.parent}/endpoints?fields=name")
    assert error_of(response)[:2] == (501, "UNIMPLEMENTED")


def test_masks_in_camel_case(vertex: Any) -> None:
    name = vertex.endpoint().name
    response = vertex.http.patch(
        f"/v1/{name}?updateMask=displayName,labels",
        json={"displayName": "new", "labels": {"a": "b"}},
    )
    assert response.json()["displayName"] == "new"
    assert response.json()["labels"] == {"a": "b"}
    assert "trafficSplit" not in response.json()


def test_enums_are_names_by_default_and_numbers_on_request(vertex: Any) -> None:
    name = vertex.upload("gs://artifacts/any").model
    field = "supportedDeploymentResourcesTypes"
    assert vertex.http.get(f"/v1/{name}").json()[field] == ["DEDICATED_RESOURCES"]
    numbers = vertex.http.get(f"/v1/{name}?$alt=json;enum-encoding=int").json()
    assert numbers[field] == [1]


def test_a_name_in_the_body_does_not_replace_the_path(vertex: Any) -> None:
    one, two = vertex.endpoint("one"), vertex.endpoint("two")
    response = vertex.http.patch(
        f"/v1/{one.name}?updateMask=description",
        json={"name": two.name, "description": "changed"},
    )
    assert response.json()["name"] == one.name
    assert vertex.endpoints.get_endpoint(name=two.name) == two


def test_a_body_for_a_method_without_one_is_refused(vertex: Any) -> None:
    path = f"/v1/{vertex.endpoint().name}"
    refused = vertex.http.request("GET", path, json={"a": 1})
    assert error_of(refused)[:2] == (400, "INVALID_ARGUMENT")
    assert vertex.http.request("GET", path, content="{}").status_code == 200


def test_a_body_that_is_too_large_is_refused(vertex: Any) -> None:
    body = json.dumps({"displayName": "x" * 11_000_000})
    response = vertex.http.post(f"/v1/{vertex.parent}/endpoints", content=body, headers=HEADERS)
    status, code, message = error_of(response)
    assert (status, code) == (400, "INVALID_ARGUMENT")
    assert "10485760 bytes" in message


def test_web_pages_are_refused(vertex: Any) -> None:
    response = vertex.http.get(
        f"/v1/{vertex.parent}/endpoints", headers={"Origin": "https://example.com"}
    )
    assert error_of(response)[:2] == (403, "PERMISSION_DENIED")
    assert "access-control-allow-origin" not in response.headers
    rebound = vertex.http.get(f"/v1/{vertex.parent}/endpoints", headers={"Host": "example.com"})
    assert error_of(rebound)[:2] == (403, "PERMISSION_DENIED")


def test_other_projects(vertex: Any) -> None:
    response = vertex.http.get("/v1/projects/other/locations/l/endpoints")
    assert error_of(response)[:2] == (403, "PERMISSION_DENIED")


def test_invalid_locations(vertex: Any) -> None:
    assert vertex.http.get("/v1/projects/demo/locations/mars-north1/endpoints").json() == {}
    response = vertex.http.get("/v1/projects/demo/locations/Mars/endpoints")
    assert error_of(response)[:2] == (400, "INVALID_ARGUMENT")


def test_health(vertex: Any) -> None:
    assert vertex.http.get("/healthz").status_code == 200
