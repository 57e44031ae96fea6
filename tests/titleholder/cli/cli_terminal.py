"""Runs verbs of the command line in this process, for one model with an endpoint in the sandbox."""

import itertools
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1
from google.cloud import bigquery

from tests.conftest import CONSTANT
from tests.faults import Faults
from tests.titleholder.config.editor import schema_errors
from titleholder.cli.context import CommandContext
from titleholder.cli.main import main
from titleholder.config.loader import load_model
from titleholder.data_intervals import Interval
from titleholder.naming import TrainingRun
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel
from titleholder.reconciler.engine import Converged

NUMBERS = itertools.count(1)
FIRST = datetime(2026, 9, 7, 3, tzinfo=UTC)
WEEK = timedelta(days=7)


@dataclass
class Terminal:
    """Runs verbs for one model, which has a champion and a challenger."""

    models: Path
    name: str
    capsys: pytest.CaptureFixture[str]

    def __call__(self, verb: str, *arguments: str, code: int = 0) -> str:
        """The output of the verb on stdout, or on stderr when it fails."""
        self.capsys.readouterr()
        result = main([verb, self.name, *arguments, "--models", str(self.models)])
        output = self.capsys.readouterr()
        assert result == code, output
        return output.err if code else output.out

    def json(self, verb: str, *arguments: str, code: int = 0) -> Any:
        self.capsys.readouterr()
        result = main([verb, self.name, *arguments, "--json", "--models", str(self.models)])
        output = self.capsys.readouterr()
        assert result == code, output
        return json.loads(output.out)


@dataclass(frozen=True)
class DeployedModel:
    """A model's file, and its endpoint with champion and challenger when it was just deployed."""

    file: Path
    client: v1.EndpointServiceClient
    endpoint: v1.Endpoint

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def location(self) -> str:
        return self.endpoint.name.split("/")[3]

    def observe(self) -> v1.Endpoint:
        """The endpoint now."""
        return self.client.get_endpoint(name=self.endpoint.name)


def deployed_model(folder: Path, artifact: str) -> DeployedModel:
    """A new model with its file in `folder`."""
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
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(raw))
    for week in (0, 1):
        deploy(name, folder, artifact, week)
    client = endpoint_client()
    return DeployedModel(file, client, client.get_endpoint(name=f"{place()}/endpoints/{name}"))


def copy_model(model: DeployedModel, folder: Path, location: str, faults: Faults) -> None:
    """Copy the model's endpoint, versions and events; the file in `folder` names the latter."""
    faults.copy(model.location, location)
    table = f"titleholder.events_{location.replace('-', '_')}"
    (folder / model.file.name).write_text(f"{model.file.read_text()}events_table: {table}\n")
    with bigquery.Client(os.environ["GOOGLE_CLOUD_PROJECT"], AnonymousCredentials()) as client:
        client.query_and_wait(
            f"CREATE TABLE {table} AS SELECT * "
            f"REPLACE (REPLACE(endpoint, '/{model.location}/', '/{location}/') AS endpoint) "
            f"FROM titleholder.events WHERE model = '{model.name}'"
        )


def new_location() -> str:
    """The name of an empty location; a location and its copy need names of the same length."""
    return f"cli-{next(NUMBERS):04}"


def run_of(name: str, week: int) -> TrainingRun:
    end = FIRST + week * WEEK
    return TrainingRun(name, Interval(end - WEEK, end), 0)


def deploy(name: str, folder: Path, artifact: str, week: int) -> None:
    """Deploy a candidate, as the weekly run of that week does."""
    config = load_model(folder / f"{name}.yaml")
    candidate = CandidateModel(
        artifact, ContainerSpec(image_uri=CONSTANT), "1.6.1", 90.0 + week, "0" * 64
    )
    intent = deploy_candidate(config, run_of(name, week), candidate, "fresh")
    assert isinstance(CommandContext.of(config, os.environ).engine().run(intent), Converged)


def place() -> str:
    env = os.environ
    return f"projects/{env['GOOGLE_CLOUD_PROJECT']}/locations/{env['GOOGLE_CLOUD_LOCATION']}"


def endpoint_client() -> v1.EndpointServiceClient:
    """The client of a user who changes the endpoint by hand."""
    return v1.EndpointServiceClient(
        transport="rest",
        client_options={"api_endpoint": os.environ["VERTEX_AI_EMULATOR_HOST"]},
        credentials=AnonymousCredentials(),
    )


def roles_and_traffic(terminal: Terminal) -> dict[str, tuple[str | None, int]]:
    return {
        model["id"]: (model["role"], model["traffic_percentage"])
        for model in terminal.json("status")["deployed"]
    }
