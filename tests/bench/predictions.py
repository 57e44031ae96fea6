"""`python -m tests.bench.predictions`: how many predictions a second the local Vertex AI gives.

Beside two baselines of the same run, so that a busy machine moves them all: the same model
called directly, and a bare starlette route. Every load comes from a second process, over
loopback, and ends after a number of answers or some seconds.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import joblib
import numpy as np
import psutil
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, storage
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_linnerud
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from images.reference import image_reference
from model_server.artifact import artifact_digest

REPOSITORY = Path(__file__).resolve().parents[2]
ROW = [86.6, 91.4, 50.0]
MACHINE = {"machine_spec": {"machine_type": "n1-standard-2"}, "min_replica_count": 1}


@dataclass(frozen=True)
class Line:
    """One measurement: answers a second and, in seconds, the middle and the slowest of them.

    `cpu` is what one answer costs the server: on a busy machine it says more than the rate.
    """

    what: str
    rate: float
    cpu: float
    p50: float
    p99: float
    failed: int = 0
    first_failure: str = ""


@dataclass(frozen=True)
class Server:
    """What is measured: a URL, and the process behind it with its children."""

    url: str
    pid: int

    def cpu(self) -> float:
        """The seconds of processor that it has used so far."""
        server = psutil.Process(self.pid)
        used = 0.0
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used += times.user + times.system
        return used


def model() -> Any:
    """The example's estimator, as pipeline/components/train.py makes it."""
    people = load_linnerud()
    network = MLPRegressor(max_iter=300, learning_rate_init=0.003, random_state=0)
    estimator = TransformedTargetRegressor(
        Pipeline([("scale", StandardScaler()), ("network", network)]),
        transformer=StandardScaler(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It need not converge to take as long to answer.
        return estimator.fit(people.target, people.data)


def measure(requests: int, seconds: float, clients: int = 8) -> list[Line]:
    """All lines of the table; each load is bounded by both numbers."""
    estimator = model()

    def load(what: str, server: Server, meanwhile: Callable[[], Any] | None = None) -> Line:
        command = [sys.executable, "-m", "tests.bench.load", server.url, "--clients", str(clients)]
        command += ["--requests", str(requests), "--seconds", str(seconds)]
        process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        over = threading.Event()
        before = server.cpu()

        def repeat() -> None:
            while meanwhile is not None and not over.is_set():
                meanwhile()

        other = threading.Thread(target=repeat)
        other.start()
        try:
            output, _ = process.communicate(
                json.dumps({"instances": [ROW]}).encode(), timeout=seconds + 60
            )
        finally:
            over.set()
            other.join()
            process.kill()
        cpu = server.cpu() - before
        found = json.loads(output)
        return Line(
            what,
            found["answers"] / found["seconds"],
            cpu / found["answers"],
            found["p50"],
            found["p99"],
            found["failed"],
            found["first_failure"],
        )

    lines = [_direct(estimator, requests, seconds)]
    with _bare() as server:
        load("", server)  # Warm.
        lines.append(load("a bare starlette route", server))
    with _Sandbox(estimator) as vertex:
        server = vertex.server
        load("", server)
        lines.append(load(":predict, one model", server))
        vertex.deploy("2", {"1": 50, "0": 50})
        lines.append(load(":predict, two models", server))
        lines.append(load(":predict, the split changes", server, vertex.change_split))
        lines.append(load(":predict, models come and go", server, vertex.come_and_go))
        vertex.log_everything()
        lines.append(load(":predict, all are logged", server))
    return lines


def table(lines: list[Line]) -> str:
    """The lines as text, with rate and cost also as multiples of the first's."""
    head = ("", "/s", "ratio", "cpu ms", "ratio", "p50 ms", "p99 ms", "failed")
    rows = ["{:30} {:>7} {:>6} {:>7} {:>6} {:>7} {:>7} {:>6}".format(*head)]
    rows += [
        f"{one.what:30} {one.rate:7.0f} {one.rate / lines[0].rate:6.2f} "
        f"{one.cpu * 1000:7.2f} {one.cpu / lines[0].cpu:6.2f} {one.p50 * 1000:7.2f} "
        f"{one.p99 * 1000:7.2f} {one.failed:6} {one.first_failure}".rstrip()
        for one in lines
    ]
    return "\n".join(rows)


def _direct(estimator: Any, requests: int, seconds: float) -> Line:
    took = []
    begin, busy = time.perf_counter(), time.process_time()
    while len(took) < requests and time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        json.dumps(np.asarray(estimator.predict(np.asarray([ROW]))).tolist())
        took.append(time.perf_counter() - start)
    whole = time.perf_counter() - begin
    cpu = (time.process_time() - busy) / len(took)
    rate = len(took) / whole
    took.sort()
    return Line(
        "the model, called directly", rate, cpu, took[len(took) // 2], took[len(took) * 99 // 100]
    )


@contextmanager
def _bare() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", "--port", str(port)], cwd=REPOSITORY
    )
    try:
        for _ in range(400):
            try:
                httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Server(f"http://127.0.0.1:{port}/bare", process.pid)
    finally:
        process.terminate()
        process.wait(20)


class _Sandbox:
    """The whole sandbox in a folder of its own, with one endpoint on which model 1 answers."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __enter__(self) -> "_Sandbox":
        self._folder = tempfile.TemporaryDirectory(prefix="titleholder-bench-")
        self._var = Path(self._folder.name)
        try:
            self._cli("up", "--deploy-seconds", "0.1")
            lines = (self._var / "sandbox.env").read_text().split()
            self._fill(dict(line.split("=", 1) for line in lines))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cli("down")
        self._folder.cleanup()

    def deploy(self, deployed_id: str, split: dict[str, int]) -> None:
        """Deploy the model once more, under that id."""
        deployed = {"model": self._model, "dedicated_resources": MACHINE, "id": deployed_id}
        self._endpoints.deploy_model(
            endpoint=self.endpoint, deployed_model=deployed, traffic_split=split
        ).result(timeout=60)

    def change_split(self) -> None:
        """Move some traffic from one model to the other, some 20 times a second."""
        for share in (10, 50):
            self._update({"traffic_split": {"1": 100 - share, "2": share}})
            time.sleep(0.05)

    def come_and_go(self) -> None:
        """Undeploy model 2 and deploy it again."""
        self._endpoints.undeploy_model(
            endpoint=self.endpoint, deployed_model_id="2", traffic_split={"1": 100}
        ).result(timeout=60)
        self.deploy("2", {"1": 50, "0": 50})

    def log_everything(self) -> None:
        """Turn request-response logging on, for each request."""
        self._update(
            {"predict_request_response_logging_config": {"enabled": True, "sampling_rate": 1}}
        )

    def _update(self, fields: dict[str, Any]) -> None:
        self._endpoints.update_endpoint(
            endpoint={"name": self.endpoint, **fields}, update_mask={"paths": list(fields)}
        )

    def _cli(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "sandbox", "--var", str(self._var), *arguments]
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=240
        )
        if done.returncode != 0:
            raise RuntimeError(f"`{' '.join(command)}` failed: {done.stdout}{done.stderr}")

    def _fill(self, env: dict[str, str]) -> None:
        url = env["VERTEX_AI_EMULATOR_HOST"]
        project = env["GOOGLE_CLOUD_PROJECT"]
        artifact = self._var / "artifact"
        artifact.mkdir()
        joblib.dump(self._estimator, artifact / "model.joblib")
        client = storage.Client(
            project=project,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": env["STORAGE_EMULATOR_HOST"]},
        )
        bucket = f"{project}-titleholder"
        client.bucket(bucket).blob("bench/model.joblib").upload_from_filename(
            artifact / "model.joblib"
        )
        options: dict[str, Any] = {
            "transport": "rest",
            "credentials": AnonymousCredentials(),
            "client_options": ClientOptions(api_endpoint=url),
        }
        self._endpoints = aiplatform_v1.EndpointServiceClient(**options)
        parent = f"projects/{project}/locations/{env['GOOGLE_CLOUD_LOCATION']}"
        uploaded = aiplatform_v1.ModelServiceClient(**options).upload_model(
            parent=parent,
            model={
                "display_name": "bench",
                "artifact_uri": f"gs://{bucket}/bench",
                "container_spec": {
                    "image_uri": image_reference(),
                    "env": [{"name": "MODEL_SHA256", "value": artifact_digest(artifact)}],
                },
            },
        )
        self._model = uploaded.result(timeout=60).model
        made = self._endpoints.create_endpoint(parent=parent, endpoint={"display_name": "bench"})
        self.endpoint = made.result(timeout=60).name
        self.deploy("1", {"0": 100})
        pid = json.loads((self._var / "sandbox.json").read_text())["processes"]["vertex"]["pid"]
        self.server = Server(f"{url}/v1/{self.endpoint}:predict", pid)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.predictions", description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000, help="answers a measurement")
    parser.add_argument("--seconds", type=float, default=10, help="and no longer than this")
    parser.add_argument("--clients", type=int, default=8, help="connections at once")
    options = parser.parse_args()
    print(table(measure(options.requests, options.seconds, options.clients)))


if __name__ == "__main__":
    main()
