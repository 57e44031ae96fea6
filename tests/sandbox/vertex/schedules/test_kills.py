"""The runs of a schedule after a kill of the server at any moment."""

import json
import random
import signal
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import PROJECT, Storage
from tests.sandbox.kill_helper import KillableServer
from tests.sandbox.vertex.pipelines import samples
from tests.waiting import until

LOCATION = f"/v1/projects/{PROJECT}/locations/us-central1"
START = datetime(2126, 1, 5)
A_LIFE = timedelta(minutes=12)


@pytest.mark.parametrize(
    ("forked", "kills"),
    [(True, 5), pytest.param(False, 25, marks=pytest.mark.long)],
    ids=["forked", "new process"],
)
def test_every_time_has_one_job_after_kills_at_any_moment(
    bucket: Storage, tmp_path: Path, forked: bool, kills: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    server = KillableServer(tmp_path / "home", bucket.host, forked=forked)

    def call(method: str, path: str, body: Any = None) -> Any:
        url = f"{server.url}{path}"
        answer = httpx.request(method, url, json=body, trust_env=False, verify=False, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def move_clock(to: datetime) -> None:
        call("PUT", "/sandbox/clock", {"now": f"{to.isoformat()}Z"})

    try:
        server.start()
        move_clock(START)
        parent = LOCATION.removeprefix("/v1/")
        job = {
            "pipelineSpec": json.loads(samples.compiled(samples.exits)),
            "runtimeConfig": {
                "gcsOutputDirectory": f"gs://{bucket.bucket}/jobs",
                "parameterValues": {"code": 0},
            },
        }
        schedule = {
            "displayName": "every minute",
            "cron": "* * * * *",
            "maxConcurrentRunCount": "1",
            "createPipelineJobRequest": {"parent": parent, "pipelineJob": job},
        }
        name = call("POST", f"{LOCATION}/schedules", schedule)["name"]
        now = START

        def caught_up() -> bool:
            return bool(call("GET", f"/v1/{name}")["nextRunTime"] > f"{now.isoformat()}Z")

        for life in range(kills):
            now += A_LIFE
            move_clock(now)
            if life % 4 == 3:  # no more than 100 may be due, or the oldest are left out
                until(caught_up, "the runs that are due")
            threading.Event().wait(chance.uniform(0.0, 0.6))
            server.end(signal.SIGKILL)
            server.start()
        move_clock(now)
        until(caught_up, "the runs that are due")
        query = f"?pageSize=1000&filter=schedule_name={name}"
        jobs = call("GET", f"{LOCATION}/pipelineJobs{query}")["pipelineJobs"]
        times = sorted(one["name"][-14:] for one in jobs)
        count = (now - START) // timedelta(minutes=1)
        minutes = [START + timedelta(minutes=n) for n in range(1, count + 1)]
        assert times == [f"{minute:%Y%m%d%H%M%S}" for minute in minutes]
        assert call("GET", f"/v1/{name}")["startedRunCount"] == str(count)
    finally:
        server.close()
