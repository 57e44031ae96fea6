import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.data_intervals import Interval, last_complete, next_fire
from titleholder.errors import InvalidRequest, ManualActionRequired
from titleholder.labels import (
    dag_run_label,
    format_label_time,
    parse_label_time,
)
from titleholder.naming import (
    Recency,
    TrainingRun,
    deployed_model_ids_of,
    label_recency,
    recency_of,
    recency_of_label,
    training_interval_of,
    training_run_of,
)

WEEK = Interval(datetime(2026, 11, 9, 3, tzinfo=UTC), datetime(2026, 11, 16, 3, tzinfo=UTC))
CRON = "0 3 * * 1"


def dag_run(**context: object) -> dict[str, object]:
    return {"dag_run": SimpleNamespace(clear_number=0, **context)}


def test_the_names_of_a_training_run() -> None:
    run = TrainingRun("linnerud", WEEK, 2)
    assert run.name == "linnerud-20261109t0300-20261116t0300-g2"
    assert deployed_model_ids_of(run.name)[0] == run.deployed_model_id
    assert recency_of(run.name) == recency_of(run.name, "linnerud") == Recency(WEEK.end, 2)
    assert recency_of(run.name, "linn") is None


@pytest.mark.parametrize(
    "alias",
    [
        *("champion", "m1-20261109t0300-20261116t0300", "m1-20261109t0300-20261316t0300-g0"),
        *("m1-20261109t0300-20261116t0300-g100", "m1-20261109t0300-20261116t0300-g²"),
    ],
)
def test_an_alias_that_is_no_training_run(alias: str) -> None:
    assert recency_of(alias) is None
    assert deployed_model_ids_of(alias) == ()


def test_times_and_recencies_as_labels() -> None:
    assert parse_label_time(format_label_time(WEEK.end)) == WEEK.end
    assert parse_label_time("") is parse_label_time("20261316t030000z") is None
    recency = Recency(WEEK.end, 12)
    assert label_recency(recency) == "20261116t030000z-g12"
    assert recency_of_label(label_recency(recency)) == recency
    for invalid in ("", "20261116t030000z", "20261116t030000z-g", "-g1", "20261116t030000z-g²"):
        assert recency_of_label(invalid) is None


ends = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(
    lambda end: end.replace(second=0, microsecond=0, tzinfo=UTC)
)
generations = st.integers(0, 99)


@given(ends, generations)
def test_names_fit_the_rules_of_vertex_ai(end: datetime, generation: int) -> None:
    run = TrainingRun("a-long-model-name", Interval(end - timedelta(days=7), end), generation)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,126}[a-z0-9]", run.name)
    for one in deployed_model_ids_of(run.name):
        assert re.fullmatch(r"[1-9][0-9]{9}", one)
    assert deployed_model_ids_of(run.name)[0] == run.deployed_model_id
    assert recency_of(run.name, run.model) == run.recency == Recency(end, generation)
    assert re.fullmatch(r"[a-z0-9_-]{1,63}", label_recency(run.recency))


@given(ends, generations, ends, generations)
def test_deployed_model_ids_of_a_model_are_unique(
    end: datetime, generation: int, other_end: datetime, other_generation: int
) -> None:
    one, two = (
        TrainingRun("m1", Interval(until - timedelta(days=7), until), number)
        for until, number in ((end, generation), (other_end, other_generation))
    )
    ids = {*deployed_model_ids_of(one.name), *deployed_model_ids_of(two.name)}
    assert len(ids) == (2 if one.recency == two.recency else 4)


def test_two_models_have_different_deployed_model_ids_for_the_same_week() -> None:
    names = [f"model-{number}" for number in range(100)]
    ids = {TrainingRun(name, WEEK, 0).deployed_model_id for name in names}
    assert len(ids) == len(names)
    assert (
        TrainingRun("linnerud", WEEK, 0).deployed_model_id
        != TrainingRun("linnerud-eu", WEEK, 0).deployed_model_id
    )


def test_a_cleared_run_is_a_new_generation() -> None:
    context = dag_run(data_interval_start=WEEK.start, data_interval_end=WEEK.end)
    assert training_run_of("m1", CRON, context) == TrainingRun("m1", WEEK, 0)
    context["dag_run"].clear_number = 3
    assert training_run_of("m1", CRON, context) == TrainingRun("m1", WEEK, 3)
    with pytest.raises(ManualActionRequired, match="delete its old pipeline jobs"):
        TrainingRun("m1", WEEK, 99).next_generation()


@pytest.mark.parametrize(
    "after", [datetime(2026, 11, 16, 3), datetime(2026, 11, 18), datetime(2026, 11, 23, 2, 59)]
)
def test_a_manual_run_without_logical_date_gets_the_last_complete_week(after: datetime) -> None:
    after = after.replace(tzinfo=UTC)
    assert last_complete(CRON, after) == WEEK
    context = dag_run(data_interval_start=None, data_interval_end=None, run_after=after)
    assert training_run_of("m1", CRON, context).interval == WEEK


def test_the_labels_of_two_dag_runs_differ() -> None:
    assert dag_run_label("a", "b") != dag_run_label("a", "c")
    assert re.fullmatch(
        r"[a-z0-9]{1,63}", dag_run_label("a", "scheduled__2026-11-16T03:00:00+00:00")
    )


def test_a_run_with_an_interval_end_trains_on_one_period_before_it() -> None:
    after = datetime(2026, 11, 26, 5, tzinfo=UTC)
    early = {"data_interval_start": WEEK.start, "data_interval_end": WEEK.end, "run_after": after}
    run = training_run_of(
        "linnerud", CRON, dag_run(**early, conf={"interval_end": "2026-11-25T00:00:00Z"})
    )
    assert run.interval.end == datetime(2026, 11, 25, tzinfo=UTC)
    assert run.interval.length == timedelta(weeks=1)
    assert run.name == "linnerud-20261118t0000-20261125t0000-g0"
    assert training_interval_of(run.name, "linnerud") == run.interval
    for none in ({}, None, {"interval_end": None}):
        assert training_run_of("linnerud", CRON, dag_run(**early, conf=none)).interval == WEEK
    for wrong, message in (
        (
            "soon",
            "'soon' is no time in UTC to the minute; trigger it again with a past time such as",
        ),
        ("2026-11-25T00:00:00", "is no time in UTC"),
        ("2026-11-27T00:00:00Z", "2026-11-27T00:00:00Z is later than the run"),
        # Names of runs are to the minute: another run would have the same.
        ("2026-11-25T00:00:30Z", "is no time in UTC to the minute"),
        ("0001-01-01T00:00:00Z", "'0001-01-01T00:00:00Z' is no time in UTC to the minute"),
        ("1969-12-31T00:00:00Z", "is no time in UTC"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            training_run_of("linnerud", CRON, dag_run(**early, conf={"interval_end": wrong}))


@pytest.mark.parametrize("cron", ["0 0 1 * *", "0 0 * * 1-5", "0 0 * * 1", "0 0 * * *"])
def test_an_interval_end_of_the_schedule_is_the_interval_of_the_schedule(cron: str) -> None:
    """The ids of deployed models say only when an interval ends: two that end at the same time and
    begin at different ones would have the same."""
    end = next_fire(cron, datetime(2026, 11, 27, tzinfo=UTC))
    scheduled = last_complete(cron, end)
    early = {"data_interval_start": WEEK.start, "data_interval_end": WEEK.end, "run_after": end}
    run = training_run_of("m1", cron, dag_run(**early, conf={"interval_end": end.isoformat()}))
    assert run.interval == scheduled


@pytest.mark.parametrize(
    "alias",
    [
        "champion",
        "other-20261118t0000-20261125t0000-g0",
        "linnerud-20261399t0000-20261125t0000-g0",
        "linnerud-20261125t0000-20261118t0000-g0",
    ],
)
def test_an_alias_without_a_training_interval(alias: str) -> None:
    assert training_interval_of(alias, "linnerud") is None
