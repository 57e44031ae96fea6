"""google_cloud() begins and ends: what it changes in its process, and what is left."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import google.auth
import grpc
import pytest
from google.cloud import aiplatform

from sandbox.google_cloud import google_cloud
from sandbox.state import Home


def test_the_process_is_as_before_and_nothing_is_left() -> None:
    before = dict(os.environ)
    aiplatform.init(project="real-project", location="us-east1")
    folders = set(Path(tempfile.gettempdir()).glob("sandbox-*"))
    try:
        with google_cloud("first-project") as first:
            (folder,) = set(Path(tempfile.gettempdir()).glob("sandbox-*")) - folders
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
    ("project", "location", "message"),
    [("My Project", "us-central1", "not a project id"), ("my-project", "Mars", "not a region")],
)
def test_invalid_names_start_nothing(project: str, location: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        google_cloud(project, location).__enter__()


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
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:bqemulator", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
