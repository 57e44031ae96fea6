"""Bad input: one clear sentence, and nothing changes on the endpoint."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1 as v1

from tests.dags.conftest import LAST_MONDAY, Google, Model, Played, crown
from tests.dags.tiny_pipeline import IMAGE
from titleholder.intervals import Interval
from titleholder.operators import pipeline
from titleholder.pipelines.contract import CandidateModel

WEEK = timedelta(weeks=1)


@pytest.fixture
def untouched(google: Google):
    """Plays a bad week beside a champion: its sentence, after a look that nothing changed."""

    def play(made: Model, task: str, spoil: Callable[[], object], state: str = "failed") -> str:
        crown(google, made, LAST_MONDAY - WEEK)
        before = google.endpoint(made.name)
        spoil()
        played = made.play(LAST_MONDAY)
        assert played.tasks[task] == state, played
        assert google.endpoint(made.name) == before
        assert len(google.versions(made.name)) == 1
        return sentence(played, task)

    return play


def sentence(played: Played, task: str) -> str:
    assert "\n" not in played.errors[task]
    return played.errors[task]


def test_parameters_that_the_dag_does_not_have(model: Callable[..., Model]) -> None:
    played = model().play(LAST_MONDAY, weeks=3)
    assert "the run was given 'weeks', which its form" in sentence(played, "check_freshness")


def test_a_missing_table(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(made, "check_freshness", lambda: made.tables.delete_table(made.table))
    assert f"the table {made.table} does not exist; create and load it" in told


def test_a_table_without_rows(model: Callable[..., Model], untouched) -> None:
    made = model()
    assert "has no rows at all" in untouched(made, "check_freshness", made.load)


def test_a_week_that_stayed_empty(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(made, "check_freshness", lambda: made.load(LAST_MONDAY - 2 * WEEK))
    assert f"has no row in {Interval(LAST_MONDAY - WEEK, LAST_MONDAY)}" in told
    assert "load the rows, then clear this task" in told


def test_an_empty_week_between_full_ones(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(
        made, "check_freshness", lambda: made.load(LAST_MONDAY - 2 * WEEK, LAST_MONDAY + WEEK / 2)
    )
    assert "load the missing interval" in told


def test_null_timestamps(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(
        made, "check_freshness", lambda: made.load(LAST_MONDAY - timedelta(minutes=5), None)
    )
    assert f"{made.table}.measured_at is NULL in 1 rows" in told


def test_future_timestamps(model: Callable[..., Model], untouched) -> None:
    made = model()
    future = datetime.now(UTC) + timedelta(days=2)
    told = untouched(
        made, "check_freshness", lambda: made.load(LAST_MONDAY - timedelta(minutes=5), future)
    )
    assert "is later than now in 1 rows" in told


def test_a_timestamp_column_that_is_missing(model: Callable[..., Model]) -> None:
    made = model(source__timestamp="created_at")
    played = made.play()
    assert played.tasks["check_freshness"] == "failed"
    told = sentence(played, "check_freshness")
    assert "created_at cannot be read as a TIMESTAMP" in told
    assert "mend source.timestamp" in told


def test_a_score_under_the_gate(
    model: Callable[..., Model], untouched, capfd: pytest.CaptureFixture[str]
) -> None:
    made = model()
    untouched(made, "update_traffic", lambda: made.rewrite(score=49.99), state="skipped")
    told = "scored 49.99, under the gate of 50; nothing was registered"
    assert told in capfd.readouterr().out


def test_a_score_that_is_not_a_number(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(made, "wait_for_pipeline", lambda: made.rewrite(score=-1))
    assert "nan" in told.lower()


def test_a_pipeline_that_fails(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(made, "wait_for_pipeline", lambda: made.rewrite(fail=True))
    assert "failed in task prepare" in told
    assert f"no rows before {LAST_MONDAY:%Y-%m-%dT%H:%M:%SZ}; load them" in told
    assert "to train again, clear submit_pipeline with what follows it" in told


def test_a_pipeline_that_is_refused(model: Callable[..., Model], untouched) -> None:
    made = model()
    told = untouched(made, "submit_pipeline", lambda: made.rewrite(colour="red"))
    assert "colour" in told


def test_a_pipeline_that_is_not_there(model: Callable[..., Model]) -> None:
    played = model(pipeline__template="gone.yaml").play()
    assert "no compiled pipeline at" in sentence(played, "submit_pipeline")


def test_another_scikit_learn_than_the_serving_images(
    model: Callable[..., Model], untouched
) -> None:
    made = model()
    image = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"
    told = untouched(made, "wait_for_pipeline", lambda: made.rewrite(image=image))
    assert "trained with scikit-learn 1.6.1" in told
    assert "serves 1.5" in told


def test_a_model_that_lies_elsewhere(model: Callable[..., Model], untouched) -> None:
    made = model()
    place = "gs://somebody-elses/models"
    told = untouched(made, "wait_for_pipeline", lambda: made.rewrite(place=place))
    assert f"the model {place} is not under gs://titleholder-local-titleholder/pipelines" in told


def test_a_model_from_elsewhere_that_is_handed_over_all_the_same(
    model: Callable[..., Model], untouched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As somebody would who writes the hand-over of another task."""

    def somebody(*_: object) -> CandidateModel:
        return CandidateModel("gs://evil/m", IMAGE, "1.6.1", 90.0, "0" * 64)

    made = model()
    told = untouched(
        made, "update_traffic", lambda: monkeypatch.setattr(pipeline, "candidate_model", somebody)
    )
    assert "the model gs://evil/m is not under gs://titleholder-local-titleholder" in told


def test_an_endpoint_that_does_not_exist(model: Callable[..., Model], google: Google) -> None:
    made = model(endpoint__create=False)
    played = made.play()
    assert f"there is no endpoint named {made.name!r}" in sentence(played, "update_traffic")
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

    crown(google, made, LAST_MONDAY - WEEK)
    deploy_by_hand()
    before = google.endpoint(made.name)
    played = made.play(LAST_MONDAY)
    assert "holds 3 deployed models" in sentence(played, "update_traffic")
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 1


def test_two_endpoints_of_one_name(model: Callable[..., Model], google: Google) -> None:
    made = model()
    for _ in range(2):
        google.endpoints.create_endpoint(
            parent=google.parent, endpoint=v1.Endpoint(display_name=made.name)
        ).result(timeout=60)
    played = made.play()
    assert f"2 endpoints are named {made.name!r}" in sentence(played, "update_traffic")
    assert google.versions(made.name) == []
