"""What the Dockerfile does, done in a new virtual environment: its packages are installed by its
own command, and its server answers for a model in the sandbox's Cloud Storage."""

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from packaging.utils import canonicalize_name
from sklearn.linear_model import LinearRegression

from images.reference import FOLDER, LOCK, SOURCE, pins
from tests.conftest import Sandbox
from tests.deploy.conftest import client
from tests.images.dockerfile import commands, environment, instructions, the

pytestmark = pytest.mark.long  # It installs the image's packages with pip.

# The image's folder, where another one stands for it here.
OPT = "/opt/model"


@dataclass(frozen=True)
class Installed:
    """A virtual environment in which the Dockerfile's commands were run, and its /opt/model."""

    venv: Path
    opt: Path

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a process in the container."""
        own = {name: value.replace(OPT, str(self.opt)) for name, value in environment().items()}
        return {"PATH": f"{self.venv}/bin:{os.environ['PATH']}", "HOME": "/tmp"} | own

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.venv / "bin/python", *arguments]
        return subprocess.run(
            command, env=self.environ, cwd=self.opt, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("image")
    venv.create(folder / "venv", symlinks=True, with_pip=True)
    found = Installed(folder / "venv", folder / "opt")
    copied = [rest.split() for keyword, rest in instructions() if keyword == "COPY"]
    for source, target in copied:
        path = Path(target.replace(OPT, str(found.opt)))
        path.parent.mkdir(exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__")
        if (FOLDER / source).is_dir():
            shutil.copytree(FOLDER / source, path, ignore=ignored)
        else:
            shutil.copy(FOLDER / source, path)
    # pip's settings of this machine, such as an index; its cache too, which an image does not keep.
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    for command in commands():
        if not command.startswith("useradd "):
            here = command.replace(OPT, str(found.opt)).replace(" --no-cache-dir", "")
            done = subprocess.run(
                ["/bin/sh", "-ec", here],
                env=found.environ | {"HOME": str(Path.home())} | pip,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{here}\n{done.stdout}\n{done.stderr}"
    return found


def test_the_environment_is_that_of_the_lock(installed: Installed) -> None:
    listed = installed.python("-m", "pip", "list", "--format", "json")
    rows = json.loads(listed.stdout)
    versions = {canonicalize_name(row["name"]): row["version"] for row in rows}
    needed = {pin.name: pin for pin in pins(LOCK) if pin.marker is None or pin.marker.evaluate()}
    # A new environment has these two, as the base image has.
    assert versions.keys() - {"pip", "setuptools"} == needed.keys()
    assert all(pin.specifier.contains(versions[name]) for name, pin in needed.items())


def test_tests_of_packages_and_headers_are_left_out(installed: Installed) -> None:
    [site] = (installed.venv / "lib").glob("python3.*/site-packages")
    for package in ("numpy", "pandas", "pyarrow", "scipy", "sklearn"):
        assert (site / package / "__init__.py").is_file()
        assert not list((site / package).rglob("tests"))
    assert not (site / "pyarrow/include").exists()
    assert list((site / "sklearn/__pycache__").glob("*.pyc"))


def test_what_steps_and_server_import_is_there(installed: Installed) -> None:
    modules = (
        "kfp.dsl.executor_main",
        "model_server.__main__",
        "google.cloud.bigquery_storage",
        "google.cloud.storage",
        "httptools",
        "pandas",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "scipy.stats",
        "sklearn.ensemble",
        "sklearn.model_selection",
    )
    done = installed.python("-c", f"import {', '.join(modules)}")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def artifact(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URI and the digest of a model in Cloud Storage, with a recorded prediction."""
    x = np.arange(12.0).reshape(4, 3)
    model = LinearRegression().fit(x, x.sum(axis=1))
    joblib.dump(model, tmp_path / "model.joblib")
    examples = {"instances": [[1, 2, 3]], "predictions": [6.0]}
    (tmp_path / "examples.json").write_text(json.dumps(examples))
    bucket = client(sandbox).create_bucket(f"image-{os.getpid()}-{abs(hash(request.node.name))}")
    for file in tmp_path.iterdir():
        bucket.blob(f"models/one/{file.name}").upload_from_filename(str(file))
    sums = ["sha256sum", "examples.json", "model.joblib"]
    text = subprocess.run(sums, cwd=tmp_path, capture_output=True, check=True).stdout
    digest = subprocess.run(["sha256sum"], input=text, capture_output=True, check=True).stdout
    return f"gs://{bucket.name}/models/one", digest.decode().split()[0]


@contextmanager
def server(
    installed: Installed, sandbox: Sandbox, uri: str, digest: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The image's command for this model: its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "AIP_STORAGE_URI": uri,
        "AIP_HTTP_PORT": str(port),
        "AIP_PREDICT_ROUTE": "/v1/predict",
        "MODEL_SHA256": digest,
        "MODEL_SERVER_HOST": "127.0.0.1",
        "STORAGE_EMULATOR_HOST": sandbox.env["STORAGE_EMULATOR_HOST"],
    }
    process = subprocess.Popen(
        json.loads(the("CMD")),
        env=installed.environ | variables,
        cwd=the("WORKDIR"),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.communicate()


def answers(address: str, process: subprocess.Popen[str]) -> bool:
    """Wait until the server is healthy; False if it has ended before."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=10) as response:
                return bool(response.status == 200)
        except urllib.error.URLError:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            return False
    raise AssertionError("the server neither answers nor ends")


def predict(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{address}/v1/predict", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_the_server_answers_for_a_model(
    installed: Installed, sandbox: Sandbox, artifact: tuple[str, str]
) -> None:
    with server(installed, sandbox, *artifact) as (address, process):
        assert answers(address, process)
        answer = predict(address, {"instances": [[1, 1, 1], [2, 3, 4]]})
    assert answer["predictions"] == pytest.approx([3.0, 9.0])
    assert process.returncode in (0, -signal.SIGTERM)


def test_the_server_refuses_files_of_another_digest(
    installed: Installed, sandbox: Sandbox, artifact: tuple[str, str]
) -> None:
    with server(installed, sandbox, artifact[0], "0" * 64) as (address, process):
        assert not answers(address, process)
        assert process.returncode == 1
        assert process.stderr is not None
        assert "have the SHA-256" in process.stderr.read()


def test_the_sources_are_those_of_the_repository(installed: Installed) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        found = folder.rglob("*.py")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    assert files(installed.opt) == files(SOURCE)
