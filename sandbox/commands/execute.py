"""`sandbox exec COMMAND…`: a program whose Google clients call the sandbox."""

import argparse
import os
import shlex
import signal

from sandbox.gateway.client_settings import client_settings, set_variables
from sandbox.services.processes import alive
from sandbox.state import Home


def execute(home: Home, options: argparse.Namespace) -> int:
    """Become the program in `options.command`, in the environment of the gateway's clients.

    Raises OSError if the sandbox is not running, or the program cannot be started.
    """
    command = [*options.command]
    if command[:1] == ["--"]:
        command.pop(0)
    if not command:
        raise OSError("it needs a program, such as `sandbox exec python program.py`")
    state = home.load_running()
    if "gateway" not in state.processes or not alive(state.processes["gateway"]):
        raise OSError("its gateway is not running; run `python -m sandbox up` first")
    # Python ignores it, and would leave that to the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    set_variables(os.environ, client_settings(home, state))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise OSError(f"`{shlex.join(command)}` cannot be started: {error.strerror}") from None
