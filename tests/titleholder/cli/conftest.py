"""A model with champion and challenger, and the terminal of the person who runs it."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.conftest import Sandbox
from tests.titleholder.cli.cli_terminal import (
    FIRST,
    NUMBERS,
    Terminal,
    deploy,
    endpoint_client,
    place,
)
from tests.titleholder.config.editor import schema_errors


@pytest.fixture(scope="module")
def artifact(sandbox: Sandbox) -> str:
    bucket = sandbox.bucket
    bucket.blob("tests/cli/constant.json").upload_from_string("1.0")
    return f"gs://{bucket.name}/tests/cli"


@pytest.fixture
def terminal(
    sandbox: Sandbox,
    artifact: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    for key, value in sandbox.env.items():
        monkeypatch.setenv(key, value)
    # Importing Airflow's hook gave the root a handler that keeps an earlier test's stderr.
    monkeypatch.setattr(logging.getLogger("titleholder"), "propagate", False)
    name = f"cli{next(NUMBERS)}"
    raw = {
        "model": name,
        "owner": "tests",
        "schedule": "0 3 * * 1",
        "start_date": FIRST.date(),
        "source": {"table": "tests.cli", "timestamp": "at"},
        "pipeline": {"template": "tiny.yaml"},
        "gate": {"min_score": 50},
        "endpoint": {"display_name": name, "create": True},
    }
    assert schema_errors(raw) == []
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(raw))
    for week in (0, 1):
        deploy(name, tmp_path, artifact, week)
    return Terminal(tmp_path, name, capsys)


@pytest.fixture
def by_hand(terminal: Terminal) -> Callable[[dict[str, int]], None]:
    """Changes the traffic split by hand."""

    def change(split: dict[str, int]) -> None:
        endpoint_client().update_endpoint(
            endpoint=v1.Endpoint(name=f"{place()}/endpoints/{terminal.name}", traffic_split=split),
            update_mask=FieldMask(paths=["traffic_split"]),
        )

    return change
