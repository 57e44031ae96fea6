"""The command in a process of its own: on a terminal, in a pipe, in a shell that completes."""

import fcntl
import json
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.titleholder.cli.cli_terminal import Terminal
from titleholder.cli.arguments import PLANNED

COMMAND = [sys.executable, "-m", "titleholder"]
# The command once with each of these variables, in one process.
IN_TURN = """
import json, os, sys
from titleholder.cli.main import main
usual = dict(os.environ)
for variables in json.loads(sys.argv.pop(1)):
    os.environ.clear()
    os.environ.update(usual | variables)
    assert main() == 0
    print("END")
"""
ESCAPE = "\x1b"


def environment(**variables: str) -> dict[str, str]:
    path = {"PYTHONPATH": str(REPOSITORY / "plugins"), "TERM": "xterm-256color"}
    return {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI")} | path | variables


class OnTerminal:
    """A process whose stdout is a terminal of 80 columns."""

    def __init__(self, *arguments: str, command: Sequence[str] = COMMAND) -> None:
        self._terminal, device = pty.openpty()
        fcntl.ioctl(device, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=device,
            stdout=device,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=REPOSITORY,
            # A shell that starts the tests in the background lets them ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(device)

    def read(self, until: str = "") -> str:
        """The output up to this text, by default to its end."""
        found = b""
        # Linux reports the end of a terminal's output as an error.
        with suppress(OSError):
            while (not until or until not in found.decode(errors="replace")) and (
                part := os.read(self._terminal, 65536)
            ):
                found += part
        return found.decode()

    def end(self) -> int:
        """The exit code."""
        with suppress(OSError):
            while os.read(self._terminal, 65536):
                pass
        _, errors = self.process.communicate(timeout=60)
        os.close(self._terminal)
        assert errors == b""
        return self.process.returncode


def words(text: str) -> str:
    """The text without styles, lines of tables and line breaks."""
    return " ".join(re.sub(rf"{ESCAPE}\[[0-9;?]*[A-Za-z]|[─━]", "", text).split())


def test_history_fits_a_terminal_of_80_columns(own_terminal: Terminal) -> None:
    reason = "fewer complaints of customers who order late in the evening"
    own_terminal("promote", "--reason", reason)
    command = ("history", own_terminal.name, "--models", str(own_terminal.models))
    shown = OnTerminal(*command)
    output = shown.read()
    assert shown.end() == 0
    assert ESCAPE in output
    assert "───" in output
    assert f'because "{reason}"' in words(re.sub(r"\n\s+", " ", output))
    plain_lines = re.sub(rf"{ESCAPE}\[[0-9;?]*[A-Za-z]", "", output).splitlines()
    assert max(map(len, plain_lines)) <= 80
    assert not re.search(r"\bid \d", output)

    plain = [{"NO_COLOR": "1"}, {"CI": "1"}, {"TERM": "dumb"}]
    shown = OnTerminal(json.dumps(plain), *command, command=[sys.executable, "-c", IN_TURN])
    *outputs, rest = shown.read().split("END\r\n")
    assert (shown.end(), len(outputs), rest) == (0, len(plain), "")
    for output in (*outputs, own_terminal("history")):
        assert ESCAPE not in output
        assert "─" not in output
        head, *rows = output.splitlines()
        assert [row.split()[4] for row in rows] == [
            "first_champion",
            "deploy_challenger",
            "promote",
        ]
        assert rows[-1].endswith(f'because "{reason}")')
        assert not any(row.endswith(" ") for row in (head, *rows))


def test_watch_on_a_terminal_ends_with_ctrl_c(terminal: Terminal) -> None:
    shown = OnTerminal(
        *("status", terminal.name, "--models", str(terminal.models)),
        *("--watch", "--every", "1000"),
    )
    assert f"{terminal.name}@1" in words(shown.read("last change"))
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130


def test_a_terminal_without_utf_8_gets_a_picture_too(terminal: Terminal) -> None:
    done = subprocess.run(
        [*COMMAND, "status", terminal.name, "--models", terminal.models],
        capture_output=True,
        env=environment(PYTHONIOENCODING="ascii"),
        cwd=REPOSITORY,
        check=True,
    )
    assert "?" * 60 in done.stdout.decode("ascii")
    assert b"90 %" in done.stdout


def test_the_reader_of_a_pipe_may_leave_early(terminal: Terminal) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [*COMMAND, "history", terminal.name, "--models", str(terminal.models)],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=REPOSITORY,
    )
    os.close(writer)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, b"")


IMPORTED = """
import sys
sys.argv = ["titleholder", *sys.argv[1:]]
from titleholder.cli.main import main
code = main()
imported = [name for name, module in sys.modules.items() if module is not None]
print(*imported, sep="\\n", file=sys.stderr)
sys.exit(code)
"""
GOOGLE = {"google.auth", "google.api_core", "titleholder.gcp.environment"}
PYDANTIC_MODELS = {"titleholder.config.model", "yaml"}


@pytest.mark.parametrize(
    ("arguments", "code", "absent"),
    [
        (["--help"], 0, GOOGLE | PYDANTIC_MODELS | {"rich"}),
        (["promote", "--help"], 0, GOOGLE | PYDANTIC_MODELS | {"rich"}),
        (["promot", "{}"], 2, GOOGLE | PYDANTIC_MODELS | {"rich"}),
        (["schema"], 0, {"google.auth", "google.api_core", "rich"}),
        (["validate"], 0, {"google.auth", "google.api_core", "rich"}),
        (["status", "unknown"], 1, {"google.api_core"}),
        (["status", "{}"], 0, {"numpy", "pyarrow"}),
        (["history", "{}"], 0, {"numpy", "pyarrow"}),
        (["plan", "{}"], 0, {"google.cloud.bigquery", "rich"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_verb_imports_what_it_needs_only(
    terminal: Terminal, arguments: list[str], code: int, absent: set[str], tmp_path: Path
) -> None:
    filled = [argument.format(terminal.name) for argument in arguments]
    models = [] if "--help" in filled or "schema" in filled else ["--models", str(terminal.models)]
    if "validate" in filled:
        models = []
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *filled, *models],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == code, done.stderr
    imported = set(done.stderr.splitlines())
    assert "titleholder.cli.app" in imported
    unused = absent | {"airflow", "pandas", "google.cloud.aiplatform_v1.types.schedule"}
    assert imported & unused == set()


def test_status_takes_less_time_than_importing_airflow(terminal: Terminal) -> None:
    def seconds(*arguments: str) -> float:
        """Of the processor."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment(),
            cwd=REPOSITORY,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    airflow = seconds("-c", "import airflow.sdk")
    status = ("-m", "titleholder", "status", terminal.name, "--models", str(terminal.models))
    # Other work on the machine may slow down one of two runs.
    assert min(seconds(*status) for _ in range(2)) < 0.9 * airflow
    assert min(seconds("-m", "titleholder", "--help") for _ in range(2)) < 0.25 * airflow


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has this checkout's command."""
    script = tmp_path / "bin" / "titleholder"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m titleholder "$@"\n')
    script.chmod(0o755)
    return environment(PATH=f"{script.parent}:{os.environ['PATH']}")


def in_bash(installed: dict[str, str], line: str, cwd: Path = REPOSITORY) -> list[str]:
    """What bash offers to complete the last word of the line, as its users have it."""
    script = (
        'eval "$(_TITLEHOLDER_COMPLETE=source_bash titleholder)"\n'
        "COMP_WORDS=($LINE_TO_COMPLETE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        "if [[ $LINE_TO_COMPLETE == *' ' ]]; then COMP_CWORD=${#COMP_WORDS[@]}; fi\n"
        '_titleholder_completion titleholder; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=installed | {"LINE_TO_COMPLETE": line},
        cwd=cwd,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_verbs_options_and_models(installed: dict[str, str], tmp_path: Path) -> None:
    for name in ("linnerud", "lime", "wine"):
        (tmp_path / f"{name}.yaml").touch()
    assert in_bash(installed, "titleholder pro") == ["promote"]
    assert in_bash(installed, "titleholder status --a") == ["--all"]
    assert in_bash(installed, "titleholder status li") == ["linnerud"]
    assert in_bash(installed, f"titleholder status --models {tmp_path} li") == ["lime", "linnerud"]
    assert in_bash(installed, f"titleholder validate --models {tmp_path} wine li") == [
        "lime",
        "linnerud",
    ]
    assert in_bash(installed, "titleholder plan linnerud ") == PLANNED


def test_zsh_completes_by_its_protocol(installed: dict[str, str]) -> None:
    source, answer = (
        subprocess.run(
            ["titleholder"],
            capture_output=True,
            text=True,
            check=False,
            env=installed | variables,
            cwd=REPOSITORY,
        ).stdout
        for variables in (
            {"_TITLEHOLDER_COMPLETE": "source_zsh"},
            {
                "_TITLEHOLDER_COMPLETE": "complete_zsh",
                "_TYPER_COMPLETE_ARGS": "titleholder undo",
            },
        )
    )
    assert source.lstrip().startswith("#compdef titleholder\n")
    assert '"undo-promotion":"Make the previous champion champion again' in answer
