"""States of batch prediction jobs: the queue, cancellation, deletion, restarts."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from google.api_core import exceptions

from tests.sandbox.vertex.batch.conftest import Jobs, objects
from tests.waiting import until

RUNNING, QUEUED = "JOB_STATE_RUNNING", "JOB_STATE_QUEUED"


@pytest.fixture
def gated(own_jobs: Jobs, tmp_path: Path) -> Jobs:
    """A server whose `model` predicts when there is a file `opened` in `gate`."""
    (tmp_path / "gate").mkdir()
    uri = own_jobs.bucket.put_constant(1)
    own_jobs.model = own_jobs.upload("wait-predict", uri, GATE=str(tmp_path / "gate"))
    own_jobs.bucket.put("gated.jsonl", b"[1, 2, 3]\n")
    return own_jobs


def servers() -> list[psutil.Process]:
    """The processes of batch jobs' model servers."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "BEHAVIOUR" in process.environ() and "-S" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_cancel_and_delete(gated: Jobs, tmp_path: Path) -> None:
    """Two jobs run at a time; a queued one is cancelled at once, a running one with its request."""
    inputs = objects("jsonl", "gated.jsonl")
    first, second, third, fourth = (gated.create(inputs).name for _ in range(4))
    gated.reaches(first, RUNNING)
    gated.reaches(second, RUNNING)
    assert gated.get(third).state.name == QUEUED
    gated.client.cancel_batch_prediction_job(name=third)
    assert gated.get(third).state.name == "JOB_STATE_CANCELLED"
    until(lambda: (tmp_path / "gate" / "reached").exists(), "the request of a job")
    gated.client.cancel_batch_prediction_job(name=first)
    cancelled = gated.reaches(first, "JOB_STATE_CANCELLED")
    assert cancelled.error.code == 1
    assert cancelled.completion_stats.incomplete_count == -1
    assert cancelled.end_time
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        gated.client.cancel_batch_prediction_job(name=first)
    with pytest.raises(exceptions.BadRequest, match="cannot be deleted"):
        gated.client.delete_batch_prediction_job(name=second)
    (tmp_path / "gate" / "opened").touch()
    for name in (second, fourth):
        gated.reaches(name, "JOB_STATE_SUCCEEDED")
    assert servers() == []
    gated.vertex.finish(gated.client.delete_batch_prediction_job(name=second))
    with pytest.raises(exceptions.NotFound):
        gated.get(second)
    found = gated.client.list_batch_prediction_jobs(parent=gated.vertex.parent)
    assert [one.name for one in found] == [fourth, third, first]


def test_jobs_that_never_run(gated: Jobs, tmp_path: Path) -> None:
    """One is cancelled while its containers start, another one's model is deleted."""
    loading = gated.upload("wait-load", gated.bucket.put_constant(1), GATE=str(tmp_path / "gate"))
    inputs = objects("jsonl", "gated.jsonl")
    starting = gated.create(inputs, model=loading).name
    until((tmp_path / "gate" / "reached").exists, "the start of a container")
    running = gated.create(inputs).name
    gated.reaches(running, RUNNING)
    doomed = gated.upload("mirror")
    waiting = gated.create(inputs, model=doomed).name
    gated.vertex.finish(gated.vertex.models.delete_model(name=doomed))
    assert gated.get(starting).state.name == "JOB_STATE_PENDING"
    gated.client.cancel_batch_prediction_job(name=starting)
    cancelled = gated.reaches(starting, "JOB_STATE_CANCELLED")
    assert not cancelled.start_time
    failed = gated.reaches(waiting, "JOB_STATE_FAILED")
    assert failed.error.code == 5
    assert doomed in failed.error.message
    gated.client.cancel_batch_prediction_job(name=running)
    gated.reaches(running, "JOB_STATE_CANCELLED")
    assert servers() == []


def test_lists(jobs: Jobs) -> None:
    jobs.bucket.put("list.jsonl", b"[1]\n")
    first = jobs.run(objects("jsonl", "list.jsonl"), display_name="first", labels={"team": "a"})
    second = jobs.run(objects("jsonl", "missing"), display_name="second")

    def listed(**request: Any) -> list[str]:
        request["parent"] = jobs.vertex.parent
        found = jobs.client.list_batch_prediction_jobs(request=request)
        return [one.name for one in found]

    assert listed() == [second.name, first.name]
    assert listed(page_size=1) == listed()
    for condition, names in {
        'display_name:"fir*"': [first.name],
        "NOT display_name=first": [second.name],
        'state="JOB_STATE_FAILED"': [second.name],
        "labels.team=a": [first.name],
        'model_display_name="a model"': [second.name, first.name],
        'model_display_name!="a model"': [],
        f'create_time>"{first.create_time.isoformat()}"': [second.name],
    }.items():
        assert listed(filter=condition) == names, condition
    request = {"parent": jobs.vertex.parent, "read_mask": {"paths": ["name"]}}
    masked = list(jobs.client.list_batch_prediction_jobs(request=request))
    assert [one.display_name for one in masked] == ["", ""]


def test_restarts(gated: Jobs, tmp_path: Path) -> None:
    """A job that ran has failed, one that waited runs, and nothing of containers remains."""
    inputs = objects("jsonl", "gated.jsonl")
    names = [gated.create(inputs).name for _ in range(3)]
    for name in names[:2]:
        gated.reaches(name, RUNNING)
    before = gated.get(names[2])
    gated.client.transport.close()
    gated.vertex.stop()
    assert servers() == []
    assert list((tmp_path / "batch").iterdir()) == []
    (tmp_path / "gate" / "opened").touch()
    gated.vertex.start()
    gated.connect()
    for name in names[:2]:
        failed = gated.get(name)
        assert failed.state.name == "JOB_STATE_FAILED"
        assert failed.error.code == 14
        assert failed.completion_stats.incomplete_count == -1
    done = gated.reaches(names[2], "JOB_STATE_SUCCEEDED")
    assert done.create_time == before.create_time
    assert gated.lines(done)[0]["prediction"] == [1, 1]
