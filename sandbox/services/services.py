"""The Google Cloud services of the sandbox and the gateway to them: commands and health probes."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.state import LOOPBACK, PROJECT_NUMBER, SANDBOX, Home, State, addresses, bucket

PORTS = ("bigquery", "bigquery-storage", "storage", "vertex", "vertex-grpc", "gateway")

OWNERS = {"bigquery-storage": "bigquery", "vertex-grpc": "vertex"}
"""The services that listen on a second port, by its name."""


@dataclass(frozen=True)
class Service:
    """One process: its command, environment variables and health probes."""

    name: str
    title: str
    command: list[str]
    health: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None


def services(
    home: Home, state: State, deploy_seconds: float, faults: bool, images: Path | None
) -> list[Service]:
    """The services in the order in which they start; raises OSError if `state.ports` has no port
    for one of them."""
    ports = state.ports
    if missing := [name for name in PORTS if name not in ports]:
        raise OSError(
            f"an earlier version started it, without {missing[0]}; run `python -m sandbox up`"
        )
    bigquery_home = home.data("bigquery")
    guarded = [sys.executable, "-m", "sandbox.services.guarded"]
    return [
        Service(
            name="bigquery",
            title="BigQuery",
            command=[
                *guarded, "bigquery", "start", "--persistent",
                "--rest-host", LOOPBACK, "--rest-port", str(ports["bigquery"]),
                "--grpc-host", LOOPBACK, "--grpc-port", str(ports["bigquery-storage"]),
                "--data-dir", str(bigquery_home / "data"), "--project", state.project,
                "--log-level", "warning", "--log-format", "console",
            ],
            health=[
                f"http://{LOOPBACK}:{ports['bigquery']}/readyz",
                f"tcp://{LOOPBACK}:{ports['bigquery-storage']}",
            ],
            # DuckDB looks for its extensions under HOME. The Avro extension, which nothing needs,
            # is in no wheel and would be downloaded.
            environment={
                "HOME": str(bigquery_home),
                "BQEMU_ENABLE_FORMAT_EXTENSIONS": "0",
                "BQEMU_UPLOAD_STAGING_DIR": str(bigquery_home / "uploads"),
                # Where the emulator of Cloud Storage has its objects.
                "BQEMU_GCS_LOCAL_ROOT": str(home.data("storage").resolve() / ".cloudstorage"),
            },
            prepare=lambda: _link_spatial(bigquery_home),
        ),
        Service(
            name="storage",
            title="Cloud Storage",
            command=[
                *guarded, "storage", "--data-dir", str(home.data("storage")),
                "start", "--host", LOOPBACK, "--port", str(ports["storage"]),
                "--default-bucket", bucket(state),
            ],
            health=[f"http://{LOOPBACK}:{ports['storage']}/storage/v1/b/{bucket(state)}"],
            environment={"PROJECT_NUMBER": PROJECT_NUMBER},
        ),
        Service(
            name="vertex",
            title="Vertex AI",
            command=[
                sys.executable, "-m", "sandbox.vertex", "--port", str(ports["vertex"]),
                "--grpc-port", str(ports["vertex-grpc"]),
                "--home", str(home.data("vertex")), "--project", state.project,
                "--deploy-seconds", str(deploy_seconds), *(["--faults"] if faults else []),
                *(["--images", str(images.resolve())] if images else []),
            ],
            health=[
                f"http://{LOOPBACK}:{ports['vertex']}/healthz",
                f"tcp://{LOOPBACK}:{ports['vertex-grpc']}",
            ],
            # kfp then imports only what a run needs, and not the client of Kubernetes.
            environment=addresses(state)
            | {"_KFP_RUNTIME": "true", SANDBOX: str(home.var.resolve())},
        ),
        Service(
            name="gateway",
            title="Gateway",
            command=[
                sys.executable, "-m", "sandbox.gateway", "--port", str(ports["gateway"]),
                "--home", str(home.data("gateway")),
                *(
                    part
                    for name in PORTS if name != "gateway"
                    for part in (f"--{name}", str(ports[name]))
                ),
            ],
            health=[f"tcp://{LOOPBACK}:{ports['gateway']}"],
            prepare=lambda: _write_client_files(home, state),
        ),
    ]  # fmt: skip


def _write_client_files(home: Home, state: State) -> None:
    # Its packages take longer to import than most commands take.
    from sandbox.gateway.client_files import write_client_files

    write_client_files(home, state)


def _link_spatial(home: Path) -> None:
    """Give DuckDB its spatial extension, which the emulator requires, from its wheel.

    Without this, DuckDB would download it. Its own INSTALL would copy its 80 MB.
    """
    import duckdb
    import duckdb_extension_spatial

    (wheel,) = duckdb_extension_spatial.__path__
    (extension,) = Path(wheel).rglob("spatial.duckdb_extension")
    with duckdb.connect() as connection:
        ((platform,),) = connection.execute("PRAGMA platform").fetchall()
    link = home / ".duckdb" / "extensions" / extension.parent.name / platform / extension.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(extension)
