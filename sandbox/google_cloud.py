"""Google Cloud on this machine for the program that asks for it:

    with google_cloud(project="my-project"):
        aiplatform.init(project="my-project", location="us-central1")
        ...

Inside the block Google's clients, of any library and transport, call services that were started
for it, at Google's own addresses.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from sandbox.cli_types import location as location_name
from sandbox.cli_types import project_id, seconds
from sandbox.gateway.client_settings import client_settings, set_variables
from sandbox.services.processes import stop
from sandbox.services.session import END, READY
from sandbox.state import LOOPBACK, Home, State

_BLOCK: Final = threading.Lock()


@dataclass(frozen=True)
class GoogleCloud:
    """A Google Cloud on this machine, with one project; it checks no permissions."""

    project: str
    location: str
    vertex_ai: str
    """The address of Vertex AI, whose `/sandbox/clock` and `/console/` a test may use."""


@contextmanager
def google_cloud(
    project: str = "my-project",
    location: str = "us-central1",
    *,
    deploy_seconds: float = 0.0,
    images: Path | None = None,
) -> Iterator[GoogleCloud]:
    """BigQuery, Cloud Storage and Vertex AI, empty at the start and deleted at the end.

    Environment variables and gRPC's root certificates are this process's: blocks must not overlap
    in it. `deploy_seconds` is the duration of a deployment, `images` a file of further images
    (docs/explanation/sandbox.md#containers). Raises ValueError for an invalid argument, OSError
    for a service that does not start, and RuntimeError inside another block.
    """
    try:
        project_id(project), location_name(location), seconds(str(deploy_seconds))
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from None
    more = ["--images", str(images.resolve())] if images else []
    if not _BLOCK.acquire(blocking=False):
        raise RuntimeError("google_cloud() is active in this process; leave that block first")
    try:
        with _session(
            *("--project", project, "--location", location),
            *("--deploy-seconds", str(deploy_seconds), *more),
        ) as home:
            state = home.load()
            with _clients_of(home, state):
                yield GoogleCloud(project, location, f"http://{LOOPBACK}:{state.ports['vertex']}")
    finally:
        _BLOCK.release()


@contextmanager
def _session(*arguments: str) -> Iterator[Home]:
    """A sandbox that runs: it ends with the block, and with this process."""
    owner, home = os.getpid(), Home(Path(tempfile.mkdtemp(prefix="sandbox-")))
    try:
        session = subprocess.Popen(
            [sys.executable, "-m", "sandbox.services.session", str(home.var), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert session.stdout is not None
            if (said := session.stdout.readline().strip()) != READY:
                raise OSError(said or "the sandbox did not start; its process says why on stderr")
            yield home
        finally:
            # A process that this one forked may leave the block, too.
            if os.getpid() == owner:
                session.communicate(END)
    finally:
        if os.getpid() == owner:  # for a session that was killed
            stop(list(home.load().processes.values()))
            shutil.rmtree(home.var, ignore_errors=True)


@contextmanager
def _clients_of(home: Home, state: State) -> Iterator[None]:
    """Clients that are created in this process call the sandbox."""
    variables = client_settings(home, state)
    certificates = variables["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"]
    assert certificates is not None
    roots = Path(certificates).read_bytes()
    before = set_variables(os.environ, variables)
    secure, default = grpc.ssl_channel_credentials, grpc.compute_engine_channel_credentials

    # gRPC reads the variable's file once in a process, which may have been earlier.
    def ssl_channel_credentials(
        root_certificates: bytes | None = None, *rest: Any, **more: Any
    ) -> Any:
        return secure(root_certificates or roots, *rest, **more)

    def compute_engine_channel_credentials(call_credentials: Any) -> Any:
        return grpc.composite_channel_credentials(secure(roots), call_credentials)

    grpc.ssl_channel_credentials = ssl_channel_credentials
    grpc.compute_engine_channel_credentials = compute_engine_channel_credentials
    sdk = _sdk_settings()
    earlier = dict(vars(sdk)) if sdk else None
    if sdk:
        sdk._credentials = None
    try:
        yield
    finally:
        grpc.ssl_channel_credentials = secure
        grpc.compute_engine_channel_credentials = default
        set_variables(os.environ, before)
        if sdk := _sdk_settings():
            vars(sdk).update(earlier or vars(type(sdk)()))


def _sdk_settings() -> Any:
    """What `aiplatform.init` sets, if Vertex AI's SDK is imported."""
    initializer = sys.modules.get("google.cloud.aiplatform.initializer")
    return initializer and initializer.global_config
