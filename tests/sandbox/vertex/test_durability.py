"""The state after a kill of the server at any moment."""

import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from sandbox.vertex.endpoints.traffic import check_split
from tests.sandbox.conftest import CONSTANT, MACHINE, PROJECT, google_clients
from tests.sandbox.kill_helper import KillableServer
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.prediction.model_servers import behaviour
from tests.waiting import until

LOCATION = f"projects/{PROJECT}/locations/us-central1"


@dataclass(frozen=True)
class Known:
    """The acknowledged state of an endpoint and its model."""

    versions: tuple[str, ...] = ("1",)
    champion: str = ""
    """The version with the alias."""
    deployed: tuple[tuple[str, str], ...] = ()
    """Deployed ids, each with its version."""
    split: tuple[tuple[str, int], ...] = ()
    labels: str = ""


Change = tuple[Known, Callable[[], Any]]


@dataclass
class Worker:
    """A client with its own endpoint and model, which no other client changes."""

    url: str
    number: int
    artifact: str
    chance: random.Random
    known: Known = Known()
    attempted: Known | None = None
    """The possible state after a change without a response."""
    done: int = 0
    operations: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        clients = google_clients(self.url)
        self.endpoints, self.models, self.predictions, self.jobs = clients
        self.endpoint = f"{LOCATION}/endpoints/e{self.number}"
        self.model = f"{LOCATION}/models/m{self.number}"

    def close(self) -> None:
        for client in (self.endpoints, self.models, self.predictions, self.jobs):
            client.transport.close()

    def set_up(self) -> None:
        self.finish(
            self.endpoints.create_endpoint(
                parent=LOCATION,
                endpoint={"display_name": "e"},
                endpoint_id=f"e{self.number}",
            )
        )
        self.finish(self._upload(model_id=f"m{self.number}"))

    def work(self) -> None:
        """Send changes until the server ends."""
        try:
            while True:
                self.attempted, call = self.chance.choice(self._changes())
                response = call()
                if hasattr(response, "operation"):
                    self.finish(response)
                self.known, self.attempted = self.attempted, None
                self.done += 1
        except (requests.exceptions.RequestException, exceptions.ServiceUnavailable):
            pass

    def finish(self, future: Any) -> None:
        name = future.operation.name
        ended = self.endpoints.wait_operation({"name": name, "timeout": {"seconds": 20}})
        assert ended.done
        assert not ended.error.code, ended.error
        self.operations.add(name)

    def _upload(self, **request: Any) -> Any:
        model = {
            "display_name": "m",
            "artifact_uri": self.artifact,
            "container_spec": {"image_uri": CONSTANT},
        }
        return self.models.upload_model(request={"parent": LOCATION, "model": model, **request})

    def _changes(self) -> list[Change]:
        known, ids = self.known, [one for one, _ in self.known.deployed]
        label = str(self.chance.randrange(1000))
        version = self.chance.choice(known.versions)
        changes: list[Change] = [
            (
                replace(known, versions=(*known.versions, str(len(known.versions) + 1))),
                lambda: self._upload(parent_model=self.model),
            ),
            (
                replace(known, champion=version),
                lambda: self.models.merge_version_aliases(
                    name=f"{self.model}@{version}", version_aliases=["champion"]
                ),
            ),
        ]
        if len(ids) < 3:
            new = next(str(n) for n in range(1, 9) if str(n) not in ids)
            split = self._split([*ids, new])
            changes.append(
                (
                    replace(known, deployed=(*known.deployed, (new, version)), split=split),
                    lambda: self.endpoints.deploy_model(
                        endpoint=self.endpoint,
                        deployed_model={
                            "model": f"{self.model}@{version}",
                            "id": new,
                            "dedicated_resources": MACHINE,
                        },
                        traffic_split={("0" if one == new else one): n for one, n in split},
                    ),
                )
            )
        if ids:
            share = self._split(ids)
            endpoint = {
                "name": self.endpoint,
                "traffic_split": dict(share),
                "labels": {"n": label},
            }
            changes.append(
                (
                    replace(known, split=share, labels=label),
                    lambda: self.endpoints.update_endpoint(
                        endpoint=endpoint, update_mask={"paths": ["traffic_split", "labels"]}
                    ),
                )
            )
            removed = self.chance.choice(ids)
            rest = tuple(one for one in known.deployed if one[0] != removed)
            remaining = self._split([one for one, _ in rest])
            changes.append(
                (
                    replace(known, deployed=rest, split=remaining),
                    lambda: self.endpoints.undeploy_model(
                        endpoint=self.endpoint,
                        deployed_model_id=removed,
                        traffic_split=dict(remaining),
                    ),
                )
            )
        return changes

    def _split(self, ids: list[str]) -> tuple[tuple[str, int], ...]:
        if len(ids) < 2:
            return tuple((one, 100) for one in ids)
        first = self.chance.randrange(1, 100)
        return ((ids[0], first), (ids[1], 100 - first))

    def observe(self) -> Known:
        """The current state; fails if it is inconsistent."""
        endpoint = self.endpoints.get_endpoint(name=self.endpoint)
        ids = [one.id for one in endpoint.deployed_models]
        assert len(ids) == len(set(ids))
        check_split(endpoint.traffic_split, ids)
        versions = list(self.models.list_model_versions(name=self.model))
        aliases = [alias for one in versions for alias in one.version_aliases]
        assert len(aliases) == len(set(aliases))
        assert aliases.count("default") == 1
        numbers = {one.version_id for one in versions}
        assert {one.model_version_id for one in endpoint.deployed_models} <= numbers
        return Known(
            versions=tuple(sorted(numbers, key=int)),
            champion=next((v.version_id for v in versions if "champion" in v.version_aliases), ""),
            deployed=tuple((one.id, one.model_version_id) for one in endpoint.deployed_models),
            split=tuple(sorted(endpoint.traffic_split.items())),
            labels=endpoint.labels.get("n", ""),
        )

    def check(self) -> None:
        """Every acknowledged change is there; any other one is there completely or not at all."""
        now = self.observe()
        possible = [_sorted(self.known)] + ([_sorted(self.attempted)] if self.attempted else [])
        assert _sorted(now) in possible, f"{now} is none of {possible}"
        for parent in (self.endpoint, self.model):
            for operation in self._listed(parent):
                assert operation.done, operation
                if operation.name not in self.operations:
                    # It succeeded and made its change, or failed and did not.
                    happened = bool(self.attempted) and _sorted(now) == possible[-1]
                    same = len(possible) == 2 and possible[0] == possible[1]
                    assert same or happened is not bool(operation.error.code), operation
                    self.operations.add(operation.name)
        self.known, self.attempted = now, None
        if now.split:
            response = self.predictions.predict(endpoint=self.endpoint, instances=[[1.0, 2.0, 3.0]])
            assert response.deployed_model_id in dict(now.split)

    def _listed(self, parent: str) -> list[Any]:
        request = {"name": parent, "page_size": 1000}
        return list(self.endpoints.list_operations(request).operations)


def _sorted(known: Known) -> Known:
    return replace(known, split=tuple(sorted((one, n) for one, n in known.split if n)))


def submit(worker: Worker, number: int, pid_file: Path, bucket: Any) -> str:
    job = types.PipelineJob(
        display_name="sleeper",
        runtime_config={"gcs_output_directory": f"gs://{bucket.bucket}/jobs"},
    )
    plain = types.PipelineJob.pb(job)
    json_format.Parse(samples.compiled(samples.sleeper), plain.pipeline_spec)
    json_format.ParseDict(str(pid_file), plain.runtime_config.parameter_values["pid_file"])
    return worker.jobs.create_pipeline_job(
        parent=LOCATION, pipeline_job=job, pipeline_job_id=f"sleeper-{number}"
    ).name


@dataclass
class Batches:
    """Batch prediction jobs, of which none is lost, and none runs for ever."""

    url: str
    bucket: Any
    running: dict[str, bool] = field(default_factory=dict)
    """Whether a job was seen RUNNING at last."""
    failed: int = 0

    def __post_init__(self) -> None:
        self._client = aiplatform_v1.JobServiceClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.url},
        )

    def close(self) -> None:
        self._client.transport.close()

    def submit(self, model: str, lines: int) -> str:
        """Create a job with so many instances, one for each request."""
        name = f"batches/{lines}.jsonl"
        self.bucket.put(name, b"[1, 2, 3]\n" * lines)
        folder = f"gs://{self.bucket.bucket}"
        job = {
            "display_name": "x",
            "model": model,
            "input_config": {
                "instances_format": "jsonl",
                "gcs_source": {"uris": [f"{folder}/{name}"]},
            },
            "output_config": {
                "predictions_format": "jsonl",
                "gcs_destination": {"output_uri_prefix": f"{folder}/batches"},
            },
            "dedicated_resources": {"machine_spec": MACHINE["machine_spec"]},
            "manual_batch_tuning_parameters": {"batch_size": 1},
        }
        made = self._client.create_batch_prediction_job(parent=LOCATION, batch_prediction_job=job)
        self.running[made.name] = False
        return str(made.name)

    def get(self, name: str) -> Any:
        return self._client.get_batch_prediction_job(name=name)

    def look(self) -> None:
        for name in self.running:
            self.running[name] = self.get(name).state.name == "JOB_STATE_RUNNING"

    def check(self) -> None:
        """After a kill: a job that ran has failed, or had ended before."""
        for name, ran in self.running.items():
            job = self.get(name)
            assert not ran or job.state.name in ("JOB_STATE_FAILED", "JOB_STATE_SUCCEEDED"), job
            self.failed += ran and job.error.code == 14

    def finish(self) -> None:
        """Every job ends: those that waited have run."""
        for name in self.running:
            job = until(lambda name=name: ended(self.get(name)), f"the end of {name}")
            stats = job.completion_stats
            if job.state.name == "JOB_STATE_SUCCEEDED":
                assert (stats.failed_count, stats.incomplete_count) == (0, 0)
            else:
                assert job.error.code == 14, job


def ended(job: Any) -> Any:
    return job if job.end_time else None


def run_with_kills(
    server: KillableServer, bucket: Any, folder: Path, kills: int, seed: int
) -> Iterator[Worker]:
    """Kill and restart the server `kills` times, check after each, and yield the workers."""
    chance = random.Random(seed)
    print(f"seed {seed}")
    artifact = bucket.put_constant(1)
    workers = [Worker(server.url, n, artifact, random.Random(seed + n)) for n in (1, 2)]
    jobs: dict[str, bool] = {}
    jobs_failed: list[str] = []
    batches = Batches(server.url, bucket)
    try:
        server.start()
        for worker in workers:
            worker.set_up()
        for life in range(kills):
            if life % 8 == 0:
                name = submit(workers[0], life, folder / f"pid-{life}", bucket)
                jobs[name] = False
            if life % 4 == 1:
                batches.submit(f"{workers[0].model}@1", 10 ** (life % 3 + 1))
            threads = [threading.Thread(target=worker.work) for worker in workers]
            for thread in threads:
                thread.start()
            threading.Event().wait(chance.uniform(0.0, 0.5))
            for name in jobs:
                state = workers[0].jobs.get_pipeline_job(name=name).state.name
                jobs[name] = state == "PIPELINE_STATE_RUNNING"
            batches.look()
            server.end(signal.SIGTERM if life % 5 == 4 else signal.SIGKILL)
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()
            server.start()
            for worker in workers:
                worker.check()
            for name, ran in jobs.items():
                job = workers[0].jobs.get_pipeline_job(name=name)
                if ran:
                    jobs_failed.append(name)
                    assert job.state.name == "PIPELINE_STATE_FAILED"
                    assert "the sandbox stopped" in job.error.message
            batches.check()
        assert any(jobs_failed), "no job was running when the server was killed"
        batches.finish()
        yield from workers
    finally:
        for worker in workers:
            worker.close()
        batches.close()
        server.close()


@pytest.mark.parametrize(
    ("forked", "kills"),
    [(True, 10), pytest.param(False, 30, marks=pytest.mark.long)],
    ids=["forked", "new process"],
)
def test_a_kill_at_any_moment_loses_no_acknowledged_change(
    bucket: Any, tmp_path: Path, forked: bool, kills: int
) -> None:
    server = KillableServer(tmp_path / "home", bucket.host, forked=forked)
    seed = random.SystemRandom().randrange(10**6)
    done = [one.done for one in run_with_kills(server, bucket, tmp_path, kills, seed)]
    assert min(done) >= kills, "too little happened to prove anything"


def test_nothing_of_containers_is_left_after_a_kill(bucket: Any, tmp_path: Path) -> None:
    """Processes end, and files are in the server's home, and removed when it starts."""
    work = tmp_path / "home" / "containers" / "work"
    server = KillableServer(tmp_path / "home", bucket.host, forked=False)
    worker = Worker(server.url, 1, bucket.put_constant(1), random.Random(0))
    try:
        server.start()
        worker.set_up()
        deployed = {"model": worker.model, "id": "1", "dedicated_resources": MACHINE}
        worker.finish(
            worker.endpoints.deploy_model(
                endpoint=worker.endpoint, deployed_model=deployed, traffic_split={"0": 100}
            )
        )
        (folder,) = work.iterdir()
        processes = psutil.Process(server.pid).children(recursive=True)
        assert len(processes) > 1, "there is only the shell that starts the command"
        server.end(signal.SIGKILL)
        assert psutil.wait_procs(processes, 20)[1] == []
        assert folder.exists()
        server.start()
        assert not work.exists()
        worker.predictions.predict(endpoint=worker.endpoint, instances=[[1.0, 2.0, 3.0]])
        assert len(list(work.iterdir())) == 1
        server.end(signal.SIGTERM)
        assert list(work.iterdir()) == []
    finally:
        worker.close()
        server.close()


def test_a_killed_server_leaves_nothing_of_a_batch_prediction(bucket: Any, tmp_path: Path) -> None:
    """The job has failed, its processes have ended, and its files are removed."""
    server = KillableServer(tmp_path / "home", bucket.host, forked=False)
    worker = Worker(server.url, 1, bucket.put_constant(1), random.Random(0))
    batches = Batches(server.url, bucket)
    container = {"image_uri": CONSTANT, **behaviour("wait-predict", GATE=str(tmp_path))}
    model = {"display_name": "m", "artifact_uri": worker.artifact, "container_spec": container}
    try:
        server.start()
        worker.finish(worker.models.upload_model(parent=LOCATION, model=model))
        (made,) = worker.models.list_models(parent=LOCATION)
        name = batches.submit(made.name, 1)
        until((tmp_path / "reached").exists, "the job's request")
        processes = psutil.Process(server.pid).children(recursive=True)
        assert len(processes) > 1
        server.end(signal.SIGKILL)
        assert psutil.wait_procs(processes, 20)[1] == []
        server.start()
        assert batches.get(name).error.code == 14
        assert not (tmp_path / "home" / "batch").exists()
        assert not (tmp_path / "home" / "containers" / "work").exists()
    finally:
        worker.close()
        batches.close()
        server.close()
