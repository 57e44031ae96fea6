"""A model with champion and challenger, and the terminal of the person who runs it."""

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.conftest import Sandbox
from tests.titleholder.cli.cli_terminal import (
    DeployedModel,
    Terminal,
    deployed_model,
    endpoint_client,
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
    """The model of all tests that change nothing on its endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        use(sandbox, patch)
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
    use(sandbox, monkeypatch)
    shutil.copy(shared_model.file, tmp_path)
    yield Terminal(tmp_path, shared_model.name, capsys)
    assert shared_model.observe() == shared_model.endpoint, "this test needs own_terminal"


@pytest.fixture
def own_terminal(
    sandbox: Sandbox,
    artifact: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """For a test that changes the model's endpoint or events: the model is the test's own."""
    use(sandbox, monkeypatch)
    return Terminal(tmp_path, deployed_model(tmp_path, artifact).name, capsys)


def use(sandbox: Sandbox, patch: pytest.MonkeyPatch) -> None:
    """Let the command line use the sandbox."""
    for key, value in sandbox.env.items():
        patch.setenv(key, value)
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
