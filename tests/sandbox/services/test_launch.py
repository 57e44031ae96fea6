"""The ports of services, and sandboxes that another version started."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.__main__ import main
from sandbox.services import launch
from sandbox.services.processes import alive, free_port, started_at
from sandbox.services.services import PORTS
from sandbox.services.session import END, READY
from sandbox.state import Home, State
from tests.conftest import REPOSITORY
from tests.waiting import until


def test_no_two_services_have_one_port(tmp_path: Path) -> None:
    state, port = State(), free_port(None)
    launch.choose_ports(Home(tmp_path), state, PORTS, {"vertex": port, "gateway": port})
    assert len(set(state.ports.values())) == len(PORTS)
    assert port in (state.ports["vertex"], state.ports["gateway"])


@pytest.fixture
def earlier(tmp_path: Path) -> Iterator[Home]:
    """The folder of a version without gRPC and gateway, whose Vertex AI runs."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        ports = {name: free_port(None) for name in PORTS[:4]}
        running = {"pid": process.pid, "started": started_at(process.pid)}
        state = {
            "project": "my-project",
            "location": "us-central1",
            "ports": ports,
            "processes": {"vertex": running},
        }
        (tmp_path / "sandbox.json").write_text(json.dumps(state))
        yield Home(tmp_path)
        process.kill()


def test_what_another_version_started_is_stopped(earlier: Home) -> None:
    assert main(["--var", str(earlier.var), "down"]) == 0
    assert earlier.load().processes == {}


def test_what_another_version_started_has_a_sentence(
    earlier: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--var", str(earlier.var), "status"]) == 1
    assert "an earlier version started it, without vertex-grpc; run" in capsys.readouterr().err


def test_what_lacks_a_port_starts_again(earlier: Home) -> None:
    state = earlier.load()
    vertex = state.processes["vertex"]
    launch.choose_ports(earlier, state, PORTS)
    assert sorted(state.ports) == sorted(PORTS)
    assert not alive(vertex)


def test_no_service_stops_because_the_gateway_moves(earlier: Home) -> None:
    state = earlier.load()
    with socket.create_server(("127.0.0.1", 0)) as server:
        state.ports |= {"vertex-grpc": free_port(None), "gateway": server.getsockname()[1]}
        launch.choose_ports(earlier, state, PORTS)
        assert state.ports["gateway"] != server.getsockname()[1]
    assert alive(state.processes["vertex"])


def test_a_port_that_another_process_takes_first_is_chosen_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "var")
    session = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.services.session", str(home.var)),
            *("--project", "my-project", "--location", "us-central1"),
        ],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    until(lambda: home.owned, "its ports", pause=0.001)
    with socket.create_server(("127.0.0.1", home.load().ports["gateway"])):
        try:
            assert session.stdout is not None
            assert session.stdout.readline().strip() == READY
        finally:
            session.communicate(END, timeout=60)
    assert not home.var.exists()


def test_a_session_whose_starter_has_ended_says_nothing(tmp_path: Path) -> None:
    session = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.services.session", str(tmp_path / "var")),
            *("--project", "my-project", "--location", "us-central1"),
        ],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    session.stdout.close()
    assert session.stderr is not None
    assert session.stderr.read() == ""
    assert session.wait(60) == 0
    session.stderr.close()
    assert not (tmp_path / "var").exists()
