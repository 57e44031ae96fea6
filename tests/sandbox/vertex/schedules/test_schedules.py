"""Schedules and their jobs, by Google's clients, with a manual clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform, aiplatform_v1
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from tests.sandbox.conftest import PROJECT_NUMBER, Storage, Vertex, google_client
from tests.sandbox.vertex.pipelines import samples
from tests.waiting import until

PARENT = f"projects/{PROJECT_NUMBER}/locations/us-central1"
State = types.Schedule.State


class Server(Vertex):
    """A server with a client for schedules, at 08:00 when a test starts."""

    def start(self) -> None:
        super().start()
        channel = getattr(self.jobs.transport, "grpc_channel", None)
        self.schedules = google_client(aiplatform_v1.ScheduleServiceClient, self.url, channel)

    def stop(self) -> None:
        self.schedules.transport.close()
        super().stop()

    def create(self, cron: str = "0 * * * *", **fields: Any) -> Any:
        """Create a schedule of jobs that sleep for a minute; two of them run, others wait."""
        schedule = types.Schedule(
            cron=cron,
            create_pipeline_job_request={"parent": self.parent, "pipeline_job": job(self.home)},
            **{"display_name": "<hourly>", "max_concurrent_run_count": 10, **fields},
        )
        return self.schedules.create_schedule(parent=self.parent, schedule=schedule)

    def get(self, schedule: Any) -> Any:
        return self.schedules.get_schedule(name=schedule.name)

    def runs(self, schedule: Any) -> list[str]:
        """The hours after 08:00 for which the schedule has jobs."""
        condition = f'schedule_name="{schedule.name}"'
        request = {"parent": self.parent, "filter": condition}
        names = [one.name for one in self.jobs.list_pipeline_jobs(request)]
        times = sorted(datetime.strptime(name[-14:], "%Y%m%d%H%M%S") for name in names)
        return [f"{(time - datetime(2026, 1, 5, 8)) / timedelta(hours=1):g}" for time in times]

    def hours(self, number: float) -> None:
        self.clock.advance(number * 3600)

    def end_jobs(self) -> None:
        for one in self.jobs.list_pipeline_jobs(parent=self.parent):
            if not one.end_time:
                self.jobs.cancel_pipeline_job(name=one.name)
        until(
            lambda: all(one.end_time for one in self.jobs.list_pipeline_jobs(parent=self.parent)),
            "the end of all jobs",
            300,
        )


def job(folder: Path, **fields: Any) -> types.PipelineJob:
    """A job that sleeps for a minute; it writes a file into `folder`."""
    made = types.PipelineJob(runtime_config={"gcs_output_directory": "gs://artifacts/x"}, **fields)
    message = types.PipelineJob.pb(made)
    json_format.Parse(samples.compiled(samples.sleeper), message.pipeline_spec)
    pid_file = str(folder / "pid")
    json_format.ParseDict(pid_file, message.runtime_config.parameter_values["pid_file"])
    return made


@pytest.fixture(scope="module")
def _server(
    tmp_path_factory: pytest.TempPathFactory, bucket: Storage, transport: str
) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", bucket.host)
        folder = tmp_path_factory.mktemp("schedules")
        running = Server(folder, bucket.host, transport=transport)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def server(_server: Server) -> Iterator[Server]:
    """The server, without a schedule before and after the test."""
    _server.clock.now = datetime(2026, 1, 5, 8, tzinfo=UTC)
    yield _server
    for one in _server.schedules.list_schedules(parent=PARENT):
        _server.finish(_server.schedules.delete_schedule(name=one.name))


def test_a_schedule_starts_jobs_at_its_times(server: Server) -> None:
    made = server.create(start_time="2026-01-05T09:00:00Z", max_run_count=3)
    assert made.name.startswith(f"{PARENT}/schedules/")
    assert (made.state, made.started_run_count) == (State.ACTIVE, 0)
    assert made.next_run_time.hour == 10, "start_time is no time of the schedule"
    server.hours(1.9)
    assert server.runs(made) == []
    server.hours(0.1)
    assert server.runs(made) == ["2"]
    found = server.get(made)
    response = found.last_scheduled_run_response
    run = server.jobs.get_pipeline_job(name=response.run_response)
    assert response.scheduled_run_time == server.clock.now
    assert run.schedule_name == made.name
    assert run.display_name == run.name.rpartition("/")[2]
    assert run.create_time == server.clock.now
    assert found.next_run_time.hour == 11
    server.hours(5)
    assert server.runs(made) == ["2", "3", "4"]
    ended = server.get(made)
    assert (ended.state, ended.started_run_count) == (State.COMPLETED, 3)
    assert not ended.next_run_time
    for call in (server.schedules.pause_schedule, server.schedules.resume_schedule):
        with pytest.raises(exceptions.BadRequest, match="COMPLETED"):
            call(name=made.name)
    with pytest.raises(exceptions.BadRequest, match="COMPLETED"):
        server.schedules.update_schedule(schedule=ended, update_mask={"paths": ["display_name"]})


def test_pause_and_resume_with_and_without_the_missed_runs(server: Server) -> None:
    plain, full = server.create(), server.create()
    for one in (plain, full):
        server.schedules.pause_schedule(name=one.name)
    with pytest.raises(exceptions.BadRequest, match="PAUSED already"):
        server.schedules.pause_schedule(name=plain.name)
    server.hours(3.5)
    assert server.runs(plain) == server.runs(full) == []
    server.schedules.resume_schedule(name=plain.name)
    server.schedules.resume_schedule(name=full.name, catch_up=True)
    with pytest.raises(exceptions.BadRequest, match="only a paused one"):
        server.schedules.resume_schedule(name=full.name)
    server.hours(0.5)
    assert server.runs(plain) == ["4"]
    assert server.runs(full) == ["1", "2", "3", "4"]
    assert [server.get(one).catch_up for one in (plain, full)] == [False, True]
    overview = server.http.get("/console/").text
    assert f"/pipelines/schedules/{full.name.rpartition('/')[2]}" in overview
    path = f"us-central1/pipelines/schedules/{full.name.rpartition('/')[2]}"
    shown = server.http.get(f"/console/vertex-ai/locations/{path}").text
    assert shown.count("/pipelines/runs/") == 4
    assert "&lt;hourly&gt;" in shown
    assert server.http.get(f"/console/vertex-ai/locations/{path}0").status_code == 404
    assert server.get(full).last_pause_time < server.get(full).last_resume_time


def test_a_limit_of_active_jobs_skips_or_queues_runs(server: Server) -> None:
    skipping = server.create(max_concurrent_active_run_count=1)
    queueing = server.create(max_concurrent_active_run_count=1, allow_queueing=True)
    server.hours(3)
    assert server.runs(skipping) == server.runs(queueing) == ["1"]
    found = server.get(skipping)
    assert found.last_scheduled_run_response.run_response.startswith("SKIPPED")
    assert found.next_run_time > server.clock.now
    behind = server.get(queueing)
    assert behind.next_run_time < server.clock.now
    server.end_jobs()
    # No request starts it: a thread does.
    until(lambda: server.get(queueing).started_run_count == 2, "the queued run")
    assert server.runs(skipping) == ["1"]
    # An update leaves out the runs that are due.
    behind.display_name = "renamed"
    mask = {"paths": ["display_name", "state", "next_run_time"]}
    updated = server.schedules.update_schedule(schedule=behind, update_mask=mask)
    assert (updated.display_name, updated.state) == ("renamed", State.ACTIVE)
    assert updated.next_run_time > server.clock.now
    server.end_jobs()
    server.hours(0.5)
    assert server.runs(queueing) == ["1", "2"]


def test_an_update_changes_times_and_the_request(server: Server) -> None:
    made = server.create()
    made.cron = "TZ=Europe/Zurich 30 10 * * *"
    made.end_time = datetime(2026, 1, 6, 12, tzinfo=UTC)
    made.create_pipeline_job_request.pipeline_job = job(server.home, display_name="daily")
    paths = ["cron", "end_time", "create_pipeline_job_request.pipeline_job"]
    server.schedules.update_schedule(schedule=made, update_mask={"paths": paths})
    server.hours(1)
    assert server.runs(made) == []
    server.hours(0.5)
    assert server.runs(made) == ["1.5"]
    name = server.get(made).last_scheduled_run_response.run_response
    assert server.jobs.get_pipeline_job(name=name).display_name == "daily"
    server.hours(72)
    assert server.get(made).state == State.COMPLETED
    assert server.runs(made) == ["1.5", "25.5"]


def test_a_run_that_cannot_start_is_recorded_and_the_next_one_starts(server: Server) -> None:
    made = server.create()
    taken = f"sleeper-{made.name.rpartition('/')[2]}-20260105090000"
    server.jobs.create_pipeline_job(
        parent=PARENT, pipeline_job=job(server.home), pipeline_job_id=taken
    )
    server.hours(1)
    found = server.get(made)
    assert found.last_scheduled_run_response.run_response.startswith("ALREADY_EXISTS: ")
    assert found.started_run_count == 0
    server.hours(1)
    assert server.runs(made) == ["2"]


def test_runs_start_without_a_request_and_once_after_a_restart(server: Server) -> None:
    made = server.create(max_concurrent_run_count=1)
    server.hours(1)
    folder = f"us-central1/sleeper-{made.name.rpartition('/')[2]}-20260105090000"
    until((server.home / "pipelines" / folder).exists, "the job without a request")
    server.stop()
    server.hours(2)
    server.start()
    until(lambda: server.get(made).started_run_count == 3, "the runs of the time without a server")
    assert server.runs(made) == ["1", "2", "3"]
    # The clock is set back, as by DELETE /sandbox/clock: no time has a second run.
    server.hours(-2)
    server.hours(2.5)
    assert server.runs(made) == ["1", "2", "3"]
    server.finish(server.schedules.delete_schedule(name=made.name))
    with pytest.raises(exceptions.NotFound):
        server.get(made)
    server.hours(5)
    assert server.runs(made) == ["1", "2", "3"]


def test_lists(server: Server) -> None:
    first = server.create(display_name="a-1", start_time="2026-02-01T00:00:00Z")
    server.clock.advance(1)
    second = server.create(display_name="b-1", end_time="2026-03-01T00:00:00Z")
    server.schedules.pause_schedule(name=second.name)

    def found(condition: str = "", order: str = "") -> list[str]:
        request = {"parent": PARENT, "filter": condition, "order_by": order, "page_size": 1}
        return [one.display_name for one in server.schedules.list_schedules(request)]

    assert found() == ["b-1", "a-1"]
    assert found(order="create_time") == found(order="next_run_time desc") == ["a-1", "b-1"]
    for condition, names in {
        'state="PAUSED"': ["b-1"],
        'display_name:"*1" AND state!=PAUSED': ["a-1"],
        "end_time:*": ["b-1"],
        'end_time>"2026-02-01T00:00:00Z" OR NOT end_time:*': ["b-1", "a-1"],
        "create_pipeline_job_request:*": ["b-1", "a-1"],
        "create_notebook_execution_job_request:*": [],
        'start_time>="2026-02-01T00:00:00Z"': ["a-1"],
    }.items():
        assert found(condition) == names, condition
    for condition in ("request:*", "create_pipeline_job_request=1", "start_time:*", "cron=x"):
        with pytest.raises(exceptions.BadRequest, match="filter"):
            found(condition)
    assert first.start_time.month == 2


def test_the_sdk_schedules_a_pipeline(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "sleeper.json"
    path.write_text(samples.compiled(samples.sleeper))
    aiplatform.init(
        project=PROJECT_NUMBER,
        location="us-central1",
        credentials=AnonymousCredentials(),
        api_endpoint=server.url,
        api_transport="rest",
    )
    try:
        pipeline = aiplatform.PipelineJob(
            display_name="sleeper",
            template_path=str(path),
            pipeline_root="gs://artifacts/x",
            parameter_values={"pid_file": str(tmp_path / "pid")},
            labels={"team": "data"},
        )
        schedule = pipeline.create_schedule(display_name="sdk", cron="0 * * * *", max_run_count=2)
        server.hours(1)
        (run,) = schedule.list_jobs(enable_simple_view=False)
        assert run.labels["team"] == "data"
        schedule.update(cron="30 * * * *", max_run_count=3, allow_queueing=False)
        schedule.pause()
        schedule.resume(catch_up=False)
        assert (schedule.state, schedule.cron) == (State.ACTIVE, "30 * * * *")
        assert [one.resource_name for one in aiplatform.PipelineJobSchedule.list()] == [
            schedule.resource_name
        ]
        again = aiplatform.PipelineJobSchedule.get(schedule.resource_name)
        assert again.max_run_count == 3
        server.schedules.delete_schedule(name=schedule.resource_name)
        server.clock.advance(60)
    finally:
        aiplatform.initializer.global_config.__init__()
