"""The command `titleholder` against the sandbox."""

import itertools
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1
from google.cloud import storage
from google.protobuf.field_mask_pb2 import FieldMask

from tests.conftest import CONSTANT, REPOSITORY, Sandbox
from tests.faults import Faults
from tests.titleholder.config.editor import schema_errors
from titleholder.cli.context import CommandContext
from titleholder.cli.main import main
from titleholder.config.loader import load_model, load_models
from titleholder.data_intervals import Interval
from titleholder.errors import ManualActionRequired
from titleholder.gcp.vertex.endpoints import Endpoints
from titleholder.naming import TrainingRun
from titleholder.pipelines.candidate import deploy_candidate
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel
from titleholder.pipelines.templates import template_version
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


def run_of(name: str, week: int) -> TrainingRun:
    end = FIRST + week * WEEK
    return TrainingRun(name, Interval(end - WEEK, end), 0)


@pytest.fixture(scope="module")
def artifact(sandbox: Sandbox) -> str:
    env = sandbox.env
    bucket = storage.Client(
        project=env["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": env["STORAGE_EMULATOR_HOST"]},
    ).bucket(f"{env['GOOGLE_CLOUD_PROJECT']}-titleholder")
    bucket.blob("tests/cli/constant.json").upload_from_string("1.0")
    return f"gs://{bucket.name}/tests/cli"


def deploy(name: str, folder: Path, artifact: str, week: int) -> None:
    """Deploy a candidate, as the weekly run of that week does."""
    config = load_model(folder / f"{name}.yaml")
    candidate = CandidateModel(
        artifact, ContainerSpec(image_uri=CONSTANT), "1.6.1", 90.0 + week, "0" * 64
    )
    intent = deploy_candidate(config, run_of(name, week), candidate, "fresh")
    assert isinstance(CommandContext.of(config, os.environ).engine().run(intent), Converged)


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


@pytest.fixture
def by_hand(terminal: Terminal) -> Callable[[dict[str, int]], None]:
    """Changes the traffic split by hand."""

    def change(split: dict[str, int]) -> None:
        endpoint_client().update_endpoint(
            endpoint=v1.Endpoint(name=f"{place()}/endpoints/{terminal.name}", traffic_split=split),
            update_mask=FieldMask(paths=["traffic_split"]),
        )

    return change


def roles_and_traffic(terminal: Terminal) -> dict[str, tuple[str | None, int]]:
    return {
        model["id"]: (model["role"], model["traffic_percentage"])
        for model in terminal.json("status")["deployed"]
    }


def test_a_promotion_and_its_undoing(terminal: Terminal) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    output = terminal("status")
    assert f"champion           90 %  {terminal.name}@1" in output
    assert f"challenger         10 %  {terminal.name}@2" in output
    name = terminal.name
    assert f"{name}@2 is challenger with 50 % of the traffic" in terminal("set-traffic", "50")
    assert terminal("promote") == f"{name}@2 is champion with 100 % of the traffic\n"
    assert roles_and_traffic(terminal) == {b: ("champion", 100), a: ("previous-champion", 0)}
    again = f"nothing to change: {name}@2 is champion with 100 % of the traffic\n"
    assert terminal("promote", "--deployed-model-id", b) == again
    refused = terminal("rollback", code=1)
    assert "there is no challenger on projects/" in refused
    assert f"to bring the previous champion {name}@1 back, use" in refused
    assert f"titleholder undo-promotion {name} --deployed-model-id {a}`" in refused
    assert terminal("undo-promotion") == f"{name}@1 is champion again with 100 % of the traffic\n"
    assert roles_and_traffic(terminal) == {a: ("champion", 100), b: ("previous-champion", 0)}


def test_a_repeated_undo_promotion_names_the_command_that_goes_back(terminal: Terminal) -> None:
    """The hint of a refused rollback once led to a command that did nothing, and reported so."""
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    terminal("promote")
    terminal("undo-promotion")
    name = terminal.name
    back = f"`titleholder undo-promotion {name} --deployed-model-id {b}`"
    refused = terminal("rollback", code=1)
    assert f"to bring the previous champion {name}@2 back, use {back}" in refused
    assert f"{name}@1 is champion of" in (
        output := terminal("rollback", "--deployed-model-id", a, code=1)
    )
    assert f"to undo that, use {back}" in output
    output = terminal("undo-promotion")
    assert re.match(
        rf"that was done already: {name}@1 is champion with 100 % .*, since \d{{4}}-", output
    )
    assert output.endswith(f"; to bring {name}@2 back, use {back}\n")
    assert terminal("plan", "undo-promotion") == output
    assert terminal.json("undo-promotion")["split"] == {a: 100}
    again = f"{name}@2 is champion again with 100 % of the traffic\n"
    assert terminal("undo-promotion", "--deployed-model-id", b) == again
    assert roles_and_traffic(terminal) == {b: ("champion", 100), a: ("previous-champion", 0)}


def test_abort_and_rollback(terminal: Terminal) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    terminal("abort")
    assert roles_and_traffic(terminal) == {a: ("champion", 100), b: ("last-challenger", 0)}
    terminal("set-traffic", "20")
    terminal("rollback")
    assert roles_and_traffic(terminal) == {a: ("champion", 100)}


@pytest.mark.parametrize(
    "intent",
    [["promote"], ["rollback"], ["abort"], ["set-traffic", "33"], ["undo-promotion"]],
    ids=" ".join,
)
def test_the_applied_calls_equal_the_planned_ones(
    terminal: Terminal, faults: Faults, intent: list[str]
) -> None:
    if intent == ["undo-promotion"]:
        terminal("promote")
    planned = terminal.json("plan", *intent)
    assert "Then: " in terminal("plan", *intent)
    faults.clear()
    terminal(*intent)
    writes = [
        call["method"]
        for call in faults.calls()
        if not call["method"].startswith(("get_", "list_"))
    ]
    methods = [re.match(r"\w+\.(\w+)\(", step["call"])[1] for step in planned["steps"]]  # type: ignore[index]
    assert writes == [re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower() for method in methods]
    splits = [entry["traffic_split"] for entry in faults.traffic()]
    changes = [s["split"] for s in planned["steps"] if "UpdateEndpoint" in s["call"]]
    assert splits[: len(changes)] == changes
    assert terminal.json("status")["deployed"]
    assert terminal.json("plan", "adopt")["steps"] == []


def test_plan_shows_the_next_week_by_default(terminal: Terminal) -> None:
    b = run_of(terminal.name, 1).deployed_model_id
    output = terminal("plan")
    assert f"UndeployModel(deployed_model_id='{b}')" in output
    assert "is challenger with 10 % of the traffic" in output
    file = terminal.models / f"{terminal.name}.yaml"
    file.write_text(f"{file.read_text()}rollout: {{on_new_challenger: keep_current}}\n")
    output = terminal("plan")
    assert "Undeploy" not in output
    assert f"{terminal.name}@2 is still evaluated" in output


def test_a_split_changed_by_hand_blocks_other_changes(
    terminal: Terminal, by_hand: Callable[[dict[str, int]], None]
) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    by_hand({a: 50, b: 50})
    output = terminal.json("status", code=1)["needs_action"]
    name = terminal.name
    assert f"split is 50 % to {name}@1 and 50 % to {name}@2 instead of 90 % to {name}@1" in output
    refused = terminal("promote", code=1)
    last = terminal.json("history")[-1]
    assert (last["action"], last["champion_after"]) == ("blocked", a)
    assert "was changed by hand" in last["reason"]
    assert last["reason"] in refused
    assert "was changed by hand" in terminal("set-traffic", "20", code=1)
    assert traffic(terminal) == {a: 50, b: 50}
    terminal("adopt")
    assert roles_and_traffic(terminal) == {a: ("champion", 50), b: ("challenger", 50)}
    by_hand({b: 100})
    terminal("restore")
    assert roles_and_traffic(terminal) == {a: ("champion", 50), b: ("challenger", 50)}


def test_abort_and_rollback_work_after_a_manual_change(
    terminal: Terminal, by_hand: Callable[[dict[str, int]], None]
) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    by_hand({a: 30, b: 70})
    name = terminal.name
    assert f"abort: 100 % to {name}@1" in terminal("plan", "abort")
    output = terminal("abort")
    assert f"{name}@2 has no traffic" in output
    assert roles_and_traffic(terminal) == {a: ("champion", 100), b: ("last-challenger", 0)}
    event = terminal.json("history", "--limit", "1")[0]
    differed = (
        f"the split is 30 % to {name}@1 and 70 % to {name}@2 instead of 90 % to {name}@1 and 10 % "
        f"to {name}@2"
    )
    assert (event["action"], event["actor"] != "") == ("abort", True)
    assert event["evidence"] == {"changed_by_hand": [differed], "still_differs": []}
    assert differed in event["reason"]
    by_hand({b: 100})
    terminal("rollback")
    assert roles_and_traffic(terminal) == {a: ("champion", 100)}


def traffic(terminal: Terminal) -> dict[str, int]:
    return {
        model["id"]: model["traffic_percentage"]
        for model in terminal.json("status", code=1)["deployed"]
    }


def test_history_shows_the_champion_at_a_time_and_why(terminal: Terminal) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    between = datetime.now(UTC)
    terminal("promote")
    events = terminal.json("history")
    assert [event["action"] for event in events] == [
        "first_champion",
        "deploy_challenger",
        "promote",
    ]
    assert events[2]["split_before"] == {a: 90, b: 10}
    assert events[2]["split_after"] == {b: 100}
    assert events[2]["actor"]
    assert not any(event["reconstructed"] for event in events)
    output = terminal("history", "--at", between.isoformat())
    assert output.startswith(f"{terminal.name}@1 (id {a}) was champion at ")
    assert terminal.json("history", "--at", "2036-01-01")["champion_after"] == b
    assert terminal("history", "--at", "2020-01-01", code=1) == ""


def test_history_is_that_of_the_present_endpoint(
    terminal: Terminal, artifact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two regions write to one table, and an endpoint is deleted and made again under its name."""
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    here = os.environ["GOOGLE_CLOUD_LOCATION"]
    terminal("promote")

    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    assert terminal.json("history") == []
    assert "there is no challenger on" not in terminal("rollback", code=1)
    deploy(terminal.name, terminal.models, artifact, 0)
    assert [event["action"] for event in terminal.json("history")] == ["first_champion"]
    assert terminal.json("history", "--at", "2036-01-01")["champion_after"] == a

    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", here)
    actions = ["first_champion", "deploy_challenger", "promote"]
    assert [event["action"] for event in terminal.json("history")] == actions
    assert terminal.json("history", "--at", "2036-01-01")["champion_after"] == b

    client = endpoint_client()
    (endpoint,) = client.list_endpoints(
        request={"parent": place(), "filter": f'display_name="{terminal.name}"'}
    )
    client.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, traffic_split={}),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    for deployed in endpoint.deployed_models:
        client.undeploy_model(endpoint=endpoint.name, deployed_model_id=deployed.id).result(60)
    client.delete_endpoint(name=endpoint.name).result(60)
    before = datetime.now(UTC)
    assert terminal.json("history", "--at", "2036-01-01")["champion_after"] == b
    # Newer than what is registered: an older week would receive no traffic.
    deploy(terminal.name, terminal.models, artifact, 2)
    assert [event["action"] for event in terminal.json("history")] == [*actions, "first_champion"]
    assert terminal.json("history", "--at", before.isoformat())["champion_after"] == b
    made = terminal.json("history", "--at", "2036-01-01")
    newest = run_of(terminal.name, 2).deployed_model_id
    assert (made["champion_after"], made["action"]) == (newest, "first_champion")
    assert made["endpoint"] == endpoint.name


def test_a_reason_is_recorded(terminal: Terminal) -> None:
    terminal("set-traffic", "30", "--reason", "  fewer complaints ")
    terminal("promote")
    change, promotion = terminal.json("history", "--limit", "2")
    assert change["evidence"] == {"reason": "fewer complaints"}
    assert promotion["evidence"] == {}
    first, second = terminal("history", "--limit", "2").splitlines()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC set_traffic ", first)
    assert first.endswith(', because "fewer complaints")')
    assert "because" not in second
    assert len(terminal.json("history", "--limit", "99")) == len(terminal.json("history")) == 4


FORGED = (
    'fewer complaints")\n2026-11-16 03:00:00 UTC promote    forged (admin, run)\r\x1b[1A\x1b[2K'
    "\u2028\u202edegrof\u2066 \x9b2J"
)


def test_a_reason_cannot_forge_a_line_of_the_history(terminal: Terminal) -> None:
    terminal("set-traffic", "30", "--reason", FORGED)
    (event,) = terminal.json("history", "--limit", "1")
    assert event["evidence"] == {"reason": FORGED}, "kept as it was written"
    (line,) = terminal("history", "--limit", "1").split("\n")[:-1]
    assert line.isprintable()
    assert line.endswith(
        r'because "fewer complaints\")\n2026-11-16 03:00:00 UTC promote    forged (admin, run)\r'
        r'\u001b[1A\u001b[2K \u202edegrof\u2066 \x9b2J")'
    )
    lines = terminal("history", "--at", "2036-01-01").split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 2


def test_an_error_message_cannot_control_the_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        logging.getLogger("titleholder.reconciler.engine").info("a step of %s", FORGED)
        raise ManualActionRequired(f"it says {FORGED}")

    monkeypatch.setattr(Endpoints, "observe", broken)
    output = terminal("status", code=1).split("\n")[:-1]
    assert [line.partition(" fewer")[0] for line in output] == ["a step of", "titleholder: it says"]
    assert all(line.isprintable() for line in output)


def test_status_shows_the_last_challenger_and_its_removal(
    terminal: Terminal, sandbox: Sandbox
) -> None:
    name, b = terminal.name, run_of(terminal.name, 1).deployed_model_id
    terminal("rollback", "--reason", "complaints")
    output = terminal("status")
    assert re.search(rf"  last-challenger +- +{name}@2 +id {b}  not deployed\n", output)
    rolled_back = (
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC rollback +{name}@2 leaves: the champion {name}@1 "
        r'receives 100 % \(.*because "complaints"\)\n'
    )
    assert re.search(f"  last change: {rolled_back}", output)
    everything = sandbox.cli("status").stdout
    assert re.search(
        rf"endpoint {name} .*\n  champion          100 %  {name}@1 .*\n"
        "  last change: .* UTC rollback: "
        rf'{name}@2 leaves: the champion {name}@1 receives 100 % \(because "complaints"\)\n',
        everything,
    )
    answer = terminal.json("status")
    assert answer["not_deployed"]["last-challenger"] == {"id": b, "version": f"{name}@2"}
    assert answer["last_change"]["evidence"] == {"reason": "complaints"}
    terminal("adopt", "--deployed-model-id", run_of(name, 0).deployed_model_id)
    assert re.search(f"  last change: {rolled_back}", terminal("status"))  # It changed nothing.
    terminal("undo-promotion", "--deployed-model-id", "77", code=1)
    assert re.search(f"  last change: {rolled_back}", terminal("status"))


def test_status_shows_the_removal_of_a_challenger_after_later_changes(
    terminal: Terminal, by_hand: Callable[[dict[str, int]], None]
) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    terminal("abort")
    by_hand({a: 60, b: 40})
    terminal("restore")
    output = terminal("status")
    assert re.search(r"  last change: .* restore +returned to what was recorded: ", output)
    assert re.search(
        rf"  challenger removed by: .* abort +{terminal.name}@2 receives no more traffic", output
    )


def test_status_needs_no_bigquery(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("titleholder.cli.status.EVENTS_SECONDS", 0.5)
    output = terminal("status")
    assert f"champion           90 %  {terminal.name}@1" in output
    assert "  last change: deploy_challenger; the events cannot be read: the events of" in output
    answer = terminal.json("status")
    assert answer["last_change"] is None
    assert "127.0.0.1:9" in answer["events_unreadable"]


def test_evidence_is_printed_as_indented_lines(terminal: Terminal, sandbox: Sandbox) -> None:
    config = load_model(terminal.models / f"{terminal.name}.yaml")
    evidence = {
        "reason": "better",
        "freshness": {"outcome": "fresh", "reason": "all is there"},
        "verdict": {"n": 520.0, "low": 0.0123456789, "issue": None, "days": [{"n": 1}, {"n": 2}]},
        "asked": True,
        "tags": ["a", "b"],
    }
    context = CommandContext.of(config, sandbox.env)
    last = context.events.read(config.model)[-1]
    promoted = replace(
        last, id="promote-1", time=datetime.now(UTC), action="promote", evidence=evidence,
        champion_before=last.champion_after, champion_after=last.challenger_after,
    )  # fmt: skip
    context.events.append([promoted])
    output = terminal("history", "--at", "2036-01-01").splitlines()
    assert output[0].startswith(f"{terminal.name}@2 (id {last.challenger_after}) was champion at ")
    assert output[2:] == [
        "    asked: yes",
        "    freshness:",
        "      outcome: fresh",
        "      reason: all is there",
        "    tags: a, b",
        "    verdict:",
        "      days:",
        "        1:",
        "          n: 1",
        "        2:",
        "          n: 2",
        "      issue: none",
        "      low: 0.0123457",
        "      n: 520",
    ]
    assert terminal("promote", "--deployed-model-id", "77", code=1)
    assert [event["action"] for event in terminal.json("history")] == [
        "first_champion",
        "deploy_challenger",
        "promote",
    ]


def test_status_shows_a_previous_champion_that_is_not_deployed(terminal: Terminal) -> None:
    file = terminal.models / f"{terminal.name}.yaml"
    assert "previous-champion" not in terminal.json("status")["not_deployed"]
    file.write_text(f"{file.read_text()}rollout: {{keep_previous_champion: false}}\n")
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    terminal("promote")
    assert roles_and_traffic(terminal) == {b: ("champion", 100)}
    previous = {"id": a, "version": f"{terminal.name}@1"}
    assert terminal.json("status")["not_deployed"]["previous-champion"] == previous
    assert re.search(
        rf"  previous-champion +- +{terminal.name}@1 +id {a}  not depl", terminal("status")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "unknown"], "there is no model 'unknown' in"),
        (["set-traffic", "{}", "100"], "a challenger's traffic percentage is 1 to 99, not 100"),
        (["promote", "{}", "--deployed-model-id", "77"], "77 is not the challenger on"),
    ],
)
def test_an_error_is_one_sentence(
    terminal: Terminal, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [argument.format(terminal.name) for argument in arguments]
    assert main([*filled, "--models", str(terminal.models)]) == 1
    output = capsys.readouterr().err.strip()
    assert output.startswith("titleholder: ")
    assert message in output
    assert "\n" not in output


def test_validate_prints_what_a_file_leads_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "linnerud.yaml"
    good.write_text((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
    assert main(["validate", "--models", str(tmp_path)]) == 0
    pipeline, duel = (
        template_version(name, (REPOSITORY / "pipeline" / "compiled" / name).read_bytes())
        for name in ("linnerud.yaml", "duel.yaml")
    )
    assert capsys.readouterr().out == (
        f"linnerud: its file is valid, and fits {pipeline} and {duel}\n"
        "  train     0 3 * * 1 (UTC): linnerud.measurements by measured_at, with linnerud.yaml; "
        "scores from 60 pass\n"
        "  deploy    endpoint linnerud (created if missing): a challenger receives 10 % of the "
        "traffic\n"
        "  evaluate  0 5 * * * (UTC): by the absolute loss on chins; a better challenger is "
        "promoted automatically\n"
    )
    raw = yaml.safe_load(good.read_text())
    raw["duel"] |= {"max_rows_per_day": 1000, "cluster_column": "person"}
    good.write_text(yaml.safe_dump(raw))
    assert main(["validate", "--models", str(tmp_path)]) == 0
    assert (
        "by the absolute loss on chins, at most 1000 rows a day, clustered by person; a better"
        in capsys.readouterr().out
    )
    (tmp_path / "broken.yaml").write_text("model: broken\n")
    assert main(["validate", "--models", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("titleholder: broken.yaml: owner: is missing; add it\n")
    assert output.out == ""
    assert main(["validate", "--models", str(tmp_path / "none")]) == 1
    assert "none holds no model; add a YAML file" in capsys.readouterr().err


def test_validate_names_the_pipelines_that_it_cannot_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = yaml.safe_load((REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text())
    raw["duel"]["template"] = "gs://b/duel.yaml"
    raw["rollout"] = {
        "steps": [5, {"traffic_percentage": 20, "bake": "2d"}],
        "promotion": "approval",
    }
    (tmp_path / "linnerud.yaml").write_text(yaml.safe_dump(raw))
    monkeypatch.setenv("TITLEHOLDER_TEMPLATE_DIR", str(tmp_path / "none"))
    assert main(["validate", "--models", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert output.startswith(
        "linnerud: its file is valid\n"
        f"  unknown   linnerud.yaml was not checked, as there is no {tmp_path}/none\n"
        "  unknown   gs://b/duel.yaml was not checked, as it is in Cloud Storage\n"
    )
    assert "a challenger receives 5 %, then 20 % for 2d of the traffic" in output
    assert "a better challenger is promoted once a person approves" in output


def test_loading_models_reads_no_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = (REPOSITORY / "dags" / "models" / "linnerud.yaml").read_text()
    (tmp_path / "linnerud.yaml").write_text(raw.replace("linnerud.yaml # in", "absent.yaml # in"))
    monkeypatch.setattr(Path, "read_bytes", None)
    (config,) = load_models(tmp_path).require_valid()
    assert config.pipeline.template == "absent.yaml"


def test_wrong_usage_exits_with_2(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["crown", "m"], ["set-traffic", "m"], ["history", "m", "--limit", "0"]):
        with pytest.raises(SystemExit, match="2"):
            main(wrong)
    for wrong in (["promote", "m", "--reason", " "], ["history", "m", "--at", "monday"]):
        with pytest.raises(SystemExit, match="2"):
            main(wrong)
    assert "'monday' is not a time; write 2026-11-16" in capsys.readouterr().err


def test_an_error_of_google_is_one_sentence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    faults.answer("list_model_versions", "PERMISSION_DENIED")
    assert "titleholder: the call to Google failed: " in terminal("status", code=1)


def test_the_command_runs_in_a_process_of_its_own(terminal: Terminal, sandbox: Sandbox) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "titleholder", "status", terminal.name),
            *("--models", str(terminal.models)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | sandbox.env | {"PYTHONPATH": str(REPOSITORY / "plugins")},
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    assert "champion           90 %" in done.stdout
    assert done.stderr == ""


def test_update_resources(terminal: Terminal) -> None:
    name = terminal.name
    a, b = (run_of(name, week).deployed_model_id for week in (0, 1))
    address = f"{os.environ['VERTEX_AI_EMULATOR_HOST']}/v1/"
    assert f"  address: {address}" in terminal("status")
    assert terminal.json("status")["machine_settings_differ"] is None
    path = terminal.models / f"{name}.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["endpoint"] |= {"min_replicas": 2, "max_replicas": 2}
    path.write_text(yaml.safe_dump(raw))
    (first, second) = terminal.json("status")["machine_settings_differ"]
    assert first == (
        f"machine settings of {name}@1 differ from {name}.yaml (min_replicas 2, is 1, "
        f"max_replicas 2, is 1): apply with `titleholder update-resources {name}`"
    )
    assert second in terminal("status")
    planned = terminal("plan", "update-resources")
    assert f"EndpointService.MutateDeployedModel(id='{a}', min_replica_count=2" in planned
    done = f"the deployed models have the machine settings of {name}.yaml\n"
    assert terminal("update-resources", "--reason", "more load") == done
    assert terminal("update-resources") == f"nothing to change: {done}"
    assert terminal.json("status")["machine_settings_differ"] is None

    raw["endpoint"]["machine_type"] = "n1-standard-8"
    path.write_text(yaml.safe_dump(raw))
    assert terminal("update-resources") == done
    deployed = endpoint_client().get_endpoint(name=f"{place()}/endpoints/{name}").deployed_models
    machines = {one.dedicated_resources.machine_spec.machine_type for one in deployed}
    assert machines == {"n1-standard-8"}
    assert not {a, b} & {one.id for one in deployed}, "both under their other ids"
    assert [*roles_and_traffic(terminal).values()] == [("champion", 90), ("challenger", 10)]
    events = terminal("history")
    assert events.count("gets other machine settings") == 4
    assert "machine_type n1-standard-8 instead of n1-standard-4" in events
    terminal("promote", "--deployed-model-id", b)
    assert {v for v, _ in roles_and_traffic(terminal).values()} == {"champion", "previous-champion"}
