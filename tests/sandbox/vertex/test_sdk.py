"""The high-level SDK, with the server in a separate process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform

from sandbox.vertex.__main__ import main
from tests.conftest import CONSTANT, IMAGES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def process(
    bucket: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `python -m sandbox.vertex`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.vertex", "--port", str(port)),
            *("--home", str(tmp_path_factory.mktemp("process")), "--project", "demo"),
            *("--images", str(IMAGES)),
            *(f"--{kind}-seconds=0" for kind in ("deploy", "undeploy", "other")),
        ],
        cwd=ROOT,
        env={**os.environ, "STORAGE_EMULATOR_HOST": bucket.host},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{url}/healthz", trust_env=False, verify=False).status_code == 200:
                    break
            except httpx.TransportError:
                assert server.poll() is None, server.communicate()[0]
                time.sleep(0.1)
        yield url, server
    finally:
        server.kill()
        server.communicate(timeout=10)


@pytest.fixture
def sdk(process: tuple[str, Any]) -> Iterator[None]:
    aiplatform.init(
        project="demo",
        location="us-central1",
        credentials=AnonymousCredentials(),
        api_endpoint=process[0],
        api_transport="rest",
    )
    yield
    aiplatform.initializer.global_config.__init__()


@pytest.mark.usefixtures("sdk")
def test_a_challenger_is_replaced(bucket: Any) -> None:
    endpoint = aiplatform.Endpoint.create(display_name="linnerud", labels={"team": "ml"})
    registered = aiplatform.Model.upload(
        display_name="linnerud",
        model_id="linnerud",
        artifact_uri=bucket.put_constant(1),
        serving_container_image_uri=CONSTANT,
        version_aliases=["champion"],
    )
    endpoint.deploy(registered, deployed_model_display_name="champion", traffic_percentage=100)
    for value in (2, 3):
        version = aiplatform.Model.upload(
            parent_model="linnerud",
            is_default_version=False,
            artifact_uri=bucket.put_constant(value),
            serving_container_image_uri=CONSTANT,
        )
        (endpoint,) = aiplatform.Endpoint.list(
            filter='display_name="linnerud"', order_by="create_time desc"
        )
        models = {one.display_name: one.id for one in endpoint.list_models()}
        if "challenger" in models:
            endpoint.undeploy(models["challenger"], traffic_split={models["champion"]: 100})
        endpoint.deploy(
            version,
            deployed_model_display_name="challenger",
            traffic_percentage=10,
            machine_type="n1-standard-2",
            min_replica_count=1,
        )

    models = {one.display_name: one for one in endpoint.list_models()}
    assert models["champion"].model_version_id == "1"
    assert models["challenger"].model_version_id == "3"
    assert endpoint.traffic_split == {models["champion"].id: 90, models["challenger"].id: 10}
    prediction = endpoint.predict([[1.0, 2.0, 3.0]])
    assert prediction.predictions[0] == pytest.approx([float(prediction.model_version_id)] * 2)

    versions = registered.versioning_registry.list_versions()
    assert [(one.version_id, list(one.version_aliases)) for one in versions] == [
        ("1", ["champion", "default"]),
        ("2", []),
        ("3", []),
    ]
    registered.versioning_registry.add_version_aliases(["champion"], version="3")
    assert aiplatform.Model("linnerud@champion").version_id == "3"
    endpoint.update(traffic_split={models["challenger"].id: 100}, labels={"champion": "3"})
    assert endpoint.labels == {"champion": "3"}
    # The SDK sends the etag that it read, which is outdated after the alias was moved.
    with pytest.raises(exceptions.Conflict, match="etag"):
        registered.update(description="outdated")
    aiplatform.Model("linnerud").update(description="exercises")
    assert aiplatform.Model("linnerud").description == "exercises"

    endpoint.delete(force=True)
    assert aiplatform.Endpoint.list() == []
    registered.delete()
    assert aiplatform.Model.list() == []


def test_the_process_listens_on_loopback_only_and_ends_on_sigterm(
    process: tuple[str, subprocess.Popen[str]],
) -> None:
    url, server = process
    port = int(url.rpartition(":")[2])
    # Another loopback address, which would respond if the server listened on all of them.
    with (
        pytest.raises(ConnectionRefusedError),
        socket.create_connection(("127.0.0.2", port), timeout=2),
    ):
        pass
    server.send_signal(signal.SIGTERM)
    output, _ = server.communicate(timeout=10)
    assert server.returncode in (0, -signal.SIGTERM)
    assert output == ""


@pytest.mark.parametrize(
    ("arguments", "storage", "message"),
    [
        (["--host", "192.0.2.1"], "http://127.0.0.1:1", "127.0.0.1 only"),
        (["--host", "localhost"], "http://127.0.0.1:1", "127.0.0.1 only"),
        ([], "https://storage.googleapis.com", "STORAGE_EMULATOR_HOST"),
        ([], "http://storage.example.com", "STORAGE_EMULATOR_HOST"),
        ([], "", "STORAGE_EMULATOR_HOST"),
    ],
)
def test_invalid_arguments_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    storage: str,
    message: str,
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage)
    with pytest.raises(SystemExit) as raised:
        main(["--port", "1", "--home", str(tmp_path), "--project", "demo", *arguments])
    assert raised.value.code == 2
    assert message in capsys.readouterr().err
