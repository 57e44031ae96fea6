"""`python -m sandbox up`, `status`, `down` and `reset`."""

import os
import shlex
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from sandbox.__main__ import main
from sandbox.services import airflow
from sandbox.services.processes import alive, free_port, started_at, stop
from sandbox.services.services import PORTS, services
from sandbox.state import Home, Running, State, airflow_settings
from tests.conftest import REPOSITORY, Sandbox, run_sandbox

OTHER_PROJECT = "my-project"


@pytest.fixture(scope="module")
def _own_var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    var = tmp_path_factory.mktemp("own") / "var"
    try:
        started = run_sandbox(var, "up", "--project", OTHER_PROJECT)
        assert started.returncode == 0, started.stderr
        yield var
    finally:
        run_sandbox(var, "down")


@pytest.fixture
def var(_own_var: Path) -> Path:
    """The folder of a sandbox of this file's own, of which everything runs when a test begins: the
    test may stop, move and delete what it wants."""
    assert run_sandbox(_own_var, "up").returncode == 0
    return _own_var


def test_a_shell_can_source_the_addresses(sandbox: Sandbox) -> None:
    lines = shlex.split((sandbox.var / "sandbox.env").read_text())
    written = dict(line.split("=", 1) for line in lines)
    assert set(written) - set(airflow_settings(Home(sandbox.var), State())) == {
        "BIGQUERY_EMULATOR_HOST",
        "BIGQUERY_STORAGE_EMULATOR_HOST",
        "STORAGE_EMULATOR_HOST",
        "VERTEX_AI_EMULATOR_HOST",
        "VERTEX_AI_GRPC_EMULATOR_HOST",
        "GOOGLE_CLOUD_PROJECT",
        "GOOGLE_CLOUD_LOCATION",
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT",
    }
    shell = subprocess.run(
        ["sh", "-c", f". {sandbox.var}/sandbox.env; echo $VERTEX_AI_EMULATOR_HOST $AIRFLOW_HOME"],
        capture_output=True,
        text=True,
        check=True,
    )
    home = sandbox.var / "airflow"
    assert shell.stdout.split() == [sandbox.env["VERTEX_AI_EMULATOR_HOST"], str(home)]
    environment = airflow.environment(Home(sandbox.var), Home(sandbox.var).load())
    assert written.items() < environment.items(), "part of the environment of Airflow's processes"
    assert not [name for name in written if "SECRET" in name]


def test_everything_listens_on_loopback_only(sandbox: Sandbox) -> None:
    ports = set(Home(sandbox.var).load().ports.values())
    pids = {p.pid for p in Home(sandbox.var).load().processes.values()}
    listening = {
        (c.laddr.ip, c.laddr.port)
        for pid in pids
        for c in psutil.Process(pid).net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    }
    assert {port for _, port in listening} == ports
    # gRPC listens on an IPv6 socket for the IPv4 address.
    assert {ip.removeprefix("::ffff:") for ip, _ in listening} == {"127.0.0.1"}


def test_status_does_not_import_what_other_verbs_need(sandbox: Sandbox) -> None:
    script = (
        "import sys; from sandbox.__main__ import main; main(sys.argv[1:]); "
        "print({name.partition('.')[0] for name in sys.modules} & {'airflow', 'sklearn', 'numpy'})"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, "--var", str(sandbox.var), "status"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "set()"


def test_vertex_ai_does_not_import_what_hardly_a_request_needs(tmp_path: Path) -> None:
    state = State(ports=dict.fromkeys(PORTS, 1))
    (vertex,) = (
        one for one in services(Home(tmp_path), state, 0, False, None) if one.name == "vertex"
    )
    script = (
        "import sys, sandbox.vertex.__main__; print(sys.modules.keys() & "
        "{'pandas', 'kubernetes', 'google.cloud.aiplatform_v1.services.job_service'})"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "plugins")} | vertex.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "set()\n"


@pytest.mark.parametrize("verb", ["up", "down", "status", "reset", "exec", "load", "run", "demo"])
def test_each_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([verb, "--help"])
    assert raised.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: sandbox {verb} ")


def test_a_second_up_keeps_running_processes(sandbox: Sandbox) -> None:
    before = Home(sandbox.var).load()
    assert sandbox.cli("up").returncode == 0
    assert Home(sandbox.var).load() == before
    status = sandbox.cli("status")
    assert status.returncode == 0
    assert status.stdout.count(" healthy ") >= 3


def test_the_example_is_loaded_once_and_replaces_no_table(
    var: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = Home(var).load()
    tables = bigquery.Client(
        project=state.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": f"http://127.0.0.1:{state.ports['bigquery']}"},
    )
    name = f"{state.project}.linnerud.measurements"

    first = run_sandbox(var, "up", "--example")
    assert first.returncode == 0, first.stderr
    assert f"loaded {name}: " in first.stdout
    assert tables.get_table(name).num_rows > 20_000

    tables.delete_table(name)
    tables.create_table(bigquery.Table(name, [bigquery.SchemaField("own", "INT64")]))
    capsys.readouterr()
    assert main(["--var", str(var), "up", "--example"]) == 0
    assert f"{name} is there, and is left as it is" in capsys.readouterr().out
    assert [field.name for field in tables.get_table(name).schema] == ["own"]


def test_down_keeps_data_and_ports_and_reset_deletes_the_data(var: Path) -> None:
    first = Home(var).load()
    host = f"http://127.0.0.1:{first.ports['bigquery']}"
    tables = bigquery.Client(
        project=OTHER_PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": host},
    )
    tables.create_dataset("kept")
    buckets = storage.Client(
        project=OTHER_PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": f"http://127.0.0.1:{first.ports['storage']}"},
    )
    kept = buckets.bucket(f"{OTHER_PROJECT}-titleholder").blob("kept")
    kept.upload_from_string("yes")

    down = run_sandbox(var, "down")
    assert down.stdout.startswith("sandbox: 5 processes ended")
    assert not any(alive(process) for process in first.processes.values())
    assert main(["--var", str(var), "status"]) == 3
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{host}/readyz")

    assert run_sandbox(var, "up").returncode == 0
    assert Home(var).load().ports == first.ports
    assert "kept" in [dataset.dataset_id for dataset in tables.list_datasets()]
    assert kept.download_as_text() == "yes"

    assert run_sandbox(var, "reset").returncode == 0
    assert Home(var).load() == State(ports=first.ports)
    assert "GOOGLE_CLOUD_PROJECT=titleholder-local\n" in (var / "sandbox.env").read_text()
    assert run_sandbox(var, "up").returncode == 0
    assert list(tables.list_datasets()) == []
    log = (var / "logs" / "bigquery.log").read_text()
    assert "download" not in log


@pytest.mark.parametrize(
    "other", [("--project", "another-project"), ("--location", "europe-west4")]
)
def test_a_running_sandbox_keeps_its_project_and_region(
    sandbox: Sandbox, other: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before, addresses = Home(sandbox.var).load(), (sandbox.var / "sandbox.env").read_text()
    up = ["--var", str(sandbox.var), "up"]
    assert main([*up, *other]) == 1
    refused = capsys.readouterr().err
    assert refused.startswith(
        "sandbox: it is running as project titleholder-local in us-central1; run `python -m "
        "sandbox down`"
    )
    assert other[1] in refused
    assert refused.count("\n") == 1
    assert Home(sandbox.var).load() == before
    assert (sandbox.var / "sandbox.env").read_text() == addresses
    assert main([*up, "--project", before.project, "--location", before.location]) == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--project", "My Project", "is not a project id: write 6 to 30"),
        ("--project", "short", "is not a project id: write 6 to 30"),
        ("--project", "", "is not a project id: write 6 to 30"),
        ("--location", "Mars/North", "is not a region: write a name such as"),
        ("--location", "", "is not a region: write a name such as"),
    ],
)
def test_an_invalid_project_or_region_is_refused(
    tmp_path: Path, option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--var", str(tmp_path / "var"), "up", option, value])
    assert raised.value.code == 2
    assert f"argument {option}: {value!r} {message}" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


def test_a_service_that_ended_is_reported_and_restarted(var: Path) -> None:
    vertex = Home(var).load().processes["vertex"]
    psutil.Process(vertex.pid).kill()
    status = run_sandbox(var, "status")
    assert status.returncode == 1
    assert "Vertex AI                ended" in status.stdout
    assert run_sandbox(var, "up").returncode == 0
    assert Home(var).load().processes["vertex"].pid != vertex.pid


def test_a_service_at_another_port_is_known_to_those_that_call_it(var: Path) -> None:
    before = Home(var).load()
    stop([before.processes["bigquery"]])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", before.ports["bigquery"]))
        other.listen()
        assert run_sandbox(var, "up").returncode == 0
    after = Home(var).load()
    assert after.ports["bigquery"] != before.ports["bigquery"]
    assert after.ports["vertex"] == before.ports["vertex"]
    assert after.processes["storage"] == before.processes["storage"]
    address = psutil.Process(after.processes["vertex"].pid).environ()["BIGQUERY_EMULATOR_HOST"]
    assert address == f"http://127.0.0.1:{after.ports['bigquery']}"


def test_down_never_ends_a_process_it_did_not_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    first, second, other = (subprocess.Popen(["sleep", "600"]) for _ in range(3))
    processes = {
        "bigquery": Running(first.pid, started_at(first.pid) or ""),
        "storage": Running(second.pid, started_at(second.pid) or ""),
        # As if the system had reused the pid of a service that ended.
        "vertex": Running(other.pid, "before"),
    }
    home.save(State(ports=dict.fromkeys(PORTS, 1), processes=processes))
    try:
        assert main(["--var", str(tmp_path), "down"]) == 0
        assert capsys.readouterr().out.startswith("sandbox: 2 processes ended")
        assert not alive(processes["bigquery"])
        assert not alive(processes["storage"])
        assert other.poll() is None
    finally:
        for process in (first, second, other):
            process.kill()
            process.wait()


def test_a_port_can_be_chosen_and_a_port_in_use_is_not_taken(var: Path) -> None:
    stop([Home(var).load().processes["vertex"]])
    port = free_port(None)
    assert run_sandbox(var, "up", "--port", f"vertex={port}").returncode == 0
    assert Home(var).load().ports["vertex"] == port
    assert free_port(port) != port
    with pytest.raises(SystemExit) as raised:
        main(["--var", str(var), "up", "--port", "vertx=1"])
    assert raised.value.code == 2


def test_airflows_secrets_are_created_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    state = State(ports=dict.fromkeys(PORTS, 1))
    first = airflow.environment(Home(tmp_path), state)
    assert airflow.environment(Home(tmp_path), state) == first
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) > 30
    assert stat.S_IMODE(os.stat(tmp_path / "airflow" / "secrets.env").st_mode) == 0o600
