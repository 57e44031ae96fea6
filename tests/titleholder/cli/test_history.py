"""The verb `history`, and the reasons that it shows, against the sandbox."""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.conftest import Sandbox
from tests.titleholder.cli.cli_terminal import (
    Terminal,
    deploy,
    endpoint_client,
    place,
    run_of,
)
from titleholder.cli.context import CommandContext
from titleholder.config.loader import load_model


def test_history_shows_the_champion_at_a_time_and_why(own_terminal: Terminal) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    between = datetime.now(UTC)
    own_terminal("promote")
    events = own_terminal.json("history")
    assert [event["action"] for event in events] == [
        "first_champion",
        "deploy_challenger",
        "promote",
    ]
    assert events[2]["split_before"] == {a: 90, b: 10}
    assert events[2]["split_after"] == {b: 100}
    assert events[2]["actor"]
    assert not any(event["reconstructed"] for event in events)
    output = own_terminal("history", "--at", between.isoformat())
    assert output.startswith(f"{own_terminal.name}@1 (id {a}) was champion at ")
    assert own_terminal.json("history", "--at", "2036-01-01")["champion_after"] == b
    assert own_terminal("history", "--at", "2020-01-01", code=1) == ""


def test_history_is_that_of_the_present_endpoint(
    own_terminal: Terminal, artifact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two regions write to one table, and an endpoint is deleted and made again under its name."""
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    here = os.environ["GOOGLE_CLOUD_LOCATION"]
    own_terminal("promote")

    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    assert own_terminal.json("history") == []
    assert "there is no challenger on" not in own_terminal("rollback", code=1)
    deploy(own_terminal.name, own_terminal.models, artifact, 0)
    assert [event["action"] for event in own_terminal.json("history")] == ["first_champion"]
    assert own_terminal.json("history", "--at", "2036-01-01")["champion_after"] == a

    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", here)
    actions = ["first_champion", "deploy_challenger", "promote"]
    assert [event["action"] for event in own_terminal.json("history")] == actions
    assert own_terminal.json("history", "--at", "2036-01-01")["champion_after"] == b

    client = endpoint_client()
    (endpoint,) = client.list_endpoints(
        request={"parent": place(), "filter": f'display_name="{own_terminal.name}"'}
    )
    client.update_endpoint(
        endpoint=v1.Endpoint(name=endpoint.name, traffic_split={}),
        update_mask=FieldMask(paths=["traffic_split"]),
    )
    for deployed in endpoint.deployed_models:
        client.undeploy_model(endpoint=endpoint.name, deployed_model_id=deployed.id).result(60)
    client.delete_endpoint(name=endpoint.name).result(60)
    before = datetime.now(UTC)
    assert own_terminal.json("history", "--at", "2036-01-01")["champion_after"] == b
    # Newer than what is registered: an older week would receive no traffic.
    deploy(own_terminal.name, own_terminal.models, artifact, 2)
    assert [event["action"] for event in own_terminal.json("history")] == [
        *actions,
        "first_champion",
    ]
    assert own_terminal.json("history", "--at", before.isoformat())["champion_after"] == b
    made = own_terminal.json("history", "--at", "2036-01-01")
    newest = run_of(own_terminal.name, 2).deployed_model_id
    assert (made["champion_after"], made["action"]) == (newest, "first_champion")
    assert made["endpoint"] == endpoint.name


def test_a_reason_is_recorded(own_terminal: Terminal) -> None:
    own_terminal("set-traffic", "30", "--reason", "  fewer complaints ")
    own_terminal("promote")
    change, promotion = own_terminal.json("history", "--limit", "2")
    assert change["evidence"] == {"reason": "fewer complaints"}
    assert promotion["evidence"] == {}
    head, first, second = own_terminal("history", "--limit", "2").splitlines()
    assert re.match(r"time \(UTC\) +age +action +reason, and by what$", head)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d  \d+ (s|min) +set_traffic ", first)
    assert first.endswith(', because "fewer complaints")')
    assert "because" not in second
    assert (
        len(own_terminal.json("history", "--limit", "99")) == len(own_terminal.json("history")) == 4
    )


FORGED = (
    'fewer complaints")\n2026-11-16 03:00:00 UTC promote    forged (admin, run)\r\x1b[1A\x1b[2K'
    "\u2028\u202edegrof\u2066 \x9b2J"
)


def test_a_reason_cannot_forge_a_line_of_the_history(own_terminal: Terminal) -> None:
    own_terminal("set-traffic", "30", "--reason", FORGED)
    (event,) = own_terminal.json("history", "--limit", "1")
    assert event["evidence"] == {"reason": FORGED}, "kept as it was written"
    _, line = own_terminal("history", "--limit", "1").split("\n")[:-1]
    assert line.isprintable()
    assert line.endswith(
        r'because "fewer complaints\")\n2026-11-16 03:00:00 UTC promote    forged (admin, run)\r'
        r'\u001b[1A\u001b[2K \u202edegrof\u2066 \x9b2J")'
    )
    lines = own_terminal("history", "--at", "2036-01-01").split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 2


def test_evidence_is_printed_as_indented_lines(own_terminal: Terminal, sandbox: Sandbox) -> None:
    config = load_model(own_terminal.models / f"{own_terminal.name}.yaml")
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
    output = own_terminal("history", "--at", "2036-01-01").splitlines()
    assert output[0].startswith(
        f"{own_terminal.name}@2 (id {last.challenger_after}) was champion at "
    )
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
    assert own_terminal("promote", "--deployed-model-id", "77", code=1)
    assert [event["action"] for event in own_terminal.json("history")] == [
        "first_champion",
        "deploy_challenger",
        "promote",
    ]
