"""The weekly DAG on the tiny pipeline: what each run does to registry and endpoint."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.dags.conftest import LAST_MONDAY, Google, Model
from titleholder.intervals import last_complete
from titleholder.labels import ON_ENDPOINTS, ON_JOBS, ON_VERSIONS, digest_from_label

WEEK = timedelta(weeks=1)


def test_champion_then_challenger_then_the_next_challenger(
    model: Callable[..., Model], google: Google
) -> None:
    made = model(rollout__challenger_share=25)
    first = made.play(LAST_MONDAY - 2 * WEEK)
    assert first.state == "success", first.errors
    assert set(first.tasks.values()) == {"success"}
    champion = google.endpoint(made.name).deployed_models[0]
    assert dict(google.endpoint(made.name).traffic_split) == {champion.id: 100}
    assert champion.display_name == first.returned["submit_pipeline"]["job"].rpartition("/")[2]

    made.play(LAST_MONDAY - WEEK)
    endpoint = google.endpoint(made.name)
    old = endpoint.labels["challenger"]
    assert endpoint.labels["champion"] == champion.id
    assert dict(endpoint.traffic_split) == {champion.id: 75, old: 25}

    last = made.play(LAST_MONDAY)
    endpoint = google.endpoint(made.name)
    new = endpoint.labels["challenger"]
    assert new != old
    assert dict(endpoint.traffic_split) == {champion.id: 75, new: 25}
    assert {seat.id for seat in endpoint.deployed_models} == {champion.id, new}
    assert last.returned["update_traffic"]["split"] == {champion.id: 75, new: 25}
    assert len(google.versions(made.name)) == 3
    assert google.endpoint(made.name).name == endpoint.name

    # No model may have one of these keys for a label of its own.
    assert endpoint.labels.keys() <= ON_ENDPOINTS
    assert {key for one in google.versions(made.name) for key in one.labels} == ON_VERSIONS
    on_jobs = {key for one in google.jobs_of(made.name) for key in one.labels}
    assert on_jobs - {"vertex-ai-pipelines-run-billing-id"} == ON_JOBS  # That one is Google's.


def test_running_it_again_changes_nothing(model: Callable[..., Model], google: Google) -> None:
    made = model()
    made.play()
    before = google.endpoint(made.name)
    again = made.play()
    assert again.state == "success", again.errors
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 1
    assert len(google.jobs_of(made.name)) == 1


def test_an_older_week_registers_and_leaves_live_traffic_alone(
    model: Callable[..., Model], google: Google
) -> None:
    made = model()
    made.play(LAST_MONDAY)
    before = google.endpoint(made.name)
    older = made.play(LAST_MONDAY - 3 * WEEK)
    assert older.state == "success", older.errors
    assert older.returned["update_traffic"]["summary"].startswith("superseded")
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 2


def test_a_version_says_what_it_was_made_of(model: Callable[..., Model], google: Google) -> None:
    made = model(labels={"team": "one"})
    made.play()
    (version,) = google.versions(made.name)
    assert version.labels["data-interval-start"] == f"{LAST_MONDAY - WEEK:%Y%m%dt%H%M%Sz}"
    assert version.labels["data-interval-end"] == f"{LAST_MONDAY:%Y%m%dt%H%M%Sz}"
    assert version.labels["score"] == "90_00"
    assert version.labels["freshness"] == "fresh"
    (offered,) = (
        detail.outputs["model"].artifacts[0].metadata["sha256"]
        for detail in google.jobs.get_pipeline_job(
            name=f"{google.parent}/pipelineJobs/{version.labels['pipeline-job']}"
        ).job_detail.task_details
        if detail.task_name == "export-model"
    )
    assert digest_from_label(version.labels["sha256"]) == offered
    assert version.labels["team"] == "one"
    (job,) = google.jobs_of(made.name)
    assert version.labels["pipeline-job"] == job.name.rsplit("/", 1)[-1]
    assert job.name.rsplit("/", 1)[-1] in version.version_aliases
    assert version.artifact_uri.startswith("gs://")
    assert job.labels["team"] == "one"


def test_a_run_without_a_logical_date_takes_the_last_complete_week(
    model: Callable[..., Model], google: Google
) -> None:
    made = model()
    week = last_complete("0 3 * * 1", datetime.now(UTC))
    made.load(week.end - timedelta(minutes=5))
    run = made.play(None)
    assert run.state == "success", run.errors
    (version,) = google.versions(made.name)
    assert version.labels["data-interval-end"] == f"{week.end:%Y%m%dt%H%M%Sz}"
