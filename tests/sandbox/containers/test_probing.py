"""Probes by a command."""

import os
from pathlib import Path

import pytest

from sandbox.containers.container import Probe
from sandbox.containers.probing import probe_succeeds
from sandbox.services.processes import started_at
from tests.waiting import until


@pytest.mark.parametrize(
    ("end", "timeout", "succeeds"), [("", 30, True), ("; exit 3", 30, False), ("; wait", 3, False)]
)
def test_a_command_ends_with_its_children(
    tmp_path: Path, end: str, timeout: float, succeeds: bool
) -> None:
    written = tmp_path / "pid"
    command = ("sh", "-c", f"sleep 1000 & echo $! > {written}{end}")
    probe = Probe(command=command, timeout=timeout)
    assert probe_succeeds(probe, 0, os.environ) is succeeds
    child = int(written.read_text())
    until(lambda: started_at(child) is None, "the end of the child")
