"""A model with champion and challenger, and the terminal of the person who runs it."""

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.conftest import Sandbox
from tests.faults import Faults
from tests.titleholder.cli.cli_terminal import (
    DeployedModel,
    Terminal,
    copy_model,
    deployed_model,
    endpoint_client,
    new_location,
    place,
)


@pytest.fixture(scope="session")
def artifact(sandbox: Sandbox) -> str:
    bucket = sandbox.bucket
    bucket.blob("tests/cli/constant.json").upload_from_string("1.0")
    return f"gs://{bucket.name}/tests/cli"


@pytest.fixture(scope="session")
def shared_model(
    sandbox: Sandbox, artifact: str, tmp_path_factory: pytest.TempPathFactory
) -> DeployedModel:
    """The model of all tests that change nothing on its endpoint, alone in its location."""
    with pytest.MonkeyPatch.context() as patch:
        use(sandbox, patch, new_location())
        return deployed_model(tmp_path_factory.mktemp("models"), artifact)


@pytest.fixture
def terminal(
    sandbox: Sandbox,
    shared_model: DeployedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Terminal]:
    """For a test that may change the model's file, but neither its endpoint nor its events."""
    use(sandbox, monkeypatch, shared_model.location)
    shutil.copy(shared_model.file, tmp_path)
    yield Terminal(tmp_path, shared_model.name, capsys)
    assert shared_model.observe() == shared_model.endpoint, "this test needs own_terminal"


@pytest.fixture
def own_terminal(
    sandbox: Sandbox,
    shared_model: DeployedModel,
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """For a test that changes the model's endpoint or events: it has copies of its own, in another
    location and table, which cost less than two deployments."""
    location = new_location()
    use(sandbox, monkeypatch, location)
    copy_model(shared_model, tmp_path, location, faults)
    return Terminal(tmp_path, shared_model.name, capsys)


@pytest.fixture
def sandbox_terminal(
    sandbox: Sandbox,
    artifact: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """As `own_terminal`, for a model in the sandbox's own location and events table."""
    use(sandbox, monkeypatch, sandbox.env["GOOGLE_CLOUD_LOCATION"])
    return Terminal(tmp_path, deployed_model(tmp_path, artifact).name, capsys)


def use(sandbox: Sandbox, patch: pytest.MonkeyPatch, location: str) -> None:
    """Let the command line use the sandbox, in that location."""
    for key, value in sandbox.env.items():
        patch.setenv(key, value)
    patch.setenv("GOOGLE_CLOUD_LOCATION", location)
    # Importing Airflow's hook gave the root a handler that keeps an earlier test's stderr.
    patch.setattr(logging.getLogger("titleholder"), "propagate", False)


@pytest.fixture
def by_hand(own_terminal: Terminal) -> Callable[[dict[str, int]], None]:
    """Changes the traffic split by hand."""

    def change(split: dict[str, int]) -> None:
        endpoint_client().update_endpoint(
            endpoint=v1.Endpoint(
                name=f"{place()}/endpoints/{own_terminal.name}", traffic_split=split
            ),
            update_mask=FieldMask(paths=["traffic_split"]),
        )

    return change
