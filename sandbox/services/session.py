"""`python -m sandbox.services.session VAR`: services that end with the process that started this.

It starts them in the folder VAR, prints `ready`, or one sentence about what is wrong, and waits for
a line on stdin, or its end. Then it stops them and deletes the folder. The starting process holds
the other end of stdin: also if it is killed, nothing remains. A line ends the session even if
processes that were forked there have that end, too.
"""

import argparse
import contextlib
import os
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
END = "end\n"
_LOG_CHARACTERS = 5_000


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
        while not _started(home, state, options):
            pass
        _say(READY)
        sys.stdin.readline()
    except OSError as error:
        _say(str(error))
        return 1
    finally:
        stop(list(state.processes.values()))
        shutil.rmtree(options.var, ignore_errors=True)
    return 0


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the starting process has ended
        os.write(sys.stdout.fileno(), f"{text}\n".encode())


def _started(home: Home, state: State, options: argparse.Namespace) -> bool:
    """Whether all services are healthy; False if one has ended whose port another process took
    first. Raises OSError for any other failure; the end of the log is then on stderr."""
    launch.choose_ports(home, state, PORTS)
    found = services(home, state, options.deploy_seconds, False, options.images)
    launch.start(home, state, found)
    for service in found:
        try:
            launch.wait(home, state, service, "the same call")
        except OSError as error:
            if launch.lost_port(state, service):
                return False
            log = home.log(service.name).read_text(encoding="utf-8", errors="replace")
            print(log[-_LOG_CHARACTERS:], file=sys.stderr)
            raise OSError(f"{error}, which is deleted now; its end is on stderr") from None
    return True


if __name__ == "__main__":
    sys.exit(main())
