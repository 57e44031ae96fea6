"""Docker or Podman, for the components of pipelines that are containers."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress


def find_engine() -> str | None:
    """The path of the first of Docker and Podman that is installed and responds, or None."""
    for program in filter(None, map(shutil.which, ("docker", "podman"))):
        with suppress(OSError, subprocess.SubprocessError):
            # Without its daemon, the program of Docker fails.
            subprocess.run([program, "info"], capture_output=True, timeout=20, check=True)
            return program
    return None


def run_command(
    engine: str,
    image: str,
    command: Sequence[str],
    arguments: Sequence[str],
    volume: tuple[str, str],
    environment: Mapping[str, str],
) -> list[str]:
    """The command that runs a container until its end; SIGTERM ends it.

    `command` replaces the entry point of the image, unless it is empty. The container has the
    network of this machine, where the emulators are, and the folder of `volume` at its path.
    """
    options = [f"--volume={volume[0]}:{volume[1]}"]
    options += [f"--env={key}={value}" for key, value in environment.items()]
    if command:
        options.append(f"--entrypoint={command[0]}")
    # Without an init process, most programs ignore SIGTERM, as the first process of a container.
    fixed = ["run", "--rm", "--init", "--network=host"]
    return [engine, *fixed, *options, image, *command[1:], *arguments]
