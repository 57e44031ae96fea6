"""The targets of make: what they do with the exit code of a command, and what set-up prints."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.terminal import in_terminal


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(("code", "fails"), [(0, False), (3, False), (1, True)])
def test_status_fails_only_for_a_service_that_is_not_healthy(
    tmp_path: Path, code: int, fails: bool
) -> None:
    program(tmp_path / "python", f'test "$*" = "-m sandbox status" && exit {code}; exit 9')
    make = ["make", "-o", "setup", f"BIN={tmp_path}", "status"]
    done = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose uv and Python only print what uv prints for packages."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    program(tmp_path / ".venv/bin/python", "exit 0")
    program(
        tmp_path / ".venv/bin/uv",
        'case "$*" in *--quiet*) ;; *) echo " + a-package==1" >&2;; esac\n'
        '[ -z "$BROKEN" ] || { echo "error: a hash does not match" >&2; exit 2; }',
    )
    return tmp_path


def test_set_up_prints_one_line(checkout: Path) -> None:
    done = subprocess.run(
        ["make", "setup"], cwd=checkout, capture_output=True, text=True, check=True
    )
    (line,) = done.stdout.splitlines()
    assert line.startswith("titleholder: setting up .venv with Python 3.")
    assert done.stderr == ""
    assert (checkout / ".venv/lock").read_bytes() == (checkout / "requirements.txt").read_bytes()


def test_an_error_of_set_up_is_printed_and_stops_it(checkout: Path) -> None:
    broken = os.environ | {"BROKEN": "1", "TERM": "xterm"}
    broken.pop("CI", None)
    broken.pop("NO_COLOR", None)
    shown = in_terminal(["make", "setup"], 80, broken, checkout)
    assert shown.code == 2
    assert any("error: a hash does not match" in line for line in shown.lines)
    assert not (checkout / ".venv/lock").exists()
