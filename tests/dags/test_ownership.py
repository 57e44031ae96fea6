"""An endpoint belongs to one model, whatever the models' Airflow connections are called."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import DAGS_FOLDER
from tests.dags.conftest import LAST_MONDAY, Google, Model, deploy_champion
from titleholder.cli.main import main
from titleholder.config.loader import load_models

MODELS = DAGS_FOLDER / "models"


@pytest.fixture
def rival(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A connection with another name to the same project and region."""
    same = os.environ.get("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT")
    assert same, "the sandbox's connection"
    monkeypatch.setenv("AIRFLOW_CONN_RIVAL_CLOUD", same)
    return "rival_cloud"


def test_two_models_cannot_manage_one_endpoint_through_different_connections(
    model: Callable[..., Model], google: Google, rival: str, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = model()
    # An endpoint that was created by hand: the first write labels it.
    deploy_champion(google, owner, LAST_MONDAY)
    second = model(connection=rival, endpoint__display_name=owner.name)
    assert not any(second.name in str(error) for error in load_models(MODELS).errors)
    for command in ("adopt", "status"):
        assert main([command, owner.name, "--models", str(MODELS)]) == 0, capsys.readouterr()
    before = google.endpoint(owner.name)
    assert before.labels["titleholder-model"] == owner.name

    run = second.run()
    error = (
        f"{before.name} is the endpoint of the model {owner.name}, as its label titleholder-model "
        f"says; name another endpoint in {second.name}.yaml, or, if nothing manages {owner.name} "
        "any more, remove that label"
    )
    assert run.tasks["update_traffic"] == "failed"
    assert error in run.errors["update_traffic"]
    assert google.endpoint(owner.name) == before
    for command in (["promote"], ["plan"], ["restore"], ["adopt"], ["status"]):
        capsys.readouterr()
        assert main([*command, second.name, "--models", str(MODELS)]) == 1
        assert error in capsys.readouterr().err
    assert google.endpoint(owner.name) == before


def test_the_command_line_refuses_a_second_model_of_one_endpoint(
    model: Callable[..., Model], google: Google, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = model()
    second = model(endpoint__display_name=owner.name)
    for name, code in ((owner.name, 0), (second.name, 1)):
        capsys.readouterr()
        assert main(["status", name, "--models", str(MODELS)]) == code
    path = MODELS / f"{second.name}.yaml"
    line = path.read_text().splitlines().index(f"  display_name: {owner.name}") + 1
    assert capsys.readouterr().err == (
        f"titleholder: {second.name}.yaml:{line}: endpoint.display_name: {owner.name!r} is the "
        f"endpoint of {owner.name}.yaml; name another one\n"
    )
    # Another error in another file does not matter to a command for this model.
    raw = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**raw, "ownr": "ml"}))
    assert main(["status", owner.name, "--models", str(MODELS)]) == 0
