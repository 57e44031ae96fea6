"""Dedicated endpoints, and requests to one of their models."""

import httpx

from tests.sandbox.conftest import CONSTANT, Storage, Vertex
from tests.sandbox.vertex.prediction.model_servers import behaviour


def test_invoke_is_for_dedicated_endpoints(vertex: Vertex) -> None:
    endpoint = vertex.deployed("", **behaviour("echo"))
    response = vertex.http.post(f"/v1/{endpoint}/invoke/any/path", json={})
    assert response.status_code == 400
    assert "not a dedicated endpoint" in response.json()["error"]["message"]


def test_a_dedicated_endpoint(vertex: Vertex, bucket: Storage) -> None:
    """It answers at its own host only, also a model without traffic, and larger requests."""
    endpoint = vertex.endpoint("dedicated", dedicated_endpoint_enabled=True)
    assert endpoint.dedicated_endpoint_dns.startswith("localhost:")
    container = {"image_uri": CONSTANT, "invoke_route_prefix": "/*", **behaviour("echo")}
    model = vertex.upload("", model={"container_spec": container}).model
    vertex.finish(vertex.deploy(endpoint.name, model, {}, id="1"))
    url = f"http://{endpoint.dedicated_endpoint_dns}"
    with httpx.Client(base_url=url, trust_env=False, verify=False) as http:
        path = f"/v1/{endpoint.name}"
        one = http.post(f"{path}/deployedModels/1/invoke/any/path?a=b", json={"x": 1})
        assert one.json() == ["/any/path?a=b", "application/json", '{"x":1}']
        for sent in ("/a%2Fb%20c", "/100%25?at=1%2F2+3&at=", "/a%252Fb", "/%3Fno=query"):
            url = httpx.URL(
                http.base_url, raw_path=f"{path}/deployedModels/1/invoke{sent}".encode()
            )
            assert http.post(url, json={}).json()[0] == sent
        assert http.post(f"{path}/invoke/any/path", json={}).status_code == 400
        assert http.post(f"{path}/deployedModels/2/invoke/any", json={}).status_code == 404
        vertex.endpoints.update_endpoint(
            endpoint={"name": endpoint.name, "traffic_split": {"1": 100}},
            update_mask={"paths": ["traffic_split"]},
        )
        large = b"x" * 2_000_000
        kind = {"Content-Type": "application/octet-stream"}
        assert http.post(f"{path}:rawPredict", content=large, headers=kind).status_code == 200
    elsewhere = vertex.http.post(f"{path}:rawPredict", json={})
    assert elsewhere.status_code == 400
    assert "dedicated_endpoint_dns" in elsewhere.json()["error"]["message"]
