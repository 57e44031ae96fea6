"""gRPC, by Google's clients and by calls that they do not make."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import services
from google.cloud.location import locations_pb2
from google.cloud.logging_v2.types import WriteLogEntriesRequest
from google.protobuf import struct_pb2

from sandbox.vertex.http.routes import SERVICES, google_routes
from tests.conftest import REPOSITORY
from tests.faults import Faults
from tests.sandbox.conftest import Vertex
from tests.sandbox.vertex_calls import status_of


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, bucket: Any) -> Iterator[Vertex]:
    folder = tmp_path_factory.mktemp("grpc")
    server = Vertex(folder, bucket.host, faults=True, transport="grpc")
    try:
        yield server
    finally:
        server.stop()


def raw(vertex: Vertex, method: str, data: bytes = b"") -> grpc.RpcError:
    """The error of a call that no client of Google's makes."""
    with grpc.insecure_channel(vertex.grpc_target) as channel:
        call = channel.unary_unary(method)
        with pytest.raises(grpc.RpcError) as raised:
            call(data, timeout=30)
    return raised.value


def test_a_challenger_is_deployed_beside_the_champion(shared: Vertex, bucket: Any) -> None:
    endpoint = shared.endpoint().name
    model = shared.upload(bucket.put_constant(1), model_id="linnerud").model
    shared.finish(shared.deploy(endpoint, model, {"0": 100}, id="1"))
    shared.finish(shared.deploy(endpoint, model, {"1": 90, "0": 10}, id="2"))
    found = shared.endpoints.get_endpoint(name=endpoint)
    assert dict(found.traffic_split) == {"1": 90, "2": 10}
    answer = shared.predictions.predict(endpoint=endpoint, instances=[struct([1.0, 2.0, 3.0])])
    assert answer.model_version_id == "1"
    assert [list(row) for row in answer.predictions] == [[1, 1]]
    reply = shared.predictions.raw_predict(
        request={
            "endpoint": endpoint,
            "http_body": {
                "content_type": "application/json",
                "data": b'{"instances": [[1, 2, 3]]}',
            },
        }
    )
    assert (reply.content_type, reply.data) == ("application/json", b'{"predictions": [[1, 1]]}')
    # The status is exact where HTTP has one code for several.
    with pytest.raises(exceptions.FailedPrecondition, match="cannot be undeployed") as refused:
        shared.endpoints.undeploy_model(endpoint=endpoint, deployed_model_id="1")
    assert status_of(refused.value) == "FAILED_PRECONDITION"
    with pytest.raises(exceptions.Aborted, match="etag"):
        shared.endpoints.update_endpoint(
            endpoint={"name": endpoint, "display_name": "x", "etag": "old"},
            update_mask={"paths": ["display_name"]},
        )


def struct(value: Any) -> struct_pb2.Value:
    found = struct_pb2.Value()
    found.list_value.extend(value)
    return found


def test_the_mixins_are_services_of_their_own(shared: Vertex) -> None:
    operation = shared.endpoints.create_endpoint(
        parent=shared.parent, endpoint={"display_name": "mixins"}
    ).operation
    assert shared.endpoints.get_operation({"name": operation.name}).name == operation.name
    shared.endpoints.cancel_operation({"name": operation.name})
    listed = shared.endpoints.list_operations({"name": shared.parent})
    assert operation.name in [one.name for one in listed.operations]
    with pytest.raises(exceptions.MethodNotImplemented, match="get_location"):
        shared.endpoints.get_location(locations_pb2.GetLocationRequest(name=shared.parent))


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("/google.cloud.aiplatform.v1.DatasetService/GetDataset", "not in the"),
        (
            "/google.cloud.aiplatform.v1beta1.EndpointService/GetEndpoint",
            "and v1 where",
        ),
        ("/google.cloud.aiplatform.v1.PredictionService/StreamingPredict", "not"),
        ("/nowhere", "not in the sandbox"),
    ],
)
def test_a_method_that_is_missing_says_so(shared: Vertex, method: str, text: str) -> None:
    error: Any = raw(shared, method)
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert text in error.details()


def test_a_message_that_is_none_is_refused(shared: Vertex) -> None:
    method = "/google.cloud.aiplatform.v1.EndpointService/GetEndpoint"
    error: Any = raw(shared, method, b"\xff\xff\xff")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "The request is no google.cloud.aiplatform.v1.GetEndpointRequest."


def test_an_error_may_be_long(shared: Vertex) -> None:
    """Above 8 kB of headers, gRPC's clients have an error of their own."""
    with grpc.insecure_channel(shared.grpc_target) as channel:
        call = channel.unary_unary(
            "/google.logging.v2.LoggingServiceV2/WriteLogEntries",
            request_serializer=WriteLogEntriesRequest.serialize,
        )
        for name in ("x" * 20_000, "é" * 20_000):
            with pytest.raises(grpc.RpcError) as raised:
                call(WriteLogEntriesRequest(log_name=name, entries=[{}]), timeout=30)
            error: Any = raised.value
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert error.details().startswith(f"Invalid log_name '{name[:600]}")


def test_a_name_that_fits_no_path_is_refused(shared: Vertex) -> None:
    for name in ("", "x", "projects/a/endpoints/b"):
        with pytest.raises(exceptions.InvalidArgument, match=r"use projects/\*/locations/\*/end"):
            shared.endpoints.get_endpoint(name=name)
    # The client would percent-encode it.
    with pytest.raises(exceptions.NotFound, match="a b%2Fc is not found"):
        shared.endpoints.get_endpoint(name=f"{shared.parent}/endpoints/a b%2Fc")


def test_what_json_cannot_say_is_refused(shared: Vertex) -> None:
    not_a_number = struct_pb2.Value(number_value=float("nan"))
    with pytest.raises(exceptions.InvalidArgument, match="Invalid value in predict"):
        shared.predictions.predict(
            endpoint=f"{shared.parent}/endpoints/1", instances=[not_a_number]
        )


def test_a_lost_connection_and_a_client_that_gives_up(shared: Vertex) -> None:
    endpoint = shared.endpoint("lost").name
    faults = Faults(shared.url)
    try:
        faults.drop("get_endpoint", when="before")
        with pytest.raises(exceptions.ServiceUnavailable, match="connection was lost"):
            shared.endpoints.get_endpoint(name=endpoint, retry=None)
        faults.hang("get_endpoint", when="before")
        with pytest.raises(exceptions.DeadlineExceeded):
            shared.endpoints.get_endpoint(name=endpoint, timeout=0.2, retry=None)
        assert shared.endpoints.get_endpoint(name=endpoint).name == endpoint
    finally:
        faults.close()


def test_a_second_server_on_the_port_does_not_start(shared: Vertex, tmp_path: Path) -> None:
    port = shared.grpc_target.rpartition(":")[2]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sandbox.vertex", "--port", "0", "--grpc-port", port),
            *("--home", str(tmp_path), "--project", "demo"),
        ],
        env={"PYTHONPATH": ":".join(sys.path), "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert f"gRPC cannot listen on 127.0.0.1:{port}" in done.stderr


def test_every_method_has_the_name_that_the_client_calls() -> None:
    """The paths in the sources of the client library's transports."""
    folder = Path(services.__path__[0])
    sources = [folder / service / "transports" / "grpc.py" for service in SERVICES]
    called = {
        path
        for source in sources
        for path in re.findall(r'"(/[\w.]+/\w+)"', source.read_text(encoding="utf-8"))
    }
    routes = {route.grpc for route in google_routes()}
    assert not routes - called
    # They exist in gRPC alone.
    assert {path.rpartition("/")[2] for path in called - routes} == {
        "StreamDirectPredict",
        "StreamDirectRawPredict",
        "StreamingPredict",
        "StreamingRawPredict",
    }


@pytest.mark.long
def test_everything_that_rest_does_grpc_does() -> None:
    """The tests of the services, by gRPC."""
    folders = ("endpoints", "faults", "models", "operations", "pipelines", "prediction")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--transport",
                "grpc",
                "-p",
                "no:cacheprovider",
            ),
            *(f"tests/sandbox/vertex/{folder}" for folder in folders),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
