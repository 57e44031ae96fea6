"""The verb `status` against the sandbox."""

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tests.conftest import Sandbox
from tests.faults import Faults
from tests.titleholder.cli.cli_terminal import Terminal, roles_and_traffic, run_of
from titleholder.cli.main import main
from titleholder.cli.status.split_bar import interval_line, split_bar
from titleholder.cli.status.watch import watch
from titleholder.errors import RetryableError
from titleholder.rollout.status import RoleHolder
from titleholder.rollout.view import DeployedModel


def test_status_shows_the_last_challenger_and_its_removal(
    sandbox_terminal: Terminal, sandbox: Sandbox
) -> None:
    name, b = sandbox_terminal.name, run_of(sandbox_terminal.name, 1).deployed_model_id
    sandbox_terminal("rollback", "--reason", "complaints")
    output = sandbox_terminal("status")
    assert re.search(rf"  last-challenger +- +{name}@2 +id {b}  not deployed\n", output)
    rolled_back = (
        rf" +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, \d+ (s|min) ago: rollback: {name}@2 leaves: the "
        rf'champion {name}@1 receives 100 % \(.*because "complaints"\)\n'
    )
    assert re.search(f"  last change:{rolled_back}", output)
    everything = sandbox.cli("status").stdout
    assert re.search(
        rf"endpoint {name}\n  champion +100 %  {name}@1 .*\n"
        "  last change  .* UTC rollback: "
        rf'{name}@2 leaves: the champion {name}@1 receives 100 % \(because "complaints"\)\n',
        everything,
    )
    answer = sandbox_terminal.json("status")
    assert answer["not_deployed"]["last-challenger"] == {"id": b, "version": f"{name}@2"}
    assert answer["last_change"]["evidence"] == {"reason": "complaints"}
    sandbox_terminal("adopt", "--deployed-model-id", run_of(name, 0).deployed_model_id)
    assert re.search(
        f"  last change:{rolled_back}", sandbox_terminal("status")
    )  # It changed nothing.
    sandbox_terminal("undo-promotion", "--deployed-model-id", "77", code=1)
    assert re.search(f"  last change:{rolled_back}", sandbox_terminal("status"))


def test_status_shows_the_removal_of_a_challenger_after_later_changes(
    own_terminal: Terminal, by_hand: Callable[[dict[str, int]], None]
) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    own_terminal("abort")
    by_hand({a: 60, b: 40})
    own_terminal("restore")
    output = own_terminal("status")
    assert re.search(r"  last change: .* ago: restore: returned to what was recorded: ", output)
    assert re.search(
        rf"  challenger removed by: .* abort: {own_terminal.name}@2 receives no more traffic",
        output,
    )


def test_status_needs_no_bigquery(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("titleholder.cli.status.facts.EVENTS_SECONDS", 0.5)
    output = terminal("status")
    assert f"champion    90 %  {terminal.name}@1" in output
    assert re.search(
        "  last change: +deploy_challenger; the events cannot be read: the events of", output
    )
    answer = terminal.json("status")
    assert answer["last_change"] is None
    assert "127.0.0.1:9" in answer["events_unreadable"]


def test_status_shows_a_previous_champion_that_is_not_deployed(own_terminal: Terminal) -> None:
    file = own_terminal.models / f"{own_terminal.name}.yaml"
    assert "previous-champion" not in own_terminal.json("status")["not_deployed"]
    file.write_text(f"{file.read_text()}rollout: {{keep_previous_champion: false}}\n")
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    own_terminal("promote")
    assert roles_and_traffic(own_terminal) == {b: ("champion", 100)}
    previous = {"id": a, "version": f"{own_terminal.name}@1"}
    assert own_terminal.json("status")["not_deployed"]["previous-champion"] == previous
    assert re.search(
        rf"  previous-champion +- +{own_terminal.name}@1 +id {a}  not depl", own_terminal("status")
    )


def test_the_split_is_a_bar(own_terminal: Terminal) -> None:
    bar = "█" * 54 + "▒" * 6
    assert own_terminal("status").splitlines()[2] == f"  {bar}"
    own_terminal("set-traffic", "1")
    assert own_terminal("status").splitlines()[2] == "  " + "█" * 59 + "▒"
    own_terminal("abort")
    name, b = own_terminal.name, run_of(own_terminal.name, 1).deployed_model_id
    lines = own_terminal("status").splitlines()
    assert lines[2] == "  " + "█" * 60
    assert re.match(rf"     last-challenger +0 %  {name}@2  id {b}  data until ", lines[4])


SHARES = st.lists(st.integers(0, 100), min_size=1, max_size=5)


@given(SHARES, st.integers(5, 80))
def test_a_bar_has_its_width_and_shows_whatever_has_traffic(shares: list[int], width: int) -> None:
    holders = [
        RoleHolder(DeployedModel(str(number), "", "m@1", share), None)
        for number, share in enumerate(shares)
    ]
    bar = split_bar(holders, width)
    assert len(bar) == (width if any(shares) else 0)
    assert len(bar.spans) == sum(share > 0 for share in shares)
    assert all(span.start < span.end for span in bar.spans)


@pytest.mark.parametrize(
    ("interval", "line"),
    [
        ((0.0, 0.5, 1.0), "          ├────●────┤"),
        ((-1.0, -0.5, -0.1), "├────●───┤│          "),
        ((-0.5, 0.25, 1.0), "     ├────│─●───────┤"),
        ((0.0, 0.0, 0.0), "          ●          "),
        ((0.9, 0.95, 1.0), "          │        ├●"),
    ],
)
def test_an_interval_is_a_line_around_0(interval: tuple[float, float, float], line: str) -> None:
    assert interval_line(*interval, width=21) == line


def test_status_of_all_has_a_row_for_each_model(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    name, folder = terminal.name, terminal.models
    raw = (folder / f"{name}.yaml").read_text()
    (folder / "new.yaml").write_text(raw.replace(name, "new"))
    (folder / "broken.yaml").write_text("model: broken\n")

    def everything(*options: str, code: int) -> str:
        assert main(["status", "--all", *options, "--models", str(folder)]) == code
        return capsys.readouterr().out

    head, *rows = everything(code=1).splitlines()
    assert head.split() == ["model", "traffic", "champion", "challenger", "changed"]
    broken, model, new = rows
    assert re.match(r"broken +cannot be read: broken\.yaml:1: owner: is missing", broken)
    assert re.match(
        rf"{name} +█{{9}}▒  {name}@1 90 %  {name}@2 10 %  \d+ (s|min) +last change: deploy_",
        model,
    )
    assert re.match("new +- +- +- +no endpoint yet$", new)

    answer = {one["model"]: one for one in json.loads(everything("--json", code=1))}
    assert list(answer) == sorted(answer)
    assert answer["broken"]["unreadable"].startswith("broken.yaml:1: owner: is missing; add it")
    assert answer[name] == terminal.json("status")
    (folder / "broken.yaml").unlink()
    assert "broken" not in everything(code=0)
    assert main(["status", "--all", "--models", str(folder / "none")]) == 1
    assert "none holds no model; add a YAML file" in capsys.readouterr().err


def test_status_of_all_names_what_a_person_has_to_do(
    own_terminal: Terminal,
    by_hand: Callable[[dict[str, int]], None],
    capsys: pytest.CaptureFixture[str],
    faults: Faults,
) -> None:
    a, b = (run_of(own_terminal.name, week).deployed_model_id for week in (0, 1))
    by_hand({a: 50, b: 50})
    assert main(["status", "--all", "--models", str(own_terminal.models)]) == 1
    assert "was changed by hand" in capsys.readouterr().out
    faults.answer("list_model_versions", "PERMISSION_DENIED")
    assert main(["status", "--all", "--models", str(own_terminal.models)]) == 1
    assert re.search(
        f"{own_terminal.name} +cannot be read: the call to Google", capsys.readouterr().out
    )


def test_watch_prints_until_it_is_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    rounds: list[float] = []

    def read() -> Text:
        if len(rounds) == 1:
            raise RetryableError("BigQuery is away")
        return Text(f"round {len(rounds)}")

    def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 3:
            raise KeyboardInterrupt

    assert watch(read, 7.0, sleep) == 130
    assert rounds == [7.0] * 3
    assert capsys.readouterr().out == "round 0\ntitleholder: BigQuery is away\nround 2\n"
    with pytest.raises(ZeroDivisionError):
        watch(lambda: Text(str(1 / 0)), 7.0, sleep)
