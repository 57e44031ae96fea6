from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sandbox.linnerud import FEATURES, ROWS_PER_WEEK, TARGETS, load, weeks
from tests.conftest import Sandbox

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


def test_the_current_week_reaches_to_now() -> None:
    latest = pc.max(weeks(NOW)["measured_at"]).as_py()
    assert timedelta(0) <= NOW - latest < timedelta(minutes=11)


def test_a_week_is_the_same_whenever_it_is_made() -> None:
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
            "chins": 1.9,
            "situps": 116.6,
            "jumps": 42.8,
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
    assert 0.97 < form.min() < 0.985
    assert 1.015 < form.max() < 1.03
    assert rows.select(FEATURES) == still.select(FEATURES)


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
