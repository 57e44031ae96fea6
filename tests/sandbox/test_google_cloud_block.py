"""google_cloud() begins and ends: what it changes in its process, and what is left."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import google.auth
import grpc
import psutil
import pytest
from google.cloud import aiplatform

from sandbox.google_cloud import google_cloud
from sandbox.state import Home
from tests.sandbox.test_tutorial import pytest_in


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files of this process are its own, so that a test knows what is left of them."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def folders() -> set[Path]:
    """Those of sandboxes that this process started."""
    return set(Path(tempfile.gettempdir()).glob("sandbox-*"))


def test_the_process_is_as_before_and_nothing_is_left() -> None:
    before = dict(os.environ)
    aiplatform.init(project="real-project", location="us-east1")
    try:
        with google_cloud("first-project") as first:
            (folder,) = folders()
            running = Home(folder).load().processes
            assert first.project == google.auth.default()[1] == "first-project"
            with pytest.raises(RuntimeError, match="leave that block first"):
                google_cloud("second-project").__enter__()
        assert os.environ == before
        assert aiplatform.initializer.global_config.project == "real-project"
        assert grpc.ssl_channel_credentials.__module__ == "grpc"
        assert len(running) == 4
        assert not [one for one in running.values() if Path(f"/proc/{one.pid}").exists()]
        assert not folder.exists()
    finally:
        aiplatform.initializer.global_config.__init__()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"project": "My Project"}, "not a project id"),
        ({"location": "Mars"}, "not a region"),
        ({"deploy_seconds": -1}, "not a number of seconds"),
    ],
)
def test_invalid_arguments_start_nothing(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        google_cloud(**arguments).__enter__()
    assert not folders()


def test_a_start_that_fails_leaves_nothing_and_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OSError, match="its end is on stderr"):
        google_cloud(images=tmp_path / "missing.yaml").__enter__()
    assert "missing.yaml" in capfd.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "missing"))
        with pytest.raises(FileNotFoundError):
            google_cloud().__enter__()
    assert not folders()
    # Neither is the lock.
    with pytest.raises(OSError, match="its end is on stderr"):
        google_cloud(images=tmp_path / "missing.yaml").__enter__()


def test_neither_forks_nor_a_killed_session_keep_it_running() -> None:
    with google_cloud():
        (folder,) = folders()
        running = Home(folder).load().processes
        read, write = os.pipe()
        # A worker that was forked has all that this process has open.
        if (child := os.fork()) == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    os.close(read)
    os.close(write)
    os.waitpid(child, 0)
    assert not [one for one in running.values() if Path(f"/proc/{one.pid}").exists()]

    with google_cloud():
        (folder,) = folders()
        running = Home(folder).load().processes
        children = psutil.Process().children()
        (session,) = [one for one in children if str(folder) in one.cmdline()]
        session.kill()
    assert not [one for one in running.values() if Path(f"/proc/{one.pid}").exists()]
    assert not folders()


_PLUGIN_TEST = """
from google.cloud import storage

def test_one(google_cloud):
    assert storage.Client().project == google_cloud.project == "from-ini"

def test_two(google_cloud):
    assert google_cloud.location == "us-east1"
"""


def test_the_fixture_of_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(_PLUGIN_TEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\ngoogle_cloud_project = from-ini\ngoogle_cloud_location = us-east1\n"
    )
    assert "2 passed" in pytest_in(tmp_path)
