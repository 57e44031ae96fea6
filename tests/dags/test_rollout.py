"""The weekly DAG with the tiny pipeline: registry and endpoint after each run."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.dags.conftest import LAST_MONDAY, Google, Model
from titleholder.data_intervals import last_complete
from titleholder.labels import ON_ENDPOINTS, ON_JOBS, ON_VERSIONS, Label, digest_from_label

WEEK = timedelta(weeks=1)


def test_champion_then_challenger_then_the_next_challenger(
    model: Callable[..., Model], google: Google
) -> None:
    made = model(rollout__traffic_percentage=25)
    first = made.run(LAST_MONDAY - 2 * WEEK)
    assert first.state == "success", first.errors
    assert set(first.tasks.values()) == {"success"}
    champion = google.endpoint(made.name).deployed_models[0]
    assert dict(google.endpoint(made.name).traffic_split) == {champion.id: 100}
    assert champion.display_name == first.returned["submit_pipeline"]["job"].rpartition("/")[2]

    made.run(LAST_MONDAY - WEEK)
    endpoint = google.endpoint(made.name)
    replaced = endpoint.labels["challenger"]
    assert endpoint.labels["champion"] == champion.id
    assert dict(endpoint.traffic_split) == {champion.id: 75, replaced: 25}

    last = made.run(LAST_MONDAY)
    endpoint = google.endpoint(made.name)
    challenger = endpoint.labels["challenger"]
    assert challenger != replaced
    assert dict(endpoint.traffic_split) == {champion.id: 75, challenger: 25}
    assert {deployed.id for deployed in endpoint.deployed_models} == {champion.id, challenger}
    assert last.returned["update_traffic"]["split"] == {champion.id: 75, challenger: 25}
    assert len(google.versions(made.name)) == 3
    assert google.endpoint(made.name).name == endpoint.name

    # Models cannot use these keys for labels of their own.
    assert endpoint.labels.keys() <= ON_ENDPOINTS
    # The tiny pipeline logs no loss on held-out rows.
    labels = {key for one in google.versions(made.name) for key in one.labels}
    assert labels == ON_VERSIONS - {Label.HELD_OUT_LOSS}
    on_jobs = {key for one in google.jobs_of(made.name) for key in one.labels}
    assert on_jobs - {"vertex-ai-pipelines-run-billing-id"} == ON_JOBS  # Google's own.


def test_running_it_again_changes_nothing(model: Callable[..., Model], google: Google) -> None:
    made = model()
    made.run()
    before = google.endpoint(made.name)
    again = made.run()
    assert again.state == "success", again.errors
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 1
    assert len(google.jobs_of(made.name)) == 1


def test_an_older_week_is_registered_without_traffic(
    model: Callable[..., Model], google: Google
) -> None:
    made = model()
    made.run(LAST_MONDAY)
    before = google.endpoint(made.name)
    older = made.run(LAST_MONDAY - 3 * WEEK)
    assert older.state == "success", older.errors
    assert older.returned["update_traffic"]["summary"].startswith("superseded")
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 2


def test_the_labels_of_a_version(model: Callable[..., Model], google: Google) -> None:
    made = model(labels={"team": "one"})
    made.run()
    (version,) = google.versions(made.name)
    assert version.labels["data-interval-start"] == f"{LAST_MONDAY - WEEK:%Y%m%dt%H%M%Sz}"
    assert version.labels["data-interval-end"] == f"{LAST_MONDAY:%Y%m%dt%H%M%Sz}"
    assert version.labels["score"] == "90_00"
    assert version.labels["freshness"] == "fresh"
    (digest,) = (
        detail.outputs["model"].artifacts[0].metadata["sha256"]
        for detail in google.jobs.get_pipeline_job(
            name=f"{google.parent}/pipelineJobs/{version.labels['pipeline-job']}"
        ).job_detail.task_details
        if detail.task_name == "export-model"
    )
    assert digest_from_label(version.labels["sha256"]) == digest
    assert version.labels["team"] == "one"
    (job,) = google.jobs_of(made.name)
    assert version.labels["pipeline-job"] == job.name.rsplit("/", 1)[-1]
    assert job.name.rsplit("/", 1)[-1] in version.version_aliases
    assert version.artifact_uri.startswith("gs://")
    assert job.labels["team"] == "one"


def test_a_run_without_a_logical_date_covers_the_last_complete_week(
    model: Callable[..., Model], google: Google
) -> None:
    made = model()
    week = last_complete("0 3 * * 1", datetime.now(UTC))
    made.load(week.end - timedelta(minutes=5))
    run = made.run(None)
    assert run.state == "success", run.errors
    (version,) = google.versions(made.name)
    assert version.labels["data-interval-end"] == f"{week.end:%Y%m%dt%H%M%Sz}"
