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


def test_a_promotion_and_its_undoing(own_terminal: Terminal) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    output = own_terminal("status")
    assert f"  █  champion    90 %  {own_terminal.name}@1" in output
    assert f"  ▒  challenger  10 %  {own_terminal.name}@2" in output
    name = own_terminal.name
    assert f"{name}@2 is challenger with 50 % of the traffic" in own_terminal("set-traffic", "50")
    assert own_terminal("promote") == f"{name}@2 is champion with 100 % of the traffic\n"
    assert roles_and_traffic(own_terminal) == {b: ("champion", 100), a: ("previous-champion", 0)}
    again = f"nothing to change: {name}@2 is champion with 100 % of the traffic\n"
    assert own_terminal("promote", "--deployed-model-id", b) == again
    refused = own_terminal("rollback", code=1)
    assert "there is no challenger on projects/" in refused
    assert f"to bring the previous champion {name}@1 back, use" in refused
    assert f"titleholder undo-promotion {name} --deployed-model-id {a}`" in refused
    assert (
        own_terminal("undo-promotion") == f"{name}@1 is champion again with 100 % of the traffic\n"
    )
    assert roles_and_traffic(own_terminal) == {a: ("champion", 100), b: ("previous-champion", 0)}


def test_a_repeated_undo_promotion_names_the_command_that_goes_back(own_terminal: Terminal) -> None:
    """The hint of a refused rollback once led to a command that did nothing, and reported so."""
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    own_terminal("promote")
    own_terminal("undo-promotion")
    name = own_terminal.name
    back = f"`titleholder undo-promotion {name} --deployed-model-id {b}`"
    refused = own_terminal("rollback", code=1)
    assert f"to bring the previous champion {name}@2 back, use {back}" in refused
    assert f"{name}@1 is champion of" in (
        output := own_terminal("rollback", "--deployed-model-id", a, code=1)
    )
    assert f"to undo that, use {back}" in output
    output = own_terminal("undo-promotion")
    assert re.match(
        rf"that was done already: {name}@1 is champion with 100 % .*, since \d{{4}}-", output
    )
    assert output.endswith(f"; to bring {name}@2 back, use {back}\n")
    assert own_terminal("plan", "undo-promotion") == output
    assert own_terminal.json("undo-promotion")["split"] == {a: 100}
    again = f"{name}@2 is champion again with 100 % of the traffic\n"
    assert own_terminal("undo-promotion", "--deployed-model-id", b) == again
    assert roles_and_traffic(own_terminal) == {b: ("champion", 100), a: ("previous-champion", 0)}


def test_abort_and_rollback(own_terminal: Terminal) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    own_terminal("abort")
    assert roles_and_traffic(own_terminal) == {a: ("champion", 100), b: ("last-challenger", 0)}
    own_terminal("set-traffic", "20")
    own_terminal("rollback")
    assert roles_and_traffic(own_terminal) == {a: ("champion", 100)}


@pytest.mark.parametrize(
    "intent",
    [["promote"], ["rollback"], ["abort"], ["set-traffic", "33"], ["undo-promotion"]],
    ids=" ".join,
)
def test_the_applied_calls_equal_the_planned_ones(
    own_terminal: Terminal, faults: Faults, intent: list[str]
) -> None:
    if intent == ["undo-promotion"]:
        own_terminal("promote")
    planned = own_terminal.json("plan", *intent)
    assert "Then: " in own_terminal("plan", *intent)
    faults.clear()
    own_terminal(*intent)
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
    assert own_terminal.json("status")["deployed"]
    assert own_terminal.json("plan", "adopt")["steps"] == []


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
    own_terminal: Terminal, by_hand: Callable[[dict[str, int]], None]
) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    by_hand({a: 50, b: 50})
    output = own_terminal.json("status", code=1)["needs_action"]
    name = own_terminal.name
    assert f"split is 50 % to {name}@1 and 50 % to {name}@2 instead of 90 % to {name}@1" in output
    refused = own_terminal("promote", code=1)
    last = own_terminal.json("history")[-1]
    assert (last["action"], last["champion_after"]) == ("blocked", a)
    assert "was changed by hand" in last["reason"]
    assert last["reason"] in refused
    assert "was changed by hand" in own_terminal("set-traffic", "20", code=1)
    assert traffic(own_terminal) == {a: 50, b: 50}
    own_terminal("adopt")
    assert roles_and_traffic(own_terminal) == {a: ("champion", 50), b: ("challenger", 50)}
    by_hand({b: 100})
    own_terminal("restore")
    assert roles_and_traffic(own_terminal) == {a: ("champion", 50), b: ("challenger", 50)}


def test_abort_and_rollback_work_after_a_manual_change(
    own_terminal: Terminal, by_hand: Callable[[dict[str, int]], None]
) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    by_hand({a: 30, b: 70})
    name = own_terminal.name
    assert f"abort: 100 % to {name}@1" in own_terminal("plan", "abort")
    output = own_terminal("abort")
    assert f"{name}@2 has no traffic" in output
    assert roles_and_traffic(own_terminal) == {a: ("champion", 100), b: ("last-challenger", 0)}
    event = own_terminal.json("history", "--limit", "1")[0]
    differed = (
        f"the split is 30 % to {name}@1 and 70 % to {name}@2 instead of 90 % to {name}@1 and 10 % "
        f"to {name}@2"
    )
    assert (event["action"], event["actor"] != "") == ("abort", True)
    assert event["evidence"] == {"changed_by_hand": [differed], "still_differs": []}
    assert differed in event["reason"]
    by_hand({b: 100})
    own_terminal("rollback")
    assert roles_and_traffic(own_terminal) == {a: ("champion", 100)}


def traffic(terminal: Terminal) -> dict[str, int]:
    return {
        model["id"]: model["traffic_percentage"]
        for model in terminal.json("status", code=1)["deployed"]
    }


def test_update_resources(own_terminal: Terminal) -> None:
    name = own_terminal.name
    a, b = (run_of(name, week).deployed_model_id for week in (0, 1))
    address = f"{os.environ['VERTEX_AI_EMULATOR_HOST']}/v1/"
    assert re.search(rf"  address: +{address}", own_terminal("status"))
    assert own_terminal.json("status")["machine_settings_differ"] is None
    path = own_terminal.models / f"{name}.yaml"
    raw = yaml.safe_load(path.read_text())
    raw["endpoint"] |= {"min_replicas": 2, "max_replicas": 2}
    path.write_text(yaml.safe_dump(raw))
    (first, second) = own_terminal.json("status")["machine_settings_differ"]
    assert first == (
        f"machine settings of {name}@1 differ from {name}.yaml (min_replicas 2, is 1, "
        f"max_replicas 2, is 1): apply with `titleholder update-resources {name}`"
    )
    assert second in own_terminal("status")
    planned = own_terminal("plan", "update-resources")
    assert f"EndpointService.MutateDeployedModel(id='{a}', min_replica_count=2" in planned
    done = f"the deployed models have the machine settings of {name}.yaml\n"
    assert own_terminal("update-resources", "--reason", "more load") == done
    assert own_terminal("update-resources") == f"nothing to change: {done}"
    assert own_terminal.json("status")["machine_settings_differ"] is None

    raw["endpoint"]["machine_type"] = "n1-standard-8"
    path.write_text(yaml.safe_dump(raw))
    assert own_terminal("update-resources") == done
    deployed = endpoint_client().get_endpoint(name=f"{place()}/endpoints/{name}").deployed_models
    machines = {one.dedicated_resources.machine_spec.machine_type for one in deployed}
    assert machines == {"n1-standard-8"}
    assert not {a, b} & {one.id for one in deployed}, "both under their other ids"
    assert [*roles_and_traffic(own_terminal).values()] == [("champion", 90), ("challenger", 10)]
    events = own_terminal("history")
    assert events.count("gets other machine settings") == 4
    assert "machine_type n1-standard-8 instead of n1-standard-4" in events
    own_terminal("promote", "--deployed-model-id", b)
    assert {v for v, _ in roles_and_traffic(own_terminal).values()} == {
        "champion",
        "previous-champion",
    }
