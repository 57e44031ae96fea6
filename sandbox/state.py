"""The files of the sandbox, its stored state, and the environment variables of its clients."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote

from sandbox.socket_folder import socket_folder

LOOPBACK = "127.0.0.1"
PROJECT_NUMBER = "100000000001"
"""The number of the sandbox's project, in Vertex AI and Cloud Storage."""
SANDBOX = "TITLEHOLDER_SANDBOX"
"""The variable by which Vertex AI knows the folder of its sandbox, as given by `--var`."""
REPOSITORY = Path(__file__).resolve().parent.parent
CHECKOUT = (REPOSITORY / "dags").is_dir()
"""Whether this is a checkout, whose DAGs a local Airflow can run, or an installed package."""
# Its socket's name has it.
POSTGRES_PORT = 5432
POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"


@dataclass(frozen=True)
class Running:
    """A process that the sandbox started; `started` shows whether its pid was reused."""

    pid: int
    started: str


@dataclass
class State:
    """What is stored between two calls of `python -m sandbox`."""

    project: str = "titleholder-local"
    location: str = "us-central1"
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, Running] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """The folders and files under one `var/`."""

    var: Path

    @property
    def env_file(self) -> Path:
        """`sandbox.env`, which a shell can source: addresses, and settings of the Airflow CLI."""
        return self.var / "sandbox.env"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.var.resolve() / "airflow"

    @property
    def sockets(self) -> Path:
        """The folder of PostgreSQL's socket, which is there while it runs."""
        return socket_folder(self.data("postgres").resolve() / "socket", POSTGRES_SOCKET)

    @property
    def database(self) -> str:
        """The address of Airflow's database, for PostgreSQL's own clients."""
        return f"postgresql://postgres@/postgres?host={self.sockets}&port={POSTGRES_PORT}"

    def data(self, service: str) -> Path:
        """The data folder of a service."""
        return self.var / "sandbox" / service

    def log(self, name: str) -> Path:
        """The log file of a service or command."""
        return self.var / "logs" / f"{name}.log"

    @property
    def owned(self) -> bool:
        """Whether a sandbox was started in this folder before."""
        return self._state_file.exists()

    @property
    def has_foreign_files(self) -> bool:
        """Whether the folder belongs to another program: no sandbox was started in it, and it has
        more than what `make docs` and `make dist` write into a checkout's `var`."""
        if self.owned or not self.var.exists():
            return False
        return any(path.name not in ("site", "dist") for path in self.var.iterdir())

    @property
    def _state_file(self) -> Path:
        return self.var / "sandbox.json"

    def load(self) -> State:
        """The stored state; a new one if there is none. Raises OSError if it cannot be parsed."""
        try:
            raw = json.loads(self._state_file.read_text())
            processes = {name: Running(**process) for name, process in raw.pop("processes").items()}
            return State(**raw, processes=processes)
        except FileNotFoundError:
            return State()
        except (KeyError, TypeError, ValueError):
            raise OSError(
                f"{self._state_file} was written by another version; end the processes it names "
                f"and delete {self.var}"
            ) from None

    def load_running(self) -> State:
        """The stored state; raises OSError if the sandbox is not running."""
        state = self.load()
        if "vertex" not in state.processes:
            raise OSError("it is not running; run `python -m sandbox up` first")
        return state

    def save(self, state: State) -> None:
        """Write `state` and `sandbox.env`; each file is replaced atomically."""
        self.var.mkdir(parents=True, exist_ok=True)
        _replace(self._state_file, json.dumps(asdict(state), indent=2) + "\n")
        variables = addresses(state) | airflow_settings(self, state)
        lines = (f"{name}={quote(value)}\n" for name, value in variables.items())
        _replace(self.env_file, "".join(lines))


def addresses(state: State) -> dict[str, str]:
    """The variables that Google's client libraries and this project read."""
    hosts = {
        "BIGQUERY_EMULATOR_HOST": ("http://", "bigquery"),
        # A gRPC target has no scheme.
        "BIGQUERY_STORAGE_EMULATOR_HOST": ("", "bigquery-storage"),
        "STORAGE_EMULATOR_HOST": ("http://", "storage"),
        "VERTEX_AI_EMULATOR_HOST": ("http://", "vertex"),
        "VERTEX_AI_GRPC_EMULATOR_HOST": ("", "vertex-grpc"),
    }
    return {
        **{
            variable: f"{scheme}{LOOPBACK}:{state.ports[name]}"
            for variable, (scheme, name) in hosts.items()
            if name in state.ports  # an earlier version may have started the sandbox
        },
        "GOOGLE_CLOUD_PROJECT": state.project,
        "GOOGLE_CLOUD_LOCATION": state.location,
        # The command line and the DAGs call the sandbox without credentials.
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": (
            '{"conn_type":"google_cloud_platform","extra":{"is_anonymous":true}}'
        ),
    }


def airflow_settings(home: Home, state: State, dags: Path | None = None) -> dict[str, str]:
    """The settings that any `airflow` command needs for this project; none of them is secret.

    `dags` is the DAG folder, by default this repository's.
    """
    ui = f"http://{LOOPBACK}:{state.ports.get('airflow', 8080)}"
    return {
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags or REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # With psycopg 3, Airflow 3.3 does not know the error of a lock that is not available: its
        # `is_lock_not_available_error` reads `pgcode`.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": home.database.replace(":", "+psycopg2:", 1),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        # A waiting task has no worker. A worker and its task take about 90 MB.
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{ui}/execution/",
        "AIRFLOW__API__BASE_URL": ui,
        # The default lets workers report up to five seconds late.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # A changed YAML file is read within seconds.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def bucket(state: State) -> str:
    """The bucket that exists from the start; its name is the default of the DAGs."""
    return f"{state.project}-titleholder"


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)
