import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titleholder.errors import Refusal
from titleholder.interval import Interval, last_complete
from titleholder.run import Run, data_until, label_time, run_label, run_of, time_of_label

WEEK = Interval(datetime(2026, 11, 9, 3, tzinfo=UTC), datetime(2026, 11, 16, 3, tzinfo=UTC))
CRON = "0 3 * * 1"


def dag_run(**given: object) -> dict[str, object]:
    return {"dag_run": SimpleNamespace(clear_number=0, **given)}


def test_the_names_of_a_run() -> None:
    run = Run("linnerud", WEEK, 2)
    assert run.name == "linnerud-20261109t0300-20261116t0300-g2"
    assert run.deployed_model_id.endswith("02")
    assert data_until(run.deployed_model_id) == WEEK.end


def test_a_time_in_a_label_is_read_again() -> None:
    assert time_of_label(label_time(WEEK.end)) == WEEK.end
    assert time_of_label("") is time_of_label("20261316t030000z") is None


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2150, 1, 1)),
    st.integers(0, 99),
)
def test_names_keep_googles_rules_and_order(end: datetime, generation: int) -> None:
    end = end.replace(second=0, microsecond=0, tzinfo=UTC)
    run = Run("a-long-model-name", Interval(end - timedelta(days=7), end), generation)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,126}[a-z0-9]", run.name)
    assert re.fullmatch(r"\d{10}", run.deployed_model_id)
    assert data_until(run.deployed_model_id) == end
    later = Run(run.model, Interval(end, end + timedelta(minutes=1)), 0)
    assert later.deployed_model_id > run.deployed_model_id
    assert re.fullmatch(r"[a-z0-9_-]{1,63}", label_time(end))


def test_a_cleared_run_is_a_new_generation() -> None:
    given = dag_run(data_interval_start=WEEK.start, data_interval_end=WEEK.end)
    assert run_of("m1", CRON, given) == Run("m1", WEEK, 0)
    given["dag_run"].clear_number = 3
    assert run_of("m1", CRON, given) == Run("m1", WEEK, 3)
    with pytest.raises(Refusal, match="delete its old pipeline jobs"):
        Run("m1", WEEK, 99).next_generation()


@pytest.mark.parametrize(
    "after", [datetime(2026, 11, 16, 3), datetime(2026, 11, 18), datetime(2026, 11, 23, 2, 59)]
)
def test_a_manual_run_without_logical_date_gets_the_last_complete_week(after: datetime) -> None:
    after = after.replace(tzinfo=UTC)
    assert last_complete(CRON, after) == WEEK
    given = dag_run(data_interval_start=None, data_interval_end=None, run_after=after)
    assert run_of("m1", CRON, given).interval == WEEK


def test_foreign_ids_tell_no_interval() -> None:
    assert data_until("1234567890123456789") is None
    assert data_until("7") is None


def test_run_labels_tell_dag_runs_apart() -> None:
    assert run_label("a", "b") != run_label("a", "c")
    assert re.fullmatch(r"[a-z0-9]{1,63}", run_label("a", "scheduled__2026-11-16T03:00:00+00:00"))
