from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.conftest import Sandbox
from titleholder.data_intervals import Interval
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.pipelines.fingerprint import (
    TableContent,
    fingerprint,
    fingerprint_from_labels,
    fingerprint_labels,
    version_with_fingerprint,
)
from titleholder.rollout.view import Version

END = datetime(2026, 11, 16, 3, tzinfo=UTC)
WEEK = Interval(END - timedelta(days=7), END)
CONTENT = TableContent(2, END - timedelta(hours=1), -7, 12)
PARAMETERS = {"project": "p", "location": "l", "score": 90.0, "columns": ["a", "b"]}


def test_the_fingerprint_depends_on_rows_template_and_parameters() -> None:
    digest = fingerprint(CONTENT, {"root": {}}, PARAMETERS)
    reordered = dict(reversed(PARAMETERS.items()))
    assert fingerprint(CONTENT, {"root": {}}, reordered | {"location": "elsewhere"}) == digest
    others = [
        fingerprint(replace(CONTENT, rows=3), {"root": {}}, PARAMETERS),
        fingerprint(replace(CONTENT, newest=END), {"root": {}}, PARAMETERS),
        fingerprint(replace(CONTENT, newest=None), {"root": {}}, PARAMETERS),
        fingerprint(replace(CONTENT, mixed=7), {"root": {}}, PARAMETERS),
        fingerprint(replace(CONTENT, summed=13), {"root": {}}, PARAMETERS),
        fingerprint(CONTENT, {"root": {"dag": 1}}, PARAMETERS),
        fingerprint(CONTENT, {"root": {}}, PARAMETERS | {"columns": ["b", "a"]}),
        fingerprint(CONTENT, {"root": {}}, PARAMETERS | {"score": 91.0}),
    ]
    assert len({digest, *others}) == 9


def test_a_fingerprint_as_a_label_and_the_newest_version_with_it() -> None:
    digest = fingerprint(CONTENT, {}, {})
    assert fingerprint_from_labels(fingerprint_labels(digest)) == digest
    assert fingerprint_labels("") == {}
    assert (
        fingerprint_from_labels({})
        == fingerprint_from_labels({"fingerprint": "written-by-hand"})
        == ""
    )
    versions = [Version("9", fingerprint=digest), Version("10", fingerprint=digest), Version("11")]
    assert version_with_fingerprint(digest, versions) == versions[1]
    assert version_with_fingerprint(fingerprint(CONTENT, {}, PARAMETERS), versions) is None
    assert version_with_fingerprint("", versions) is None


@dataclass(frozen=True)
class FakeEnvironment:
    """The attributes of Environment that are used here."""

    project: str
    credentials: Any = field(default_factory=AnonymousCredentials)


@pytest.fixture
def source(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator["Source"]:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", sandbox.env["BIGQUERY_EMULATOR_HOST"])
    project = sandbox.env["GOOGLE_CLOUD_PROJECT"]
    client = bigquery.Client(project=project, credentials=AnonymousCredentials())
    client.create_dataset("prints", exists_ok=True)
    client.query(
        "CREATE OR REPLACE TABLE prints.rows (measured TIMESTAMP, x FLOAT64, tags ARRAY<STRING>)"
    ).result()
    yield Source(client, SourceTables(FakeEnvironment(project), END), f"{project}.prints.rows")  # type: ignore[arg-type]
    client.close()


@dataclass(frozen=True)
class Source:
    """A table with a row at each of some hours before the week's end."""

    client: bigquery.Client
    tables: SourceTables
    table: str

    def add(self, *hours: float, value: str = "1.5") -> "Source":
        rows = ", ".join(
            f"(TIMESTAMP '{END - timedelta(hours=ago):%Y-%m-%d %H:%M:%S}+00', {value}, ['a', 'b'])"
            for ago in hours
        )
        self.client.query(f"INSERT INTO prints.rows VALUES {rows}").result()
        return self

    def content(self) -> TableContent:
        return self.tables.content(self.table, "measured", WEEK, 10**9)


def test_the_content_of_an_interval_in_any_order_of_rows(source: Source) -> None:
    first = source.add(1, 2, 3).content()
    assert (first.rows, first.newest) == (3, END - timedelta(hours=1))
    # Rows of other weeks have no effect.
    assert source.add(0, -5, 24 * 8).content() == first
    duplicated = source.add(2).add(2).content()
    assert (duplicated.rows, duplicated.mixed) == (5, first.mixed), (
        "which is why there is a sum, too"
    )
    assert duplicated.summed != first.summed
    source.client.query("DELETE FROM prints.rows WHERE TRUE").result()
    assert source.content() == TableContent(0, None, 0, 0)
    assert source.add(3).add(1, 2).content() == first
    source.client.query("DELETE FROM prints.rows WHERE TRUE").result()
    other = source.add(1, 2).add(3, value="1.5000001").content()
    assert (other.rows, other.newest) == (first.rows, first.newest)
    assert (other.mixed, other.summed) != (first.mixed, first.summed)


def test_a_table_that_cannot_be_read(source: Source) -> None:
    with pytest.raises(Unreadable, match="cannot be read as a TIMESTAMP"):
        source.tables.content(source.table, "when", WEEK, 10**9)
