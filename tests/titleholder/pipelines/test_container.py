"""Container specs, read by Vertex AI's own message."""

import json
from typing import Any

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf import json_format

from titleholder.pipelines.container import MODEL_DIGEST, InvalidContainer, container_spec

IMAGE = "us-central1-docker.pkg.dev/p/models/titleholder@sha256:0123"
PREBUILT = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
DIGEST = "ab" * 32
WHOLE: dict[str, Any] = {
    "imageUri": IMAGE,
    "command": ["python", "-m", "server"],
    "args": ["--workers", "$(WORKERS)"],
    "env": [{"name": "WORKERS", "value": "2"}],
    "ports": [{"containerPort": 8080}],
    "grpcPorts": [{"containerPort": 8500}],
    "predictRoute": "/predict",
    "healthRoute": "/health",
    "deploymentTimeout": "600s",
    "sharedMemorySizeMb": 64,
    "startupProbe": {"exec": {"command": ["true"]}, "periodSeconds": 5, "failureThreshold": 30},
    "healthProbe": {
        "httpGet": {
            "path": "/health",
            "port": 8080,
            "scheme": "HTTP",
            "httpHeaders": [{"name": "X-Probe", "value": "1"}],
        },
        "timeoutSeconds": 10,
        "successThreshold": 1,
        "initialDelaySeconds": 0,
    },
    "livenessProbe": {"tcpSocket": {"port": 8080}},
}


def test_the_registry_receives_the_whole_spec_and_the_digest() -> None:
    spec = container_spec(WHOLE).to_register(DIGEST)
    message = v1.ModelContainerSpec.from_json(json.dumps(spec))
    assert message.predict_route == "/predict"
    assert message.deployment_timeout.total_seconds() == 600
    assert message.startup_probe.exec_.command == ["true"]
    assert {one.name: one.value for one in message.env} == {"WORKERS": "2", MODEL_DIGEST: DIGEST}
    sent = json_format.MessageToDict(v1.ModelContainerSpec.pb(message))
    zero = {"healthProbe": WHOLE["healthProbe"] | {"initialDelaySeconds": 0}}
    # Protobuf leaves out a zero and writes an int64 as text.
    del zero["healthProbe"]["initialDelaySeconds"]
    env = [*WHOLE["env"], {"name": MODEL_DIGEST, "value": DIGEST}]
    assert sent == WHOLE | zero | {"sharedMemorySizeMb": "64", "env": env}


def test_a_prebuilt_container_receives_no_digest() -> None:
    assert container_spec({"imageUri": PREBUILT}).to_register(DIGEST) == {"imageUri": PREBUILT}


def test_numbers_as_a_struct_and_as_protobuf_write_them() -> None:
    """As in the metadata of an artifact, whose numbers are floats, and in a message's JSON."""
    found = {"ports": [{"containerPort": 8080.0}], "sharedMemorySizeMb": "64"}
    spec = container_spec({"imageUri": IMAGE} | found)
    assert spec.to_json() == {
        "imageUri": IMAGE,
        "ports": [{"containerPort": 8080}],
        "sharedMemorySizeMb": 64,
    }
    assert container_spec(spec.to_json()) == spec


def test_every_field_of_vertex_ai_is_known() -> None:
    """A field that a newer client library has would be refused: add it."""
    known = {field.json_name for field in v1.ModelContainerSpec.pb().DESCRIPTOR.fields}
    assert known == {*WHOLE, "invokeRoutePrefix"}
    probe = {field.json_name for field in v1.Probe.pb().DESCRIPTOR.fields}
    used = {key for name in ("startupProbe", "healthProbe", "livenessProbe") for key in WHOLE[name]}
    assert probe - {"grpc"} == used


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"imageUri": ""}, "imageUri: is ''; write the URI of a container image"),
        ({"image_uri": IMAGE}, "image_uri: is not a key; did you mean imageUri?"),
        ({"startupProbe": {"exce": {}}}, "startupProbe.exce: is not a key; did you mean exec?"),
        ({"args": "--fast"}, "args: is '--fast'; write a list, such as [a, b]"),
        ({"env": [{"name": "A-B", "value": ""}]}, "env.0.name: is 'A-B'; write letters, digits"),
        ({"env": [{"name": "A"}]}, "env.0.value: is missing; add it"),
        ({"env": [{"name": MODEL_DIGEST, "value": ""}]}, "which registration sets; remove it"),
        ({"ports": [{"containerPort": 65536}]}, "containerPort: is 65536; write 65535 or less"),
        ({"ports": [{"containerPort": 0.5}]}, "containerPort: is 0.5; write a whole number"),
        ({"predictRoute": "predict"}, "predictRoute: is 'predict'; begin it with /"),
        ({"invokeRoutePrefix": "/*"}, "has predictRoute and invokeRoutePrefix; keep one of them"),
        ({"deploymentTimeout": "7201s"}, "write seconds, more than 0s and at most 7200s"),
        ({"deploymentTimeout": "0s"}, "write seconds, more than 0s and at most 7200s"),
        ({"deploymentTimeout": "2h"}, "write seconds, more than 0s and at most 7200s"),
        ({"sharedMemorySizeMb": 0}, "sharedMemorySizeMb: is 0; write 1 or more"),
        ({"startupProbe": {"periodSeconds": 0}}, "startupProbe.periodSeconds: is 0; write 1 or"),
        ({"healthProbe": {"httpGet": {"scheme": "http"}}}, "write 'HTTP' or 'HTTPS'"),
        ({"livenessProbe": {"exec": {}, "grpc": {}}}, "has exec and grpc; keep one of them"),
    ],
)
def test_an_invalid_spec(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidContainer) as caught:
        container_spec(WHOLE | changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "image", {}])
def test_what_is_no_spec(value: object) -> None:
    with pytest.raises(InvalidContainer, match=r"; (write|add)"):
        container_spec(value)
