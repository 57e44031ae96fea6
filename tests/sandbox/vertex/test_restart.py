"""Resources and operations after a restart of the server."""

from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions

from sandbox.vertex.store import Store

BODY = {"instances": [[1.0, 2.0, 3.0]]}


def test_all_resources_survive_a_restart(own_vertex: Any, bucket: Any) -> None:
    vertex = own_vertex
    endpoint = vertex.endpoint(labels={"champion": "1"}).name
    model = vertex.upload(bucket.put_constant(7), model={"version_aliases": ["golden"]}).model
    operation = vertex.deploy(endpoint, model, {"0": 100}, id="1")
    vertex.finish(operation)
    before = (
        vertex.endpoints.get_endpoint(name=endpoint),
        vertex.models.get_model(name=f"{model}@golden"),
        vertex.http.get(f"/v1/{operation.operation.name}").json(),
    )

    vertex.restart()

    assert before == (
        vertex.endpoints.get_endpoint(name=endpoint),
        vertex.models.get_model(name=f"{model}@golden"),
        vertex.http.get(f"/v1/{operation.operation.name}").json(),
    )
    for _ in range(2):
        answer = vertex.http.post(f"/v1/{endpoint}:predict", json=BODY).json()
        assert answer["predictions"][0] == pytest.approx([7, 7])
    vertex.finish(vertex.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1"))
    assert vertex.upload("gs://artifacts/any", parent_model=model).model_version_id == "2"


def test_a_second_server_on_the_same_home_is_refused(own_vertex: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="another server"):
        Store(tmp_path / "vertex.sqlite")
    own_vertex.restart()


def test_a_running_operation_has_failed_and_can_be_repeated(own_vertex: Any, bucket: Any) -> None:
    vertex = own_vertex
    endpoint = vertex.endpoint().name
    model = vertex.upload(bucket.put_constant(7)).model
    operation = vertex.deploy(endpoint, model, {"0": 100}, id="1").operation.name

    vertex.restart()

    vertex.clock.advance(60)
    ended = vertex.http.get(f"/v1/{operation}").json()
    assert ended["done"] is True
    assert ended["error"]["code"] == 14
    assert not vertex.endpoints.get_endpoint(name=endpoint).deployed_models
    vertex.finish(vertex.deploy(endpoint, model, {"0": 100}, id="1"))
    assert vertex.endpoints.get_endpoint(name=endpoint).traffic_split == {"1": 100}


def test_a_model_with_a_broken_file_is_unavailable_after_a_restart(
    own_vertex: Any, bucket: Any
) -> None:
    vertex = own_vertex
    endpoint = vertex.endpoint().name
    uri = bucket.put_constant(8)
    vertex.finish(vertex.deploy(endpoint, vertex.upload(uri).model, {"0": 100}, id="1"))
    bucket.put("constant-8/constant.json", b"broken")  # not what is served: that is a copy
    copies = bucket.copies()
    for copy in copies:
        copy.upload_from_string(b"broken")
    assert vertex.http.post(f"/v1/{endpoint}:predict", json=BODY).status_code == 200
    vertex.restart()
    with pytest.raises(exceptions.ServiceUnavailable, match="after a restart"):
        # The client would repeat it for five seconds.
        vertex.predictions.predict(endpoint=endpoint, instances=BODY["instances"], retry=None)
    # With the file restored, it serves again.
    for copy in copies:
        copy.upload_from_string(b"[8, 8]")
    assert vertex.http.post(f"/v1/{endpoint}:predict", json=BODY).status_code == 200
