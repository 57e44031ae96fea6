"""A test run that is ended by a signal leaves no process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sandbox.state import Home
from tests.conftest import REPOSITORY
from tests.leftovers import RUN, members
from tests.waiting import until

HANGING = f"""
import os, subprocess, time
from pathlib import Path

def test_hanging(sandbox):
    subprocess.run(["/bin/sh", "-c", "sleep 1000 >/dev/null 2>&1 &"], start_new_session=True)
    Path(__file__).with_name("running").write_text(f"{{os.environ['{RUN}']}} {{sandbox.var}}")
    time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("workers", "sent"),
    [
        ("1", signal.SIGTERM),
        pytest.param("0", signal.SIGTERM, marks=pytest.mark.long),
        pytest.param("1", signal.SIGKILL, marks=pytest.mark.long),
    ],
)
def test_a_signal_leaves_nothing_running(
    tmp_path: Path, workers: str, sent: signal.Signals
) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING)
    running = tmp_path / "running"
    with (tmp_path / "output").open("w") as output:
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-c", REPOSITORY / "pyproject.toml"),
                *("-p", "tests.conftest", "-n", workers, "--basetemp", tmp_path / "base"),
                tmp_path / "test_hanging.py",
            ],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}"},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: running.exists() and running.read_text(), "the test", 300)
        run_id, var = running.read_text().split()
        started = {*members(run_id), *psutil.Process(run.pid).children(recursive=True)}
        started |= {psutil.Process(one.pid) for one in Home(Path(var)).load().processes.values()}
        assert "sleep" in {word for one in started for word in one.cmdline()}
        assert len(started) >= 5  # with the three services
    finally:
        run.send_signal(sent)
        code = run.wait(120)
    assert code == (128 + sent if sent == signal.SIGTERM else -sent), (
        tmp_path / "output"
    ).read_text()
    until(lambda: not [one for one in started if alive(one)], "the end of all processes", 60)
    assert not list(members(run_id))


def alive(process: psutil.Process) -> bool:
    """Whether it runs, and is no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
