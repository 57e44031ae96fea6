"""The events table, through Google's client, against the sandbox's BigQuery."""

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
SEATED = Event(
    id=event_id("linnerud", "seat"),
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
TOLD = replace(
    SEATED,
    reason="read from the endpoint's labels",
    time=START + timedelta(days=2),
    champion_before=None,
    split_before=None,
    evidence={},
    run="",
    actor="",
    reconstructed=True,
)


class Local(Environment):
    """The sandbox's project, without Airflow."""

    project = "titleholder-local"
    _known = AnonymousCredentials(), project, {}


@pytest.fixture
def strict(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictBigQuery]:
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", sandbox.env["GOOGLE_CLOUD_LOCATION"])
    assert sandbox.env["GOOGLE_CLOUD_PROJECT"] == Local.project
    with strict_bigquery(sandbox.env["BIGQUERY_EMULATOR_HOST"]) as found:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", found.url)
        yield found


@pytest.fixture
def client(sandbox: Sandbox) -> bigquery.Client:
    """Google's client, past the strict one."""
    return bigquery.Client(
        project=Local.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )


@pytest.fixture
def name() -> str:
    return f"audit{next(NUMBERS)}.events"


@pytest.fixture
def table(strict: StrictBigQuery, name: str) -> EventsTable:
    return EventsTable(Local("google"), name, timeout_seconds=20)


Rows = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def rows(client: bigquery.Client, name: str) -> Rows:
    def read() -> list[dict[str, Any]]:
        found = client.query_and_wait(f"SELECT * FROM `{name}` ORDER BY time")
        return [dict(row) for row in found]

    return read


def test_dataset_and_table_are_made(table: EventsTable, client: bigquery.Client, name: str) -> None:
    table.append([SEATED])
    made = client.get_table(name)
    assert client.get_dataset(made.dataset_id).location == "us-central1"
    assert made.time_partitioning == bigquery.TimePartitioning(type_="DAY", field="time")
    assert made.clustering_fields == ["model"]
    assert [field.name for field in made.schema] == [column.name for column in COLUMNS]
    assert all(field.description for field in made.schema)
    assert table.read("linnerud") == [SEATED]


def test_nothing_is_there_before_the_first_event(table: EventsTable) -> None:
    assert table.read("linnerud") == []
    assert table.missing(["a", "b"]) == {"a", "b"}


def test_one_event_costs_two_calls(table: EventsTable, strict: StrictBigQuery) -> None:
    table.append([SEATED])
    strict.calls.clear()
    table.append([replace(SEATED, id="another")])
    (job,) = strict.merges()
    assert [call.what for call in strict.calls] == ["POST jobs", f"GET queries/{job}"]
    strict.calls.clear()
    assert len(table.read("linnerud")) == 2
    assert [call.what for call in strict.calls] == ["POST queries"]


def test_no_value_is_part_of_the_sql(table: EventsTable, strict: StrictBigQuery) -> None:
    table.append([replace(SEATED, reason="'; DROP TABLE events; --")])
    table.append([SEATED])
    table.read("linnerud", until=START)
    statements = [call for call in strict.calls if call.sql]
    assert not any(w in call.sql for call in statements for w in ("linnerud", "DROP", SEATED.id))
    for call in statements:
        query = call.body.get("configuration", {}).get("query", call.body)
        assert query["maximumBytesBilled"] == str(table.max_bytes)


@pytest.mark.parametrize("forget", [False, True], ids=["at once", "months later"])
def test_a_repeat_changes_nothing(
    table: EventsTable, rows: Rows, strict: StrictBigQuery, forget: bool
) -> None:
    table.append([SEATED])
    before = rows()
    for again in (SEATED, replace(SEATED, reason="other", time=START + timedelta(hours=5)), TOLD):
        if forget:  # BigQuery keeps job ids for half a year.
            strict.jobs.clear()
        table.append([again, again])
    assert rows() == before
    assert len(before) == 1


def test_many_who_write_the_same_event_at_once(
    table: EventsTable, strict: StrictBigQuery, rows: Rows
) -> None:
    table.append([replace(SEATED, id="first")])
    strict.calls.clear()
    together = threading.Barrier(8)
    others = [replace(table) for _ in range(8)]

    def write(other: EventsTable) -> None:
        together.wait()
        other.append([SEATED, replace(SEATED, id="third")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, others))
    assert [row["id"] for row in rows()].count(SEATED.id) == 1
    assert len(rows()) == 3
    # BigQuery would let two MERGEs insert twice: for each event only one was let in.
    assert len(strict.merges()) > 2
    assert len(set(strict.merges())) == 2


def test_many_who_make_the_table_at_once(table: EventsTable, rows: Rows) -> None:
    together = threading.Barrier(4)

    def write(other: EventsTable) -> None:
        together.wait()
        other.append([SEATED])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [replace(table) for _ in range(4)]))
    assert len(rows()) == 1


@pytest.mark.parametrize("at_once", [False, True])
def test_a_full_event_takes_the_place_of_a_reconstructed_one(
    table: EventsTable, rows: Rows, at_once: bool
) -> None:
    if at_once:
        with ThreadPoolExecutor(6) as pool:
            tables = [replace(table) for _ in range(6)]
            tellings = [[event] for event in (TOLD, SEATED, TOLD, SEATED, SEATED, TOLD)]
            list(pool.map(EventsTable.append, tables, tellings))
    else:
        table.append([TOLD])
        assert table.read("linnerud") == [TOLD]
        table.append([SEATED])
    assert len(rows()) == 1
    assert table.read("linnerud") == [SEATED]
    table.append([TOLD])
    assert table.read("linnerud") == [SEATED]


def test_texts_survive(table: EventsTable) -> None:
    texts = [
        "it's \"quoted\" `ticked` \\ \\n \\' @id ? %s {table} ${x} -- /* */ ; \t",
        "two\nlines\r\nand a NUL \x00, ünï, 漢字, 😀, \u202e, \u2028",
        "",
        "NULL",
    ]
    events = [
        replace(
            SEATED,
            id=f"text-{number}",
            time=START + timedelta(seconds=number),
            reason=text,
            evidence={text: [text, {"deep": text}], "nothing": None, "nan": float("nan")},
            versions={text: text},
            actor=text,
        )
        for number, text in enumerate(texts)
    ]
    table.append(events)
    assert table.read("linnerud") == events


def test_reading(table: EventsTable) -> None:
    bare = Event(
        id="bare", time=START + timedelta(hours=1), model="m", action="set_traffic", reason=""
    )
    more = [replace(bare, id=f"n{n}", time=bare.time + timedelta(days=n)) for n in range(3)]
    table.append([*more[::-1], SEATED, bare])
    assert table.read("m") == [bare, *more]
    assert table.read("m", until=more[1].time) == [bare, *more[:2]]
    assert table.read("m", until=more[1].time - timedelta(microseconds=1)) == [bare, more[0]]
    assert table.missing(["bare", "n2", "x"]) == {"x"}
    assert table.missing(["bare", "n2", "x"], since=more[2].time) == {"bare", "x"}
    assert table.missing([]) == set()


def test_events_of_another_endpoint_are_not_read(
    table: EventsTable, client: bigquery.Client, name: str, strict: StrictBigQuery
) -> None:
    """Environments may share a table; while there was no endpoint, an event names none."""
    elsewhere = str(SEATED.endpoint).replace("us-central1", "europe-west4")
    early = replace(SEATED, id="early", endpoint="", time=START - timedelta(days=1))
    null = replace(early, id="null")
    other = replace(SEATED, id="other", endpoint=elsewhere, time=START + timedelta(days=1))
    table.append([other, SEATED, early, null])
    client.query_and_wait(f"UPDATE `{name}` SET endpoint = NULL WHERE id = 'null'")
    strict.calls.clear()
    assert table.read("linnerud", endpoint=SEATED.endpoint) == [early, null, SEATED]
    assert not any(SEATED.endpoint in call.sql for call in strict.calls)
    assert table.read("linnerud", endpoint=elsewhere, since=START) == [other]
    assert table.read("linnerud") == [early, null, SEATED, other]


def test_rows_that_were_doubled_by_hand_are_read_once(
    table: EventsTable, client: bigquery.Client, name: str
) -> None:
    table.append([SEATED])
    client.query_and_wait(f"INSERT INTO `{name}` SELECT * FROM `{name}`")
    assert table.read("linnerud") == [SEATED]


def test_a_dataset_that_is_elsewhere(table: EventsTable, strict: StrictBigQuery, name: str) -> None:
    """Made by hand before, in another place than the environment's: it is found and used."""
    table.append([replace(SEATED, id="first")])
    strict.place = "EU"
    fresh = EventsTable(table.environment, name, timeout_seconds=5)
    fresh.append([SEATED])
    strict.calls.clear()
    fresh.append([replace(SEATED, id="third")])
    assert len(strict.calls) == 2
    reader = EventsTable(table.environment, name, timeout_seconds=5)
    assert len(reader.read("linnerud")) == 3
    assert reader.missing([SEATED.id, "x"]) == {"x"}
    assert EventsTable(table.environment, f"{name}_not", timeout_seconds=5).read("linnerud") == []


# --- What goes wrong on the way.


def test_an_answer_that_is_lost(table: EventsTable, strict: StrictBigQuery, rows: Rows) -> None:
    table.append([replace(SEATED, id="first")])
    strict.rules.append(lose_once("MERGE"))
    table.append([SEATED])
    assert len(rows()) == 2


def test_a_job_that_failed_is_tried_anew(
    table: EventsTable, strict: StrictBigQuery, rows: Rows, client: bigquery.Client, name: str
) -> None:
    table.append([TOLD])
    # The emulator has no job that fails for a while: the table is away for that while.
    client.query_and_wait(f"CREATE TABLE `{name}_away` AS SELECT * FROM `{name}`")
    client.delete_table(name)
    strict.refuse("POST datasets/.*/tables", 503, "backendError")
    with pytest.raises(RetryableError, match="cannot be made now"):
        replace(table, timeout_seconds=1).append([SEATED])
    strict.rules.clear()
    client.query_and_wait(f"CREATE TABLE `{name}` AS SELECT * FROM `{name}_away`")
    table.append([SEATED])
    assert table.read("linnerud") == [SEATED]
    assert len(rows()) == 1
    # Told, failed, written; before them the one that found no table at all.
    assert {job[-2:] for job in strict.jobs} == {"-0", "-1", "-2", "-3"}


@pytest.mark.parametrize("there", [True, False])
def test_the_job_of_another_account(
    table: EventsTable, strict: StrictBigQuery, rows: Rows, there: bool
) -> None:
    table.append([SEATED] if there else [replace(SEATED, id="first")])
    if not there:
        (job,) = strict.jobs & set(strict.merges()[-1:])
        strict.jobs.add(job.replace("-first-", f"-{SEATED.id}-").rsplit("-", 1)[0] + "-0")
    strict.refuse("GET jobs/", 403, "accessDenied")
    pauses: list[float] = []
    replace(table, pause=pauses.append).append([SEATED])
    assert sum(pauses) == pytest.approx(0 if there else table.timeout_seconds)
    assert [row["id"] for row in rows()].count(SEATED.id) == 1


def test_a_dataset_that_may_not_be_made(table: EventsTable, strict: StrictBigQuery) -> None:
    strict.refuse("POST datasets$", 403, "accessDenied")
    with pytest.raises(EnvironmentConfigError) as raised:
        table.append([SEATED])
    said = str(raised.value)
    assert said.startswith(f"the events table {Local.project}.{table.table} may not be made (403 ")
    assert "in us-central1 and grant the account roles/bigquery.dataEditor" in said
    assert "\n" not in said


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
def test_refusals(
    table: EventsTable,
    strict: StrictBigQuery,
    what: str,
    status: int,
    reason: str,
    error: type[Exception],
    says: str,
) -> None:
    table.append([replace(SEATED, id="first")])
    strict.refuse(what, status, reason)
    with pytest.raises(error) as raised:
        replace(table, timeout_seconds=0.5).append([SEATED])
    said = str(raised.value)
    assert said.startswith(f"the event {SEATED.id} (seat) of linnerud: ")
    assert says in said
    assert "\n" not in said
    strict.rules.clear()
    strict.refuse("SELECT", status, reason)
    with pytest.raises(error, match="the events of linnerud: "):
        replace(table, timeout_seconds=0.5).read("linnerud")


# --- Tables that are there and different.


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
    table.append([SEATED])
    old, new = table.read("linnerud")
    assert (old.id, old.evidence, old.reconstructed) == ("old", {}, False)
    assert new == SEATED


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (schema(id=None, time=None), "it has no column id; it has no column time; name another"),
        (schema(split_after="INTEGER"), "its column split_after is INTEGER, not STRING"),
        (
            [*schema(actor=None), bigquery.SchemaField("team", "STRING", "REQUIRED")],
            "its column team must have a value, which no event has",
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
        table.append([SEATED])
    assert str(raised.value).startswith(f"{Local.project}.{name} cannot hold events: {says}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["events", "a.b.c.d", "a`b.c", "p.d.t;", "a b.c", ""])
def test_names_that_are_no_table(name: str) -> None:
    with pytest.raises(EnvironmentConfigError, match=r"write dataset\.table"):
        EventsTable(Local("google"), name)


def test_the_questions_of_the_page(table: EventsTable, client: bigquery.Client, name: str) -> None:
    promoted = replace(
        SEATED,
        id="promoted",
        time=START + timedelta(days=1),
        action="promote",
        champion_after="2991330000",
    )
    refused = replace(promoted, id="refused", time=datetime.now(UTC), action="blocked")
    found = {"verdict": {"outcome": "hold", "n": 500, "estimate": 0.25}}
    judged = replace(SEATED, id="judged", action="evaluated", reason="not yet", evidence=found)
    table.append([SEATED, promoted, refused, judged])
    page = (REPOSITORY / "docs" / "reference" / "events.md").read_text()
    questions = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    champion, refusals, verdicts, promotions = (
        list(client.query_and_wait(question.replace("titleholder.events", name)))
        for question in questions
    )
    assert [row["champion_after"] for row in champion] == ["2991330000"]
    assert [row["times"] for row in refusals] == [1]
    (said,) = verdicts
    assert (said["challenger_after"], said["outcome"]) == (SEATED.challenger_after, "hold")
    assert (float(said["n"]), float(said["estimate"])) == (500, 0.25)
    assert [row["time"] for row in promotions] == [promoted.time]
    columns = (REPOSITORY / "docs" / "reference" / "event-table.md").read_text()
    assert all(f"`{column.name}`" in columns for column in COLUMNS)


def lose_once(what: str) -> Callable[[Call], str | None]:
    left = [True]

    def rule(call: Call) -> str | None:
        return "lost" if call.sql.startswith(what) and left and left.pop() else None

    return rule
