"""Errors, exit codes and processes of the command line."""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.faults import Faults
from tests.titleholder.cli.cli_terminal import Terminal
from titleholder.cli.documents import EXIT_CODES
from titleholder.cli.main import main
from titleholder.cli.run import FAILED, INTERRUPTED
from titleholder.errors import ManualActionRequired
from titleholder.gcp.vertex.endpoints import Endpoints

FORGED = (
    'fewer complaints")\n2026-11-16 03:00:00 UTC promote    forged (admin, run)\r\x1b[1A\x1b[2K'
    "\u2028\u202edegrof\u2066 \x9b2J"
)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["crown", "m"], "No such command 'crown'"),
        (["statu", "m"], "No such command 'statu'. Did you mean 'status'?"),
        (["history", "m", "--limt", "3"], "No such option: --limt"),
        (["set-traffic", "m"], "Missing argument 'PERCENTAGE'"),
        (["set-traffic", "m", "much"], "Invalid value for 'PERCENTAGE'"),
        (["history", "m", "--limit", "0"], "'0' is not a number of events; write 1 or more"),
        (["history", "m", "--at", "monday"], "'monday' is not a time; write 2026-11-16 or 2026-"),
        (["promote", "m", "--reason", " "], "write 1 to 1000 characters"),
        (["plan", "m", "promot"], "'promot' is not an intent; did you mean 'promote'?"),
        (["plan", "m", "x"], "'x' is not an intent; write one of deploy, promote, rollback, "),
        (["status"], "name one model, or write --all"),
        (["status", "m", "--all"], "name one model, or write --all"),
        (["status", "m", "--watch", "--json"], "--json prints one document; leave --watch out"),
        (["status", "m", "--watch", "--every", "0"], "'0' is not a number above 0"),
    ],
)
def test_wrong_usage_exits_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.out == ""


def test_with_json_an_error_is_the_last_line_of_stderr(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    error = json.loads(terminal("promote", "--deployed-model-id", "77", "--json", code=1))
    assert error["error"].startswith("id 77 is not the challenger on projects/")
    assert error["type"] == "InvalidRequest"
    assert main(["history", "clo", "--json", "--models", str(terminal.models)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    error = json.loads(output.err)
    assert error["error"].startswith("there is no model 'clo' in ")
    assert error["type"] == "ConfigError"


def test_an_interruption_exits_with_130(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Endpoints, "observe", interrupted)
    stopped = "titleholder: stopped; repeat the command to continue\n"
    assert terminal("promote", code=130) == stopped


def test_a_bug_is_not_hidden(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endpoints, "observe", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        terminal("status")


def test_a_model_with_a_similar_name_is_suggested(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = terminal.name.replace("cli", "clu")
    assert main(["status", wrong, "--models", str(terminal.models)]) == 1
    folder = terminal.models
    assert capsys.readouterr().err == (
        f"titleholder: there is no model {wrong!r} in {folder}; did you mean {terminal.name}?\n"
    )


def test_every_exit_code_is_documented() -> None:
    assert set(EXIT_CODES) == {0, FAILED, 2, INTERRUPTED}


def test_an_error_of_google_is_one_sentence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, faults: Faults
) -> None:
    faults.answer("list_model_versions", "PERMISSION_DENIED")
    output = terminal("status", code=1)
    assert output.startswith("titleholder: the call to Google failed: ")
    assert output.endswith("; docs/how-to/composer.md lists the permissions\n")


def test_a_read_that_is_repeated_says_so(terminal: Terminal, faults: Faults) -> None:
    faults.answer("get_endpoint", "UNAVAILABLE", times=2)
    assert main(["status", terminal.name, "--models", str(terminal.models)]) == 0
    output = terminal.capsys.readouterr()
    assert "champion    90 %" in output.out
    (line,) = output.err.splitlines()
    assert line.startswith("a call to Vertex AI failed, and is repeated for up to 20 s: ")


@pytest.mark.parametrize("verb", ["status", "plan", "promote"])
def test_an_address_without_a_server_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr("titleholder.cli.context.READ_TIMEOUT_SECONDS", 0.6)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and it does not listen
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", f"http://{host}")
        why = f"{host} cannot be reached (Connection refused)"
        assert terminal(verb, code=1).splitlines() == [
            f"a call to Vertex AI failed, and is repeated for up to 0.6 s: {why}",
            f"titleholder: the call to Google failed: {why}; check the network, or for the sandbox "
            "`make status`, and repeat this later",
        ]


def test_no_credentials_are_one_sentence_with_a_remedy(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VERTEX_AI_EMULATOR_HOST")
    monkeypatch.delenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    (line,) = terminal("status", code=1).splitlines()
    assert line.startswith("titleholder: the call to Google failed: Your default credentials were")
    assert line.endswith(
        "; run `gcloud auth application-default login`, correct the Airflow connection, or, for "
        "the sandbox, source var/sandbox.env"
    )


def test_the_command_runs_in_a_process_of_its_own(terminal: Terminal) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "titleholder", "status", terminal.name),
            *("--models", str(terminal.models)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")},
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    assert "champion    90 %" in done.stdout
    assert done.stderr == ""
