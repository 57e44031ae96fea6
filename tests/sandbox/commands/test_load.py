"""`python -m sandbox load`, and the intervals of `python -m sandbox run`."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from sandbox.__main__ import main
from sandbox.commands.run import last_intervals
from tests.conftest import Sandbox

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_parquet_file_replaces_the_table(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table(
        {
            "at": pa.array([NOON, None], pa.timestamp("us", "UTC")),
            "n": [1, 2],
            "x": [0.5, None],
            "name": pa.array(["a", "ü"], pa.large_string()),
            "yes": [True, False],
            "day": [date(2026, 3, 2), None],
            "price": pa.array([Decimal("1.25"), None], pa.decimal128(10, 2)),
        }
    )
    file = tmp_path / "t.parquet"
    client = bigquery.Client(
        project=sandbox.env["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )
    for rows in (table, table.slice(0, 1).drop(["price"])):
        pq.write_table(rows, file)
        assert main(["--var", str(sandbox.var), "load", "loading.t", str(file)]) == 0
        assert f"loading.t: {rows.num_rows} rows" in capsys.readouterr().out
        found = [dict(row) for row in client.list_rows(client.get_table("loading.t"))]
        assert found == rows.to_pylist()


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("loading.u", {"tags": [["a"]]}, "its column tags is list<"),
        ("t", {"x": [1]}, "was not loaded: "),
        ("loading.u", None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_one_error_sentence(
    sandbox: Sandbox,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    table: str,
    content: dict[str, list[object]] | None,
    message: str,
) -> None:
    file = tmp_path / "t.parquet"
    if content is not None:
        pq.write_table(pa.table(content), file)
    assert main(["--var", str(sandbox.var), "load", table, str(file)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert main(["--var", str(tmp_path), "load", table, str(file)]) == 1
    assert capsys.readouterr().err == (
        "sandbox: it is not running; run `python -m sandbox up` first\n"
    )


def test_the_last_intervals_of_any_schedule() -> None:
    weeks = last_intervals("0 3 * * 1", 2, NOON)
    assert [str(week) for week in weeks] == [
        "2026-02-16 03:00 to 2026-02-23 03:00 UTC",
        "2026-02-23 03:00 to 2026-03-02 03:00 UTC",
    ]
    (day,) = last_intervals("30 6 * * *", 1, NOON)
    assert str(day) == "2026-03-01 06:30 to 2026-03-02 06:30 UTC"
    assert last_intervals("0 3 * * 1", 0, NOON) == []
