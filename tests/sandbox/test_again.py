"""`python -m sandbox.again`: what fails is started again, and ended with it."""

import subprocess
import sys
from pathlib import Path

import psutil

from sandbox.pids import started_at
from sandbox.places import Running
from sandbox.processes import stop
from tests.conftest import REPOSITORY

# Fails until it was started for the third time.
THRICE = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
with path.open("a") as file:
    file.write("x")
sys.exit(0 if len(path.read_text()) == 3 else 7)
"""


def again(seconds: str, *command: str) -> list[str]:
    return [sys.executable, "-m", "sandbox.again", seconds, sys.executable, "-c", *command]


def test_what_fails_is_started_until_it_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "starts"
    command = again("0", THRICE, str(path))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0
    assert path.read_text() == "xxx"
    assert done.stdout.count("sandbox: ended with 7, started again: ") == 2


def test_what_cannot_start_is_not_started_again(tmp_path: Path) -> None:
    path = tmp_path / "starts"
    command = again("600", THRICE, str(path))
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 7
    assert path.read_text() == "x"


def test_it_is_ended_and_its_command_with_it() -> None:
    command = again("0", "import time; print('here', flush=True); time.sleep(600)")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        running = Running(process.pid, started_at(process.pid) or "")
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            (child,) = psutil.Process(process.pid).children()
        finally:
            stop([running])
        assert process.stdout.read() == ""  # neither started again nor left behind
    assert not child.is_running()
