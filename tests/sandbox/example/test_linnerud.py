from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from sklearn.neighbors import KNeighborsRegressor

from sandbox.example.linnerud import FEATURES, ROWS_PER_WEEK, TARGETS, load, weeks
from tests.conftest import Sandbox
from titleholder.analysis.sequential.confidence_sequence import interval

MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)
NOW = MONDAY + timedelta(days=2, hours=9)


def part(rows: pa.Table, start: datetime, end: datetime) -> pa.Table:
    at = rows["measured_at"]
    return rows.filter(pc.and_(pc.greater_equal(at, start), pc.less(at, end)))


def test_each_complete_week_has_2000_rows_up_to_its_end() -> None:
    rows = weeks(NOW)
    for n in range(1, 13):
        end = MONDAY - timedelta(weeks=n - 1)
        week = part(rows, end - timedelta(weeks=1), end)
        assert week.num_rows == ROWS_PER_WEEK == 2_000
        assert end - pc.max(week["measured_at"]).as_py() < timedelta(minutes=6)
        assert len(set(pc.strftime(week["measured_at"], "%F").to_pylist())) == 8
    assert pc.min(rows["measured_at"]).as_py() >= MONDAY - timedelta(weeks=12)


def test_the_current_week_ends_now() -> None:
    latest = pc.max(weeks(NOW)["measured_at"]).as_py()
    assert timedelta(0) <= NOW - latest < timedelta(minutes=11)


def test_a_week_does_not_depend_on_when_it_is_generated() -> None:
    week = (MONDAY - timedelta(weeks=2), MONDAY - timedelta(weeks=1))
    later = weeks(NOW + timedelta(days=20), count=6)
    assert part(weeks(NOW), *week) == part(later, *week)


def test_a_week_is_the_same_on_every_machine() -> None:
    assert weeks(NOW, count=1).slice(1_999, 1).to_pylist() == [
        {
            "id": 5_859_999,
            "measured_at": datetime(2026, 3, 2, 2, 55, 51, 18912, tzinfo=UTC),
            "weight_kg": 61.9,
            "waist_cm": 83.5,
            "pulse_bpm": 68.7,
            "chins": 2.0,
            "situps": 124.9,
            "jumps": 45.8,
        }
    ]


def test_rows_differ_and_keys_are_unique() -> None:
    rows = weeks(NOW)
    assert len(pc.unique(rows["id"])) == rows.num_rows
    measured = {tuple(row.values()) for row in rows.select([*FEATURES, *TARGETS]).to_pylist()}
    assert len(measured) == rows.num_rows


def test_columns_have_bigquerys_types() -> None:
    schema = weeks(NOW, count=1).schema
    assert schema.names == ["id", "measured_at", *FEATURES, *TARGETS]
    assert schema.field("measured_at").type == pa.timestamp("us", tz="UTC")
    assert not schema.field("id").nullable
    assert {schema.field(name).type for name in (*FEATURES, *TARGETS)} == {pa.float64()}


def test_targets_drift_slowly_over_the_season() -> None:
    rows = weeks(NOW, count=26)
    still = weeks(NOW, count=26, drift=0)
    form = np.array(rows["situps"]) / np.array(still["situps"])
    assert 0.91 < form.min() < 0.93
    assert 1.07 < form.max() < 1.09
    # A week's own change is small: 4 % at most.
    weekly = form[: 26 * ROWS_PER_WEEK].reshape(26, ROWS_PER_WEEK)
    assert 0.03 < (weekly.max(axis=1) - weekly.min(axis=1)).max() < 0.05
    assert rows.select(FEATURES) == still.select(FEATURES)


def test_a_retrained_model_is_mostly_but_not_always_better() -> None:
    """By the interval of docs/explanation/verdict.md on the chins of a week, as in a duel."""
    rows = weeks(NOW, count=40)
    columns = [np.column_stack([rows[c] for c in names]) for names in (FEATURES, ("chins",))]
    # A nearest-neighbour model: training neural networks would take a minute.
    models = [
        KNeighborsRegressor(25).fit(*(c[start : start + ROWS_PER_WEEK] for c in columns))
        for start in range(0, 39 * ROWS_PER_WEEK, ROWS_PER_WEEK)
    ]
    champion, outcomes = models[0], []
    for week, challenger in enumerate(models[1:], start=2):
        x, y = (c[week * ROWS_PER_WEEK : (week + 1) * ROWS_PER_WEEK] for c in columns)
        paired = np.abs(champion.predict(x) - y) - np.abs(challenger.predict(x) - y)
        low, high = interval(len(paired), paired.mean(), paired.var(ddof=1), 0.05, 500)
        outcomes.append("promoted" if low > 0 else "rolled back" if high < 0 else "held")
        champion = challenger if low > 0 else champion
    counts = Counter(outcomes)
    assert counts["promoted"] > len(outcomes) / 2, counts
    assert min(counts["rolled back"], counts["held"]) >= 2, counts
    # In any eight weeks there are both.
    for first in range(len(outcomes) - 7):
        assert len({one == "promoted" for one in outcomes[first : first + 8]}) == 2, outcomes


def test_now_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="now has no time zone"):
        weeks(datetime(2026, 3, 2))


def test_loading_twice_is_the_same_as_once(sandbox: Sandbox) -> None:
    project = sandbox.env["GOOGLE_CLOUD_PROJECT"]
    with bigquery.Client(
        project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    ) as client:
        name = f"{project}.linnerud_load_test.measurements"
        counts = {load(client, NOW, name, count=2) for _ in range(2)}
        table = client.get_table(name)
        expected = weeks(NOW, count=2)
        assert counts == {table.num_rows} == {expected.num_rows}
        assert table.time_partitioning.field == "measured_at"
        assert table.time_partitioning.type_ == bigquery.TimePartitioningType.DAY
        assert [(field.field_type, field.mode) for field in table.schema[:3]] == [
            ("INT64", "REQUIRED"),
            ("TIMESTAMP", "NULLABLE"),
            ("FLOAT64", "NULLABLE"),
        ]
        query = f"SELECT * FROM `{name}` ORDER BY id DESC LIMIT 1"
        ((*values,),) = (row.values() for row in client.query_and_wait(query))
        assert values == list(expected.slice(expected.num_rows - 1).to_pylist()[0].values())
