"""`python -m sandbox.services.restart`: a failed command is restarted, and stops with it."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sandbox.services.processes import started_at, stop
from sandbox.state import Running
from tests.conftest import REPOSITORY

# Fails on its first two starts.
THRICE = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
with path.open("a") as file:
    file.write("x")
sys.exit(0 if len(path.read_text()) == 3 else 7)
"""


def restarted(seconds: str, *command: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "sandbox.services.restart",
        seconds,
        sys.executable,
        "-c",
        *command,
    ]


@pytest.mark.parametrize(
    ("seconds", "code", "starts"),
    [
        pytest.param("0", 0, 3, id="restarted until it succeeds"),
        pytest.param("600", 7, 1, id="not restarted when it fails at once"),
    ],
)
def test_a_failed_command_is_restarted(
    tmp_path: Path, seconds: str, code: int, starts: int
) -> None:
    path = tmp_path / "starts"
    command = restarted(seconds, THRICE, str(path))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == code
    assert path.read_text() == "x" * starts
    assert done.stdout.count("sandbox: ended with 7, restarted: ") == starts - 1


def test_its_command_stops_with_it() -> None:
    # The command ends with the test, whose pipe it reads.
    command = restarted("0", "import sys; print('here', flush=True); sys.stdin.read()")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY) as process:
        running = Running(process.pid, started_at(process.pid) or "")
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            (child,) = psutil.Process(process.pid).children()
        finally:
            stop([running])
        assert process.stdout.read() == ""  # neither restarted nor left running
    assert not child.is_running()
