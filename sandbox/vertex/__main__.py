"""`python -m sandbox.vertex`: the local Vertex AI as a process, on this machine only."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from sandbox.cli_types import seconds
from sandbox.vertex.app import PROJECT_NUMBER, create_app
from sandbox.vertex.context import Durations


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 for wrong arguments."""
    default = Durations()
    parser = argparse.ArgumentParser(prog="python -m sandbox.vertex", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1 and no other")
    parser.add_argument("--home", type=Path, required=True, help="the folder of its state")
    parser.add_argument("--project", required=True, help="the id of the sandbox's project")
    parser.add_argument("--project-number", default=PROJECT_NUMBER)
    parser.add_argument("--deploy-seconds", type=seconds, default=default.deploy)
    parser.add_argument("--undeploy-seconds", type=seconds, default=default.undeploy)
    parser.add_argument("--other-seconds", type=seconds, default=default.other)
    parser.add_argument(
        "--faults", action="store_true", help="for tests: faults on demand, at /sandbox/..."
    )
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
        )
    except ValueError as error:
        parser.error(str(error))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
