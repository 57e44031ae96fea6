"""Queries have a time limit: a queued job is cancelled after it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.conftest import Sandbox
from tests.titleholder.gcp.bigquery.strict_bigquery import Call, StrictBigQuery, strict_bigquery
from titleholder.config.guardrails import Guardrails
from titleholder.data_intervals import Interval
from titleholder.errors import RetryableError
from titleholder.events.event import Event
from titleholder.events.rows import COLUMNS
from titleholder.gcp.bigquery import live_metrics
from titleholder.gcp.bigquery.client import Unreadable
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.bigquery.live_metrics import LiveMetrics
from titleholder.gcp.bigquery.source_table import SourceTables
from titleholder.gcp.environment import Environment
from titleholder.rollout.view import View

END = datetime(2026, 11, 16, 3, tzinfo=UTC)
WEEK = Interval(END - timedelta(days=7), END)
ROW = END - timedelta(hours=2)
PROJECT = "titleholder-local"
TABLE = f"{PROJECT}.limits.rows"
SHORT = 0.3


class SandboxEnvironment(Environment):
    """The sandbox's project, without Airflow."""

    project = PROJECT
    _connection = AnonymousCredentials(), project, {}


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[bigquery.Client]:
    """Google's client without the strict server; with a table of one row of the week."""
    made = bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )
    made.create_dataset("limits", exists_ok=True)
    made.query(
        f"CREATE OR REPLACE TABLE limits.rows AS SELECT TIMESTAMP '{ROW}' AS measured"
    ).result()
    yield made
    made.close()


@pytest.fixture
def strict(
    client: bigquery.Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StrictBigQuery]:
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", sandbox.env["GOOGLE_CLOUD_LOCATION"])
    with strict_bigquery(sandbox.env["BIGQUERY_EMULATOR_HOST"]) as found:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", found.url)
        yield found


def coverage(timeout: float = 60, later: timedelta = timedelta(0), table: str = TABLE) -> Any:
    now = END + later
    tables = SourceTables(SandboxEnvironment("google"), now, timeout)
    return tables.coverage(table, "measured", WEEK, now, 10**9)


def content() -> Any:
    return SourceTables(SandboxEnvironment("google"), END, SHORT).content(
        TABLE, "measured", WEEK, 10**9
    )


def events(timeout: float) -> EventsTable:
    return EventsTable(SandboxEnvironment("google"), "limits.events", timeout_seconds=timeout)


def event(name: str) -> Event:
    return Event(id=name, time=END, model="m", endpoint="", action="deploy_challenger", reason="")


def traffic() -> None:
    view = View("m", "projects/1/locations/l/endpoints/m", request_log=TABLE)
    live = LiveMetrics(SandboxEnvironment("google"), Guardrails.model_validate({}))
    found = live.read(view, ("1", "2"), END - timedelta(days=1), END)
    raise RuntimeError(*found.unreadable)


LONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "SELECT COUNTIF": (
        lambda: coverage(SHORT),
        Unreadable,
        f"did not finish a query of {TABLE} within 0.3 s, and it was cancelled; repeat this when",
    ),
    "SELECT COUNT.*FARM_FINGERPRINT": (content, Unreadable, "within 0.3 s, and it was cancelled"),
    "SELECT CAST": (traffic, RuntimeError, f"{TABLE} cannot be read now"),
    "MERGE": (
        lambda: events(SHORT).append([event("e1")]),
        RetryableError,
        "did not finish with limits.events within 0.3 s; try again",
    ),
    r"SELECT \* FROM": (lambda: events(SHORT).read("m"), RetryableError, "within 0.3 s; try again"),
}


@pytest.mark.parametrize("sql", LONG)
def test_a_queued_query_is_cancelled_after_the_time_limit(
    strict: StrictBigQuery, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_metrics, "TIMEOUT_SECONDS", SHORT)
    query, error, message = LONG[sql]
    queued = strict.queue(sql)
    with pytest.raises(error, match=message) as raised:
        query()
    assert "\n" not in str(raised.value)
    assert getattr(raised.value, "final", False) is False, "worth another try"
    assert len(strict.cancelled()) == 1
    assert not queued, "nothing is left in the queue"


def test_adding_a_column_is_cancelled_after_the_time_limit(
    strict: StrictBigQuery, client: bigquery.Client
) -> None:
    schema = [bigquery.SchemaField(c.name, c.type) for c in COLUMNS if c.name != "actor"]
    client.delete_table("limits.events", not_found_ok=True)
    client.create_table(bigquery.Table(f"{PROJECT}.limits.events", schema))
    queued = strict.queue("ALTER TABLE")
    with pytest.raises(RetryableError, match="within 3 s; try again"):
        events(3.0).append([event("e2")])
    assert len(strict.cancelled()) == 1
    assert not queued


def test_every_job_has_a_time_limit_of_its_own(strict: StrictBigQuery) -> None:
    coverage()
    events(20).append([event("e3")])
    events(20).read("m")
    SourceTables(SandboxEnvironment("google"), END, 60).content(TABLE, "measured", WEEK, 10**9)
    statements = [call for call in strict.calls if call.sql]
    assert len(statements) >= 4
    for call in statements:
        options = call.body.get("configuration", call.body)
        assert int(options["jobTimeoutMs"]) in (20_000, 60_000), call


def jobs(strict: StrictBigQuery) -> list[str]:
    return [call.job for call in strict.calls if call.sql.startswith("SELECT COUNTIF")]


def test_the_same_query_is_billed_once(strict: StrictBigQuery, client: bigquery.Client) -> None:
    first = coverage()
    # Another attempt of the task, some minutes later: the job of the first is found.
    assert coverage(later=timedelta(minutes=5)) == first
    one, again = jobs(strict)
    assert one == again
    assert len(strict.jobs) == 1
    # An hour later, and as soon as the table changes, it is another query.
    coverage(later=timedelta(hours=1))
    client.query(
        f"CREATE OR REPLACE TABLE limits.rows AS SELECT TIMESTAMP '{ROW}' AS measured "
        "FROM UNNEST([1, 2])"
    ).result()
    assert coverage().rows == 2
    assert len(strict.jobs) == 3


def test_a_query_whose_response_is_lost_is_not_run_twice(strict: StrictBigQuery) -> None:
    lost: list[str] = []

    def rule(call: Call) -> str | None:
        if call.sql.startswith("SELECT COUNTIF") and not lost:
            lost.append(call.job)
            strict.jobs.add(call.job)
            return "lost"
        return None

    strict.rules.append(rule)
    assert coverage().rows == 1
    assert set(jobs(strict)) == set(lost)


def test_a_cancelled_job_is_run_again(strict: StrictBigQuery) -> None:
    strict.queue("SELECT COUNTIF", times=1)
    with pytest.raises(Unreadable):
        coverage(SHORT)
    assert coverage().rows == 1
    first, refused, second = jobs(strict)
    assert first == refused == strict.cancelled()[0]
    assert second == f"{first.removesuffix('-0')}-1"


def test_a_job_of_another_attempt_is_not_cancelled(
    strict: StrictBigQuery,
) -> None:
    # The first attempt could not cancel it, as its worker was lost.
    strict.refuse("/cancel", 500, "backendError", times=1)
    queued = strict.queue("SELECT COUNTIF", times=1)
    for _ in range(2):
        with pytest.raises(Unreadable, match="did not finish"):
            coverage(SHORT)
    assert len(queued) == 1
    assert set(jobs(strict)) == queued, "no second job was started"
    assert len(strict.cancelled()) == 1


def test_a_query_of_a_view_is_run_every_time(
    strict: StrictBigQuery, client: bigquery.Client
) -> None:
    client.query("CREATE OR REPLACE VIEW limits.seen AS SELECT * FROM limits.rows").result()
    assert coverage(table=f"{PROJECT}.limits.seen").rows == 1
    coverage(table=f"{PROJECT}.limits.seen")
    first, second = jobs(strict)
    assert first != second
