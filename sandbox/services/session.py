"""`python -m sandbox.services.session VAR`: services that end with the process that started this.

It starts them in the folder VAR, prints `ready`, or one sentence about what is wrong, and waits for
the end of stdin. Then it stops them and deletes the folder. The starting process holds the other
end of stdin: also if it is killed, nothing remains.
"""

import argparse
import shutil
import signal
import sys
from pathlib import Path

from sandbox.cli_types import location, project_id, seconds
from sandbox.services import launch
from sandbox.services.processes import stop
from sandbox.services.services import PORTS, services
from sandbox.state import Home, State

READY = "ready"


def main(arguments: list[str] | None = None) -> int:
    """0 after a session, 1 if a service did not start."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.services.session")
    parser.add_argument("var", type=Path)
    parser.add_argument("--project", type=project_id, required=True)
    parser.add_argument("--location", type=location, required=True)
    parser.add_argument("--deploy-seconds", type=seconds, default=0.0)
    parser.add_argument("--images", type=Path)
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Meant for the process that started this. The services would inherit SIG_IGN.
        signal.signal(number, lambda *_: None)
    home, state = Home(options.var), State(options.project, options.location)
    try:
        launch.choose_ports(home, state, PORTS)
        found = services(home, state, options.deploy_seconds, False, options.images)
        launch.start(home, state, found)
        for service in found:
            launch.wait(home, state, service, "the same call")
        print(READY, flush=True)
        sys.stdin.read()
    except OSError as error:
        print(error, flush=True)
        return 1
    finally:
        stop(list(state.processes.values()))
        shutil.rmtree(options.var, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
