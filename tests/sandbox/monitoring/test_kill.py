"""Points that were acknowledged, after a kill of the server."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.conftest import PROJECT, Storage
from tests.sandbox.kill_helper import KillableServer

PATH = f"/v3/projects/{PROJECT}/timeSeries"
METRIC = "custom.googleapis.com/kills"


def test_an_acknowledged_point_survives_a_kill(bucket: Storage, tmp_path: Path) -> None:
    server = KillableServer(tmp_path / "home", bucket.host, forked=True)
    now = datetime.now(UTC).replace(microsecond=0)

    def call(method: str, **request: Any) -> Any:
        answer = httpx.request(
            method, f"{server.url}{PATH}", **request, trust_env=False, verify=False, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def time(seconds: float) -> str:
        return f"{now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"

    try:
        for number in range(4):
            server.start()
            point = {
                "interval": {"endTime": time(number * 10 - 60)},
                "value": {"int64Value": str(number)},
            }
            series = {
                "metric": {"type": METRIC},
                "resource": {"type": "global"},
                "points": [point],
            }
            call("POST", json={"timeSeries": [series]})
            server.end(signal.SIGKILL)
        server.start()
        query = {
            "filter": f'metric.type="{METRIC}"',
            "interval.startTime": time(-3600),
            "interval.endTime": time(0),
        }
        (found,) = call("GET", params=query)["timeSeries"]
        assert [one["value"]["int64Value"] for one in found["points"]] == ["3", "2", "1", "0"]
    finally:
        server.close()
