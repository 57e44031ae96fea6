"""The verbs that change an endpoint, and `plan`, against the sandbox."""

import os
import re
from collections.abc import Callable

import pytest
import yaml

from tests.faults import Faults
from tests.titleholder.cli.cli_terminal import (
    Terminal,
    endpoint_client,
    place,
    roles_and_traffic,
    run_of,
)


def test_a_promotion_and_its_undoing(terminal: Terminal) -> None:
    a, b = (run_of(terminal.name, week).deployed_model_id for week in (0, 1))
    output = terminal("status")
    assert f"  █  champion    90 %  {terminal.name}@1" in output
    assert f"  ▒  challenger  10 %  {terminal.name}@2" in output
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


def test_update_resources(terminal: Terminal) -> None:
    name = terminal.name
    a, b = (run_of(name, week).deployed_model_id for week in (0, 1))
    address = f"{os.environ['VERTEX_AI_EMULATOR_HOST']}/v1/"
    assert re.search(rf"  address: +{address}", terminal("status"))
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
