"""The verb `design`, and the evaluation in `status`, against the sandbox."""

import io
import math
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.conftest import Sandbox
from tests.titleholder.cli.cli_terminal import Terminal, run_of
from tests.titleholder.config.editor import schema_errors
from titleholder.analysis.sequential.design import design_to_json, plan_design
from titleholder.cli.context import CommandContext
from titleholder.config.loader import load_model
from titleholder.events.event import Event

DAY = timedelta(days=1)
DUEL = {
    "target": "y",
    "loss": "absolute",
    "feature_columns": ["x"],
    "target_columns": ["y", "same", "kind", "empty", "oops"],
    "label_delay": "6h",
    "schedule": "0 5 * * *",
    "min_rows": 10,
}
# A week after the weekly run's, so that the design does not depend on today.
AT = ("--at", "2026-11-30T03:30Z")
GIVEN = ("--rows-per-day", "285", "--variance", "0.2")


def configure(terminal: Terminal, duel: dict[str, Any] | None = None, **changes: Any) -> None:
    """Give the model a section duel, with these keys, and other changes of its file."""
    path = terminal.models / f"{terminal.name}.yaml"
    raw = yaml.safe_load(path.read_text()) | {"duel": DUEL | (duel or {})} | changes
    assert schema_errors(raw) == []
    path.write_text(yaml.safe_dump(raw))


@pytest.fixture(scope="module")
def source(sandbox: Sandbox) -> Iterator[np.ndarray]:
    """The table tests.cli: 20 rows a day in the last ten days; returns the values of `y`."""
    client = bigquery.Client(
        project=sandbox.env["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )
    client.create_dataset("tests", exists_ok=True)
    client.delete_table("tests.cli", not_found_ok=True)
    y = np.random.default_rng(3).normal(5, 2, 200)
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    missing = np.where(np.arange(200) % 4 == 0, np.nan, y)
    data = pa.table(
        {
            "at": pa.array(
                [end - (number + 0.5) * DAY / 20 for number in range(200)],
                pa.timestamp("us", "UTC"),
            ),
            "y": pa.array(missing, pa.float64()),
            # Those of the rows without a label have none with one.
            "customer": pa.array([f"c{n % 4 * 100 + n // 20}" for n in range(200)], pa.string()),
            "same": pa.array([7] * 200, pa.int64()),
            "kind": pa.array(["a", "b"] * 100, pa.string()),
            "empty": pa.array([None] * 200, pa.float64()),
        }
    )
    file = io.BytesIO()
    pq.write_table(data, file)
    kinds = {
        "at": "TIMESTAMP",
        "y": "FLOAT64",
        "same": "INT64",
        "kind": "STRING",
        "customer": "STRING",
    }
    schema = [bigquery.SchemaField(n, kinds.get(n, "FLOAT64")) for n in data.column_names]
    client.create_table(bigquery.Table(f"{client.project}.tests.cli", schema))
    config = bigquery.LoadJobConfig(source_format="PARQUET")
    client.load_table_from_file(file, "tests.cli", rewind=True, job_config=config).result()
    yield missing
    client.close()


def past_duel(terminal: Terminal, variance: float) -> Event:
    """Record a verdict on the challenger, with a look."""
    config = load_model(terminal.models / f"{terminal.name}.yaml")
    context = CommandContext.of(config, os.environ)
    assert config.duel is not None
    last = context.events.read(config.model)[-1]
    now = datetime.now(UTC)
    design = replace(
        plan_design(config, config.duel, now - DAY),
        begins=now - DAY,
        ends=now + 5 * DAY + timedelta(seconds=1),
        looks=6,
    )
    verdict = {"outcome": "hold", "issue": "", "look": {"time": design.time(now), "rows": 285}}
    evidence = {
        "job": f"job-{now.timestamp()}",
        "verdict": verdict,
        "design": design_to_json(design),
        "forecast": {"promotion": 0.83, "rollback": 0.012, "decided_by": now.isoformat()},
        "duel": {
            "loss": "absolute",
            "primary_target": "y",
            "n": 285,
            "variance": variance,
            "window_start": (now - DAY).isoformat(),
            "window_end": now.isoformat(),
        },
    }
    found = replace(
        last,
        id=f"evaluated-{now:%H%M%S%f}",
        time=now,
        action="evaluated",
        reason="hold: not decided yet: it is 0.1",
        evidence=evidence,
    )
    context.events.append([found])
    return found


def test_status_shows_the_evaluation(
    own_terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "evaluation" not in own_terminal("status")
    assert own_terminal.json("status")["evaluation"] is None
    configure(own_terminal)
    output = own_terminal("status")
    assert re.search("  verdict: +none on this challenger yet\n", output)
    assert re.search("  evaluation: +group sequential until ", output)
    assert " planned looks so far\n" in output
    event = past_duel(own_terminal, 0.2)
    output = own_terminal("status")
    when = f"{event.time:%Y-%m-%d %H:%M} UTC"
    reason = "hold: not decided yet: it is 0.1"
    assert re.search(rf"  verdict: +{when}, \d+ (s|min) ago: {reason}\n", output)
    ends = datetime.fromisoformat(event.evidence["design"]["ends"])
    assert (
        f" group sequential until {ends:%a %Y-%m-%d %H:%M} UTC, 1 of 6 planned looks "
        "so far; at the present estimate and rate of rows: promoted by the end with 83 %, rolled "
        f"back with 1 %; likely decided by {event.time:%a %Y-%m-%d}\n" in output
    )
    answer = own_terminal.json("status")["evaluation"]
    assert answer["verdict"] == event.evidence["verdict"]
    assert answer["design"] == event.evidence["design"]
    assert answer["forecast"] == event.evidence["forecast"]
    assert (answer["looks"], answer["expectation"]) == (1, None)

    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr("titleholder.cli.status.facts.EVENTS_SECONDS", 0.5)
    assert "evaluation" not in own_terminal("status")
    assert own_terminal.json("status")["evaluation"] is None


def test_status_is_about_the_present_challenger(own_terminal: Terminal) -> None:
    configure(own_terminal)
    past_duel(own_terminal, 0.2)
    own_terminal("promote")
    assert "evaluation:" not in own_terminal("status")
    assert own_terminal.json("status")["evaluation"] is None


SPACES = re.escape("  ")


def test_a_design_by_given_numbers_reads_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(terminal)
    for service in ("BIGQUERY_EMULATOR_HOST", "VERTEX_AI_EMULATOR_HOST"):
        monkeypatch.setenv(service, "http://127.0.0.1:9")
    output = terminal("design", *AT, *GIVEN)
    for line in (
        f"{terminal.name}: group sequential design of a challenger",
        "  begins    Mon 2026-11-30 03:30 UTC",
        "  ends      Sun 2026-12-06 05:00 UTC, after 6.06 d",
        "  looks     6, by 0 5 * * * (UTC)",
        "  errors    alpha 0.05, rollback_alpha 0.05; superiority",
        "  rows      1,657 by the end: 285 a day, as given",
        "  variance  0.2 of the differences of the absolute loss of y: as given",
        "  with 80 %: 0.028 of the absolute loss of y",
        "true difference  promoted with  rolled back with  on average until",
        "0  5 %  5 %  Sun 2026-12-06, 5.89 d",
    ):
        assert re.search(rf"^{re.escape(line).replace(SPACES, ' +')}$", output, re.M), line
    answer = terminal.json("design", *AT, *GIVEN)
    smallest = answer["smallest_difference"]
    plain = (1.6449 + 0.8416) * math.sqrt(0.2 / answer["rows"])
    assert plain < smallest["0.8"] < 1.05 * plain
    assert smallest["0.5"] < smallest["0.8"] < smallest["0.95"]
    worse, equal, half, found, double = (one["promotion"] for one in answer["power"])
    assert worse < 0.01 < equal <= 0.05 < half < found < double
    assert found == pytest.approx(0.8, abs=1e-4)
    assert answer["power"][0]["rollback"] > 0.5
    assert answer["power"][4]["days"] < answer["power"][1]["days"] < 6.1

    longer = terminal.json("design", *AT, *GIVEN, "--days", "14", "--alpha", "0.1")
    assert (longer["design"]["looks"], longer["design"]["alpha"]) == (13, 0.1)
    assert longer["smallest_difference"]["0.8"] < 0.65 * smallest["0.8"]


def test_a_design_by_the_source_and_by_the_last_duel(
    own_terminal: Terminal, source: np.ndarray
) -> None:
    configure(own_terminal)
    answer = own_terminal.json("design", *AT)
    assert answer["rows_per_day"]["value"] == pytest.approx(15, rel=0.01)
    labels = source[~np.isnan(source)]
    losses = np.abs(labels - labels.mean())
    assert answer["variance"]["value"] == pytest.approx(2 * losses.var(ddof=1))
    assert "an upper bound, as there is no duel yet: twice the variance" in own_terminal(
        "design", *AT
    )
    configure(own_terminal, {"loss": "squared"})
    squares = (labels - labels.mean()) ** 2
    answer = own_terminal.json("design", *AT)
    assert answer["variance"]["value"] == pytest.approx(2 * squares.var(ddof=1))
    for loss, variance in (("zero_one", 0.1), ("log_loss", 0.09)):
        configure(own_terminal, {"loss": loss, "target": "kind"})
        answer = own_terminal.json("design", *AT)
        assert answer["rows_per_day"]["value"] == pytest.approx(20, rel=0.01)
        assert answer["variance"]["value"] == variance
        assert answer["variance"]["origin"].startswith("an assumption, as there is no duel yet: ")

    configure(own_terminal, {"max_rows_per_day": 10})
    answer = own_terminal.json("design", *AT)
    # Ten of twenty rows a day are scored, of which three in four have a label.
    assert answer["rows_per_day"]["value"] == pytest.approx(7.5, rel=0.01)
    assert answer["rows_per_day"]["origin"].endswith(", in a sample of at most 10 rows a day")
    clustered = {"cluster_column": "customer"}
    configure(own_terminal, clustered)
    assert own_terminal.json("design", *AT)["rows_per_day"]["value"] == pytest.approx(3, rel=0.01)
    assert "  rows      17 clusters by customer by the end: 3.01 a day" in own_terminal(
        "design", *AT
    )

    configure(own_terminal)
    event = past_duel(own_terminal, 0.31)
    answer = own_terminal.json("design", *AT)
    assert answer["variance"]["value"] == 0.31
    assert answer["variance"]["origin"] == (
        f"that of the last duel, on {own_terminal.name}@2 at {event.time:%Y-%m-%d %H:%M} UTC "
        "with 285 rows"
    )
    assert answer["rows_per_day"]["value"] == pytest.approx(15, rel=0.01), "the source's"
    assert run_of(own_terminal.name, 1).deployed_model_id == event.challenger_after
    for other in (clustered, {"loss": "squared"}):
        configure(own_terminal, other)
        assert "as there is no duel yet" in own_terminal.json("design", *AT)["variance"]["origin"]


KEEP = {"rollout": {"on_new_challenger": "keep_current"}}


@pytest.mark.parametrize(
    ("duel", "changes", "options", "message"),
    [
        ({"target": "same"}, {}, (), "all labels of same in"),
        ({"target": "empty"}, {}, (), "has no row with a label of empty from"),
        ({"target": "kind"}, {}, (), "tests.cli.kind cannot be read as numbers by at"),
        ({"target": "oops"}, {}, (), "tests.cli.oops cannot be read as numbers by at"),
        ({}, {"source": {"table": "tests.none", "timestamp": "at"}}, (), "none does not exist"),
        ({"max_duration": None}, KEEP, (), "by a confidence sequence, which has no end by which"),
        ({"design": "confidence_sequence"}, {}, (), "by a confidence sequence, which has no end"),
        ({}, {}, ("--days", "0.5"), "before duel.min_duration, 1 d, is over, so it cannot be"),
        ({"min_rows": 900}, {}, ("--variance", "1"), "and duel.min_rows is 900, so nothing is"),
    ],
)
def test_what_has_no_plan_is_one_sentence(
    terminal: Terminal,
    source: np.ndarray,
    duel: dict[str, Any],
    changes: dict[str, Any],
    options: tuple[str, ...],
    message: str,
) -> None:
    configure(terminal, duel, **changes)
    refused = terminal("design", *AT, *options, code=1)
    assert refused.startswith("titleholder: ")
    assert message in refused
    assert refused.count("\n") == 1


def test_a_model_without_duels_has_no_design(terminal: Terminal) -> None:
    refused = terminal("design", code=1)
    assert f"{terminal.name}.yaml has no section duel, so its challengers are not eval" in refused
    configure(terminal, {"max_duration": None}, **KEEP)
    assert terminal.json("design", *AT, *GIVEN, "--days", "7")["design"]["looks"] == 6
    for wrong in (
        ("--alpha", "0.3"),
        ("--alpha", "x"),
        ("--days", "0"),
        ("--days", "367"),
        ("--variance", "nan"),
        ("--rows-per-day", "-1"),
        ("--weeks", "0"),
    ):
        assert f"Invalid value for '{wrong[0]}': '{wrong[1]}' is " in terminal(
            "design", *wrong, code=2
        )
