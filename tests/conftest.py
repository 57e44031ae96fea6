"""The sandbox, started once for all tests that need it, and stopped at the end."""

import atexit
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.state import Home, State, airflow_settings
from tests import leftovers, summary
from tests.faults import Faults
from tests.time_limit import pytest_timeout_set_timer as pytest_timeout_set_timer
from tests.work_units import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

REPOSITORY = Path(__file__).resolve().parent.parent
IMAGES = REPOSITORY / "tests" / "containers" / "images.yaml"
CONSTANT = "sandbox.test/constant:1"
"""An image that serves a folder with `constant.json`, its prediction for any instance."""

# Tests never use the machine's settings of Google or Airflow, nor those of the make that runs them.
# Airflow reads some settings when it is imported, so they are set here, before any test module is.
OUTSIDE = ("AIRFLOW", "GOOGLE_", "OPENLINEAGE", "TITLEHOLDER_", "MAKE", "MFLAGS")
for name in [name for name in os.environ if name.startswith(OUTSIDE)]:
    del os.environ[name]
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="titleholder-airflow-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
DAGS_FOLDER = AIRFLOW_HOME / "dags"
shutil.copytree(REPOSITORY / "dags", DAGS_FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
os.environ |= {
    "AIRFLOW_HOME": str(AIRFLOW_HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_FOLDER),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}


WATCHDOG = pytest.StashKey["subprocess.Popen[bytes]"]()
VERTEX = pytest.StashKey[str]()
LONG_SECONDS = 7200


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--transport",
        choices=("rest", "grpc"),
        default="rest",
        help="how the tests of the local Vertex AI in a thread call it",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """SIGTERM ends the run as Ctrl-C does, and nothing of it keeps running."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    config.stash[WATCHDOG] = leftovers.watch(folder)
    signal.signal(signal.SIGTERM, _end)


def pytest_unconfigure(config: pytest.Config) -> None:
    if (watchdog := config.stash.get(WATCHDOG, None)) is not None:
        watchdog.communicate()


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pytest.exit("SIGTERM", returncode=128 + signal.SIGTERM)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in summary.lines(terminalreporter.stats):
        terminalreporter.write_line(line)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox: its folder and the variables of its `sandbox.env`, without the settings of
    Airflow, since the tests have an Airflow of their own."""

    var: Path
    env: dict[str, str]

    @property
    def bucket(self) -> Any:
        """The bucket that exists from the start, of Google's client."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        project = self.env["GOOGLE_CLOUD_PROJECT"]
        client = storage.Client(
            project=project,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.env["STORAGE_EMULATOR_HOST"]},
        )
        return client.bucket(f"{project}-titleholder")

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m sandbox --var … arguments`."""
        return run_sandbox(self.var, *arguments)


def run_sandbox(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the sandbox's command line from the repository's root."""
    return subprocess.run(
        [sys.executable, "-m", "sandbox", "--var", str(var), *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="session")
def sandbox(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    """BigQuery, Cloud Storage and Vertex AI on free ports; deployments take 0.2 seconds.

    Vertex AI accepts faults on demand: see the fixture `faults`.
    """
    var = tmp_path_factory.mktemp("var")
    try:
        started = run_sandbox(
            var, "up", "--deploy-seconds", "0.2", "--faults", "--images", str(IMAGES)
        )
        assert started.returncode == 0, started.stdout + started.stderr
        lines = shlex.split((var / "sandbox.env").read_text())
        written = dict(line.split("=", 1) for line in lines)
        settings = airflow_settings(Home(var), State())
        request.session.stash[VERTEX] = written["VERTEX_AI_EMULATOR_HOST"]
        yield Sandbox(var, {name: written[name] for name in written.keys() - settings.keys()})
    finally:
        run_sandbox(var, "down")


@pytest.fixture(scope="module", autouse=True)
def vertex_sdk_settings() -> Iterator[None]:
    """Forget what `aiplatform.init` set after each module: the SDK keeps it for the process, and
    which modules share one is left to pytest-xdist."""
    yield
    initializer = sys.modules.get("google.cloud.aiplatform.initializer")
    if initializer is not None:
        initializer.global_config.__init__()


@pytest.fixture(scope="module", autouse=True)
def stopped_containers(request: pytest.FixtureRequest) -> Iterator[None]:
    """The containers of a file's models stop at its end: a suite leaves hundreds, which are probed
    all the time. One that is asked again starts again."""
    yield
    if host := request.session.stash.get(VERTEX, None):
        httpx.delete(f"{host}/sandbox/containers", verify=False, timeout=60).raise_for_status()


@pytest.fixture
def faults(sandbox: Sandbox) -> Iterator[Faults]:
    """Faults in the sandbox's Vertex AI; none are armed before and after the test."""
    found = Faults(sandbox.env["VERTEX_AI_EMULATOR_HOST"])
    found.clear()
    try:
        yield found
    finally:
        found.close()
