"""Bad input: one clear sentence, and nothing changes on the endpoint."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1 as v1

from tests.dags.conftest import LAST_MONDAY, Google, Model, RunResult, deploy_champion
from tests.dags.tiny_pipeline import IMAGE
from titleholder.data_intervals import Interval
from titleholder.operators import pipeline
from titleholder.pipelines.container import ContainerSpec
from titleholder.pipelines.contract import CandidateModel

WEEK = timedelta(weeks=1)


@pytest.fixture
def run_unchanged(google: Google):
    """Runs a bad week beside a champion; returns the error, and checks that nothing has changed."""

    def run(made: Model, task: str, break_it: Callable[[], object], state: str = "failed") -> str:
        deploy_champion(google, made, LAST_MONDAY - WEEK)
        before = google.endpoint(made.name)
        break_it()
        result = made.run(LAST_MONDAY)
        assert result.tasks[task] == state, result
        assert google.endpoint(made.name) == before
        assert len(google.versions(made.name)) == 1
        return error_of(result, task)

    return run


def error_of(result: RunResult, task: str) -> str:
    assert "\n" not in result.errors[task]
    return result.errors[task]


def test_unknown_parameters(model: Callable[..., Model]) -> None:
    result = model().run(LAST_MONDAY, weeks=3)
    assert "the run was given 'weeks', which its form" in error_of(result, "check_freshness")


def test_a_missing_table(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(made, "check_freshness", lambda: made.tables.delete_table(made.table))
    assert f"the table {made.table} does not exist; create and load it" in message


def test_a_table_without_rows(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    assert "has no rows at all" in run_unchanged(made, "check_freshness", made.load)


def test_an_empty_week(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(made, "check_freshness", lambda: made.load(LAST_MONDAY - 2 * WEEK))
    assert f"has no row in {Interval(LAST_MONDAY - WEEK, LAST_MONDAY)}" in message
    assert "load the rows, then clear this task" in message


def test_an_empty_week_between_full_ones(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(
        made, "check_freshness", lambda: made.load(LAST_MONDAY - 2 * WEEK, LAST_MONDAY + WEEK / 2)
    )
    assert "load the missing interval" in message


def test_null_timestamps(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(
        made, "check_freshness", lambda: made.load(LAST_MONDAY - timedelta(minutes=5), None)
    )
    assert f"{made.table}.measured_at is NULL in 1 rows" in message


def test_future_timestamps(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    future = datetime.now(UTC) + timedelta(days=2)
    message = run_unchanged(
        made, "check_freshness", lambda: made.load(LAST_MONDAY - timedelta(minutes=5), future)
    )
    assert "is later than now in 1 rows" in message


def test_a_timestamp_column_that_is_missing(model: Callable[..., Model]) -> None:
    made = model(source__timestamp="created_at")
    result = made.run()
    assert result.tasks["check_freshness"] == "failed"
    message = error_of(result, "check_freshness")
    assert "created_at cannot be read as a TIMESTAMP" in message
    assert "correct source.timestamp" in message


def test_a_score_under_the_gate(
    model: Callable[..., Model], run_unchanged, capfd: pytest.CaptureFixture[str]
) -> None:
    made = model()
    run_unchanged(made, "update_traffic", lambda: made.set_parameters(score=49.99), state="skipped")
    message = "scored 49.99, under the gate of 50; nothing was registered"
    assert message in capfd.readouterr().out


def test_a_score_that_is_not_a_number(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(made, "wait_for_pipeline", lambda: made.set_parameters(score=-1))
    assert "nan" in message.lower()


def test_a_pipeline_that_fails(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(made, "wait_for_pipeline", lambda: made.set_parameters(fail=True))
    assert "failed in task prepare" in message
    assert f"no rows before {LAST_MONDAY:%Y-%m-%dT%H:%M:%SZ}; load them" in message
    assert "to train again, clear submit_pipeline with what follows it" in message


def test_a_pipeline_that_is_refused(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    message = run_unchanged(made, "submit_pipeline", lambda: made.set_parameters(colour="red"))
    assert "colour" in message


def test_a_pipeline_that_does_not_exist(model: Callable[..., Model]) -> None:
    result = model(pipeline__template="missing.yaml").run()
    assert "no compiled pipeline at" in error_of(result, "submit_pipeline")


def test_another_scikit_learn_version_than_in_the_serving_image(
    model: Callable[..., Model], run_unchanged
) -> None:
    made = model()
    image = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"
    message = run_unchanged(made, "wait_for_pipeline", lambda: made.set_parameters(image=image))
    assert "trained with scikit-learn 1.6.1" in message
    assert "serves 1.5" in message


def test_a_model_outside_the_pipeline_root(model: Callable[..., Model], run_unchanged) -> None:
    made = model()
    place = "gs://another-team/models"
    message = run_unchanged(made, "wait_for_pipeline", lambda: made.set_parameters(place=place))
    assert f"the model {place} is not under gs://titleholder-local-titleholder/pipelines" in message


def test_a_model_outside_the_pipeline_root_in_an_xcom(
    model: Callable[..., Model], run_unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another process writes the task's result."""

    def evil(*_: object) -> CandidateModel:
        return CandidateModel(
            "gs://evil/m", ContainerSpec(image_uri=IMAGE), "1.6.1", 90.0, "0" * 64
        )

    made = model()
    message = run_unchanged(
        made, "update_traffic", lambda: monkeypatch.setattr(pipeline, "candidate_model", evil)
    )
    assert "the model gs://evil/m is not under gs://titleholder-local-titleholder" in message


def test_an_endpoint_that_does_not_exist(model: Callable[..., Model], google: Google) -> None:
    made = model(endpoint__create=False)
    result = made.run()
    assert f"there is no endpoint named {made.name!r}" in error_of(result, "update_traffic")
    assert google.endpoint(made.name) is None
    assert google.versions(made.name) == []


def test_more_than_two_models(model: Callable[..., Model], google: Google) -> None:
    made = model()

    def deploy_by_hand() -> None:
        endpoint = google.endpoint(made.name)
        for name in ("theirs", "also-theirs"):
            google.endpoints.deploy_model(
                endpoint=endpoint.name,
                deployed_model=v1.DeployedModel(
                    model=f"{google.parent}/models/{made.name}",
                    display_name=name,
                    dedicated_resources=v1.DedicatedResources(
                        machine_spec=v1.MachineSpec(machine_type="n1-standard-4"),
                        min_replica_count=1,
                    ),
                ),
            ).result(timeout=60)

    deploy_champion(google, made, LAST_MONDAY - WEEK)
    deploy_by_hand()
    before = google.endpoint(made.name)
    result = made.run(LAST_MONDAY)
    assert "holds 3 deployed models" in error_of(result, "update_traffic")
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 1


def test_two_endpoints_of_one_name(model: Callable[..., Model], google: Google) -> None:
    made = model()
    for _ in range(2):
        google.endpoints.create_endpoint(
            parent=google.parent, endpoint=v1.Endpoint(display_name=made.name)
        ).result(timeout=60)
    result = made.run()
    assert f"2 endpoints are named {made.name!r}" in error_of(result, "update_traffic")
    assert google.versions(made.name) == []
