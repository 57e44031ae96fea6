"""The events table, through Google's client, in the sandbox's BigQuery."""

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.conftest import REPOSITORY, Sandbox
from tests.titleholder.gcp.bigquery.strict_bigquery import Call, StrictBigQuery, strict_bigquery
from titleholder.errors import EnvironmentConfigError, RetryableError
from titleholder.events.event import Event, event_id
from titleholder.events.rows import COLUMNS
from titleholder.gcp.bigquery.events_table import EventsTable
from titleholder.gcp.environment import Environment

NUMBERS = itertools.count(1)
START = datetime(2026, 11, 16, 3, 0, 0, 123456, tzinfo=UTC)
DEPLOYED = Event(
    id=event_id("linnerud", "deploy"),
    time=START,
    model="linnerud",
    endpoint="projects/1/locations/us-central1/endpoints/linnerud",
    action="deploy_challenger",
    reason="the challenger of the week until 2026-11-16 scored 96.00",
    champion_before="2990322000",
    split_before={"2990322000": 100},
    champion_after="2990322000",
    challenger_after="2991330000",
    split_after={"2990322000": 90, "2991330000": 10},
    versions={"2990322000": "linnerud@1", "2991330000": "linnerud@2"},
    data_interval_end={"2991330000": "2026-11-16T03:00:00Z"},
    interval_start=START - timedelta(weeks=1),
    interval_end=START,
    evidence={"score": 96.0, "rows": 2000, "tests": [{"name": "drift", "passed": True}]},
    run="linnerud__train/scheduled__2026-11-16T03:00:00+00:00",
    actor="airflow",
)
RECONSTRUCTED = replace(
    DEPLOYED,
    reason="read from the endpoint's labels",
    time=START + timedelta(days=2),
    champion_before=None,
    split_before=None,
    evidence={},
    run="",
    actor="",
    reconstructed=True,
)


class SandboxEnvironment(Environment):
    """The sandbox's project, without Airflow."""

    project = "titleholder-local"
    _connection = AnonymousCredentials(), project, {}


@pytest.fixture
def strict(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictBigQuery]:
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", sandbox.env["GOOGLE_CLOUD_LOCATION"])
    assert sandbox.env["GOOGLE_CLOUD_PROJECT"] == SandboxEnvironment.project
    with strict_bigquery(sandbox.env["BIGQUERY_EMULATOR_HOST"]) as found:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", found.url)
        yield found


@pytest.fixture
def client(sandbox: Sandbox) -> bigquery.Client:
    """Google's client without the strict server."""
    return bigquery.Client(
        project=SandboxEnvironment.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )


@pytest.fixture
def name() -> str:
    return f"audit{next(NUMBERS)}.events"


@pytest.fixture
def table(strict: StrictBigQuery, name: str) -> EventsTable:
    return EventsTable(SandboxEnvironment("google"), name, timeout_seconds=20)


@pytest.fixture
def existing(table: EventsTable, client: bigquery.Client, name: str) -> EventsTable:
    """As `table`, with an empty table in BigQuery: the first event creates it in three jobs."""
    put(client, name, schema())
    return table


Rows = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def rows(client: bigquery.Client, name: str) -> Rows:
    def read() -> list[dict[str, Any]]:
        found = client.query_and_wait(f"SELECT * FROM `{name}` ORDER BY time")
        return [dict(row) for row in found]

    return read


def test_the_dataset_and_the_table_are_created(
    table: EventsTable, client: bigquery.Client, name: str
) -> None:
    table.append([DEPLOYED])
    created = client.get_table(name)
    assert client.get_dataset(created.dataset_id).location == "us-central1"
    assert created.time_partitioning == bigquery.TimePartitioning(type_="DAY", field="time")
    assert created.clustering_fields == ["model"]
    assert [field.name for field in created.schema] == [column.name for column in COLUMNS]
    assert all(field.description for field in created.schema)
    assert table.read("linnerud") == [DEPLOYED]


def test_reading_before_the_first_event_gives_none(table: EventsTable) -> None:
    assert table.read("linnerud") == []


def test_one_event_costs_two_calls(existing: EventsTable, strict: StrictBigQuery) -> None:
    existing.append([DEPLOYED])
    (job,) = strict.merges()
    assert [call.what for call in strict.calls] == ["POST jobs", f"GET queries/{job}"]
    strict.calls.clear()
    assert len(existing.read("linnerud")) == 1
    assert [call.what for call in strict.calls] == ["POST queries"]


def test_no_value_is_part_of_the_sql(existing: EventsTable, strict: StrictBigQuery) -> None:
    existing.append([replace(DEPLOYED, reason="'; DROP TABLE events; --")])
    existing.append([DEPLOYED])
    existing.read("linnerud", until=START)
    statements = [call for call in strict.calls if call.sql]
    assert not any(w in call.sql for call in statements for w in ("linnerud", "DROP", DEPLOYED.id))
    for call in statements:
        query = call.body.get("configuration", {}).get("query", call.body)
        assert query["maximumBytesBilled"] == str(existing.max_bytes)


@pytest.mark.parametrize("forget", [False, True], ids=["at once", "months later"])
def test_writing_an_event_again_changes_nothing(
    table: EventsTable, rows: Rows, strict: StrictBigQuery, forget: bool
) -> None:
    table.append([DEPLOYED])
    before = rows()
    for again in (
        DEPLOYED,
        replace(DEPLOYED, reason="other", time=START + timedelta(hours=5)),
        RECONSTRUCTED,
    ):
        if forget:  # BigQuery keeps job ids for half a year.
            strict.jobs.clear()
        table.append([again, again])
    assert rows() == before
    assert len(before) == 1


def test_concurrent_writers_of_the_same_event(
    existing: EventsTable, strict: StrictBigQuery, rows: Rows
) -> None:
    barrier = threading.Barrier(8)
    others = [replace(existing) for _ in range(8)]

    def write(other: EventsTable) -> None:
        barrier.wait()
        other.append([DEPLOYED, replace(DEPLOYED, id="third")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, others))
    assert [row["id"] for row in rows()].count(DEPLOYED.id) == 1
    assert len(rows()) == 2
    # Two MERGEs would insert twice: for each event only one was accepted.
    assert len(strict.merges()) > 2
    assert len(set(strict.merges())) == 2


def test_concurrent_creators_of_the_table(table: EventsTable, rows: Rows) -> None:
    barrier = threading.Barrier(4)

    def write(other: EventsTable) -> None:
        barrier.wait()
        other.append([DEPLOYED])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [replace(table) for _ in range(4)]))
    assert len(rows()) == 1


@pytest.mark.parametrize("at_once", [False, True])
def test_a_full_event_replaces_a_reconstructed_one(
    table: EventsTable, rows: Rows, at_once: bool
) -> None:
    if at_once:
        with ThreadPoolExecutor(6) as pool:
            tables = [replace(table) for _ in range(6)]
            batches = [
                [event]
                for event in (
                    RECONSTRUCTED,
                    DEPLOYED,
                    RECONSTRUCTED,
                    DEPLOYED,
                    DEPLOYED,
                    RECONSTRUCTED,
                )
            ]
            list(pool.map(EventsTable.append, tables, batches))
    else:
        table.append([RECONSTRUCTED])
        assert table.read("linnerud") == [RECONSTRUCTED]
        table.append([DEPLOYED])
    assert len(rows()) == 1
    assert table.read("linnerud") == [DEPLOYED]
    table.append([RECONSTRUCTED])
    assert table.read("linnerud") == [DEPLOYED]


def test_any_text_is_read_as_it_was_written(existing: EventsTable) -> None:
    texts = [
        "it's \"quoted\" `ticked` \\ \\n \\' @id ? %s {table} ${x} -- /* */ ; \t",
        "two\nlines\r\nand a NUL \x00, ünï, 漢字, 😀, \u202e, \u2028",
        "",
        "NULL",
    ]
    events = [
        replace(
            DEPLOYED,
            id=f"text-{number}",
            time=START + timedelta(seconds=number),
            reason=text,
            evidence={text: [text, {"deep": text}], "nothing": None, "nan": float("nan")},
            versions={text: text},
            actor=text,
        )
        for number, text in enumerate(texts)
    ]
    existing.append(events)
    assert existing.read("linnerud") == events


def test_reading_an_interval(existing: EventsTable) -> None:
    bare = Event(
        id="bare", time=START + timedelta(hours=1), model="m", action="set_traffic", reason=""
    )
    more = [replace(bare, id=f"n{n}", time=bare.time + timedelta(days=n)) for n in range(3)]
    existing.append([*more[::-1], DEPLOYED, bare])
    assert existing.read("m") == [bare, *more]
    assert existing.read("m", until=more[1].time) == [bare, *more[:2]]
    assert existing.read("m", until=more[1].time - timedelta(microseconds=1)) == [bare, more[0]]


def test_events_of_another_endpoint_are_not_read(
    existing: EventsTable, client: bigquery.Client, name: str, strict: StrictBigQuery
) -> None:
    """Environments may share a table; an event before the endpoint was created names none."""
    elsewhere = str(DEPLOYED.endpoint).replace("us-central1", "europe-west4")
    early = replace(DEPLOYED, id="early", endpoint="", time=START - timedelta(days=1))
    null = replace(early, id="null")
    other = replace(DEPLOYED, id="other", endpoint=elsewhere, time=START + timedelta(days=1))
    existing.append([other, DEPLOYED, early, null])
    client.query_and_wait(f"UPDATE `{name}` SET endpoint = NULL WHERE id = 'null'")
    strict.calls.clear()
    assert existing.read("linnerud", endpoint=DEPLOYED.endpoint) == [early, null, DEPLOYED]
    assert not any(DEPLOYED.endpoint in call.sql for call in strict.calls)
    assert existing.read("linnerud", endpoint=elsewhere, since=START) == [other]
    assert existing.read("linnerud") == [early, null, DEPLOYED, other]


def test_a_dataset_in_another_location(
    table: EventsTable, strict: StrictBigQuery, name: str
) -> None:
    """Created by hand in another location than the environment's: it is found and used."""
    table.append([replace(DEPLOYED, id="first")])
    strict.location = "EU"
    fresh = EventsTable(table.environment, name, timeout_seconds=5)
    fresh.append([DEPLOYED])
    strict.calls.clear()
    fresh.append([replace(DEPLOYED, id="third")])
    assert len(strict.calls) == 2
    reader = EventsTable(table.environment, name, timeout_seconds=5)
    assert len(reader.read("linnerud")) == 3
    assert EventsTable(table.environment, f"{name}_not", timeout_seconds=5).read("linnerud") == []


# --- Failures.


def test_a_lost_response(existing: EventsTable, strict: StrictBigQuery, rows: Rows) -> None:
    strict.rules.append(lose_answer_once("MERGE"))
    existing.append([DEPLOYED])
    assert len(rows()) == 1


def test_a_failed_job_is_repeated(
    table: EventsTable, strict: StrictBigQuery, rows: Rows, client: bigquery.Client, name: str
) -> None:
    table.append([RECONSTRUCTED])
    # The emulator has no temporary failures of jobs: the table is removed meanwhile.
    client.query_and_wait(f"CREATE TABLE `{name}_away` AS SELECT * FROM `{name}`")
    client.delete_table(name)
    strict.refuse("POST datasets/.*/tables", 503, "backendError")
    with pytest.raises(RetryableError, match="cannot be created now"):
        replace(table, timeout_seconds=1).append([DEPLOYED])
    strict.rules.clear()
    client.query_and_wait(f"CREATE TABLE `{name}` AS SELECT * FROM `{name}_away`")
    table.append([DEPLOYED])
    assert table.read("linnerud") == [DEPLOYED]
    assert len(rows()) == 1
    # No table, reconstructed row written, failed, full row written.
    assert {job[-2:] for job in strict.jobs} == {"-0", "-1", "-2", "-3"}


@pytest.mark.parametrize("written", [True, False])
def test_the_job_of_another_account(
    table: EventsTable, strict: StrictBigQuery, rows: Rows, written: bool
) -> None:
    table.append([DEPLOYED] if written else [replace(DEPLOYED, id="first")])
    if not written:
        (job,) = strict.jobs & set(strict.merges()[-1:])
        strict.jobs.add(job.replace("-first-", f"-{DEPLOYED.id}-").rsplit("-", 1)[0] + "-0")
    strict.refuse("GET jobs/", 403, "accessDenied")
    pauses: list[float] = []
    replace(table, pause=pauses.append).append([DEPLOYED])
    assert sum(pauses) == pytest.approx(0 if written else table.timeout_seconds)
    assert [row["id"] for row in rows()].count(DEPLOYED.id) == 1


def test_a_dataset_that_may_not_be_created(table: EventsTable, strict: StrictBigQuery) -> None:
    strict.refuse("POST datasets$", 403, "accessDenied")
    with pytest.raises(EnvironmentConfigError) as raised:
        table.append([DEPLOYED])
    message = str(raised.value)
    assert message.startswith(
        f"the events table {SandboxEnvironment.project}.{table.table} may not be created (POST "
    )
    assert "in us-central1 and grant the account roles/bigquery.dataEditor" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("what", "status", "reason", "error", "says"),
    [
        (
            "MERGE",
            403,
            "accessDenied",
            EnvironmentConfigError,
            "roles/bigquery.dataEditor on its dataset",
        ),
        ("MERGE", 403, "quotaExceeded", RetryableError, "cannot be read or written now"),
        ("MERGE", 403, "rateLimitExceeded", RetryableError, "cannot be read or written now"),
        ("MERGE", 503, "backendError", RetryableError, "cannot be read or written now"),
        (
            "MERGE",
            400,
            "bytesBilledLimitExceeded",
            EnvironmentConfigError,
            "more than 1000000000 bytes",
        ),
        ("MERGE", 400, "invalidQuery", EnvironmentConfigError, "docs/reference/events.md"),
        ("MERGE", 404, "notFound", RetryableError, "cannot be read or written now"),
    ],
)
def test_errors_of_bigquery(
    existing: EventsTable,
    strict: StrictBigQuery,
    what: str,
    status: int,
    reason: str,
    error: type[Exception],
    says: str,
) -> None:
    strict.refuse(what, status, reason)
    with pytest.raises(error) as raised:
        replace(existing, timeout_seconds=0.5).append([DEPLOYED])
    message = str(raised.value)
    assert message.startswith(f"the event {DEPLOYED.id} (deploy_challenger) of linnerud: ")
    assert says in message
    assert "\n" not in message
    strict.rules.clear()
    strict.refuse("SELECT", status, reason)
    with pytest.raises(error, match="the events of linnerud: "):
        replace(existing, timeout_seconds=0.5).read("linnerud")


# --- Existing tables with another schema.


def schema(**changes: str | None) -> list[bigquery.SchemaField]:
    types = {column.name: column.type for column in COLUMNS} | changes
    return [bigquery.SchemaField(name, kind) for name, kind in types.items() if kind]


def put(client: bigquery.Client, name: str, fields: list[bigquery.SchemaField]) -> None:
    client.create_dataset(name.split(".")[0])
    client.create_table(bigquery.Table(f"{client.project}.{name}", fields))


def test_columns_of_a_newer_version_are_added(
    table: EventsTable, client: bigquery.Client, name: str
) -> None:
    put(client, name, schema(evidence=None, reconstructed=None, note="STRING"))
    client.query_and_wait(
        f"INSERT INTO `{name}` (id, time, model, action, note) "
        f"VALUES ('old', TIMESTAMP '2026-01-01', 'linnerud', 'adopt', 'kept')"
    )
    table.append([DEPLOYED])
    existing, new = table.read("linnerud")
    assert (existing.id, existing.evidence, existing.reconstructed) == ("old", {}, False)
    assert new == DEPLOYED


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (schema(id=None, time=None), "it has no column id; it has no column time; name another"),
        (schema(split_after="INTEGER"), "its column split_after is INTEGER, not STRING"),
        (
            [*schema(actor=None), bigquery.SchemaField("team", "STRING", "REQUIRED")],
            "its column team is required, and no event has it",
        ),
        (
            [*schema(actor=None), bigquery.SchemaField("actor", "STRING", "REPEATED")],
            "its column actor is repeated",
        ),
    ],
)
def test_a_table_of_another_shape(
    table: EventsTable,
    client: bigquery.Client,
    name: str,
    fields: list[bigquery.SchemaField],
    says: str,
) -> None:
    put(client, name, fields)
    with pytest.raises(EnvironmentConfigError) as raised:
        table.append([DEPLOYED])
    assert str(raised.value).startswith(
        f"{SandboxEnvironment.project}.{name} cannot hold events: {says}"
    )
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["events", "a.b.c.d", "a`b.c", "p.d.t;", "a b.c", ""])
def test_an_invalid_table_name(name: str) -> None:
    with pytest.raises(EnvironmentConfigError, match=r"write dataset\.table"):
        EventsTable(SandboxEnvironment("google"), name)


def test_the_queries_of_the_documentation(
    existing: EventsTable, client: bigquery.Client, name: str
) -> None:
    promoted = replace(
        DEPLOYED,
        id="promoted",
        time=START + timedelta(days=1),
        action="promote",
        champion_after="2991330000",
    )
    blocked = replace(promoted, id="refused", time=datetime.now(UTC), action="blocked")
    found = {
        "verdict": {"outcome": "hold", "n": 500, "estimate": 0.25},
        "forecast": {"promotion": 0.4, "rollback": 0.01, "decided_by": None},
    }
    evaluated = replace(DEPLOYED, id="judged", action="evaluated", reason="not yet", evidence=found)
    day = {"day": "2026-11-15", "n": 400, "loss": 2.5, "variance": 1.0}
    watched = replace(DEPLOYED, id="looked", action="watched", evidence={"days": [day]})
    existing.append([DEPLOYED, promoted, blocked, evaluated, watched])
    page = (REPOSITORY / "docs" / "reference" / "events.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    champion, blocked_rows, verdicts, days, promotions = (
        list(client.query_and_wait(query.replace("titleholder.events", name))) for query in queries
    )
    (counted,) = days
    assert (counted["day"], float(counted["loss"]), float(counted["n"])) == ("2026-11-15", 2.5, 400)
    assert [row["champion_after"] for row in champion] == ["2991330000"]
    assert [row["times"] for row in blocked_rows] == [1]
    (verdict,) = verdicts
    assert (verdict["challenger_after"], verdict["outcome"]) == (DEPLOYED.challenger_after, "hold")
    assert (float(verdict["n"]), float(verdict["estimate"])) == (500, 0.25)
    assert float(verdict["promotion_by_the_end"]) == 0.4
    assert [row["time"] for row in promotions] == [promoted.time]
    columns = (REPOSITORY / "docs" / "reference" / "event-table.md").read_text()
    assert all(f"`{column.name}`" in columns for column in COLUMNS)


def lose_answer_once(what: str) -> Callable[[Call], str | None]:
    left = [True]

    def rule(call: Call) -> str | None:
        return "lost" if call.sql.startswith(what) and left and left.pop() else None

    return rule
