"""`python -m sandbox.vertex`: serve the local Vertex AI on loopback."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from sandbox.cli_types import seconds
from sandbox.state import LOOPBACK, PROJECT_NUMBER
from sandbox.vertex.app import KEEP_ALIVE_SECONDS, create_app
from sandbox.vertex.cloud.routes import cloud_routes
from sandbox.vertex.context import Durations
from sandbox.vertex.http.routes import google_routes
from sandbox.vertex.rpc.front_end import GrpcFrontEnd


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 for wrong arguments."""
    default = Durations()
    parser = argparse.ArgumentParser(prog="python -m sandbox.vertex", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, help="without it there is no gRPC")
    parser.add_argument("--host", default="127.0.0.1", help="only 127.0.0.1 is allowed")
    parser.add_argument("--home", type=Path, required=True, help="folder of the state")
    parser.add_argument("--project", required=True, help="project id")
    parser.add_argument("--project-number", default=PROJECT_NUMBER, help="project number")
    for name, value in vars(default).items():
        text = f"minimum duration of operations of this kind (default {value})"
        parser.add_argument(f"--{name}-seconds", type=seconds, default=value, help=text)
    parser.add_argument(
        "--faults", action="store_true", help="for tests: faults on demand, at /sandbox/..."
    )
    parser.add_argument("--images", type=Path, help="a file of further images")
    options = parser.parse_args(arguments)
    if options.host != "127.0.0.1":
        parser.error(
            f"--host {options.host}: this server checks no credentials and runs the code in "
            "models, so it listens on 127.0.0.1 only; leave --host out"
        )
    durations = Durations(options.deploy_seconds, options.undeploy_seconds, options.other_seconds)
    try:
        app = create_app(
            options.home,
            options.project,
            os.environ.get("STORAGE_EMULATOR_HOST", ""),
            number=options.project_number,
            durations=durations,
            bigquery_host=os.environ.get("BIGQUERY_EMULATOR_HOST", ""),
            faults=options.faults,
            images=options.images,
            # Another name than that of the region's host, as on Google Cloud.
            dedicated_host=f"localhost:{options.port}",
        )
    except ValueError as error:
        parser.error(str(error))
    if options.grpc_port:
        host = f"{LOOPBACK}:{options.port}"
        app = GrpcFrontEnd(app, [*google_routes(), *cloud_routes()], options.grpc_port, host)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
