"""Metrics of live traffic, read from the sandbox's BigQuery, and tables that are unreadable."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1
from google.cloud import bigquery

from tests.conftest import Sandbox
from tests.titleholder.gcp.bigquery.strict_bigquery import StrictBigQuery, strict_bigquery
from titleholder.analysis.guardrails import SETTLING_TIME, LiveObservations
from titleholder.analysis.limits import ArmMetrics
from titleholder.config.guardrails import Guardrails
from titleholder.gcp.bigquery import live_metrics
from titleholder.gcp.bigquery.live_metrics import LiveMetrics
from titleholder.gcp.environment import Environment
from titleholder.gcp.vertex.messages import request_log_table
from titleholder.rollout.view import View

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)
DAY = timedelta(days=1)
SINCE = NOW - 3 * DAY
ENDPOINT = "projects/100/locations/l/endpoints/m1"
PROJECT = "titleholder-local"
VIEW = View("m1", ENDPOINT, request_log=f"{PROJECT}.live.log")
SPLIT = Guardrails.model_validate({})
METRICS = {"table": "live.serving", "max_error_rate": 0.01, "max_latency_ms": 100.0}


def with_metrics(**metrics: object) -> Guardrails:
    return Guardrails.model_validate(
        {"traffic_split_check": False, "metrics": {**METRICS, **metrics}}
    )


@dataclass(frozen=True)
class FakeEnvironment:
    """The attributes of Environment that are used here."""

    project: str = PROJECT
    credentials: Any = field(default_factory=AnonymousCredentials)

    def qualified(self, table: str) -> str:
        return Environment.qualified(self, table)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[bigquery.Client]:
    """Google's client; the sandbox has a request log and metrics of two endpoints."""
    client = bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": sandbox.env["BIGQUERY_EMULATOR_HOST"]},
    )
    client.create_dataset("live", exists_ok=True)
    log = [
        *[(ENDPOINT, "1", NOW - DAY)] * 5,
        *[("m1", "2", NOW - DAY)] * 3,  # an endpoint's id alone
        (ENDPOINT, "2", SINCE + SETTLING_TIME),
        (ENDPOINT, "2", SINCE + SETTLING_TIME - timedelta(seconds=1)),  # within SETTLING_TIME
        (ENDPOINT, "3", NOW - DAY),  # neither of the two models
        ("projects/100/locations/l/endpoints/m2", "2", NOW - DAY),
        (ENDPOINT, "2", NOW),  # after the end
    ]
    client.query(
        "CREATE OR REPLACE TABLE live.log "
        "(endpoint STRING, deployed_model_id STRING, logging_time TIMESTAMP)"
    ).result()
    client.query(
        "INSERT INTO live.log VALUES "
        + ", ".join(
            f"('{endpoint}', '{deployed_model_id}', TIMESTAMP '{time}')"
            for endpoint, deployed_model_id, time in log
        )
    ).result()
    serving = [
        ("m1", "1", NOW - DAY / 2, 900, 9, 50),
        ("m1", "2", NOW - DAY / 2, 60, 1, 40),
        ("m1", "2", NOW - DAY / 4, 30, 2, 70),
        ("m1", "2", NOW - DAY / 4, 10, 0, "NULL"),
        ("m1", "2", NOW - 2 * DAY, 5000, 5000, 9000),
        ("m2", "2", NOW - DAY / 2, 5000, 5000, 9000),
    ]
    client.query(
        "CREATE OR REPLACE TABLE live.serving (endpoint STRING, deployed_model_id STRING, "
        "time TIMESTAMP, requests INT64, errors INT64, latency_ms FLOAT64)"
    ).result()
    client.query(
        "INSERT INTO live.serving VALUES "
        + ", ".join(
            f"('{a}', '{b}', TIMESTAMP '{c}', {d}, {e}, {f})" for a, b, c, d, e, f in serving
        )
    ).result()
    yield client
    client.close()


@pytest.fixture
def strict(client: bigquery.Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    with strict_bigquery(sandbox.env["BIGQUERY_EMULATOR_HOST"]) as observed:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", observed.url)
        yield observed


def observe(guardrails: Guardrails, view: View = VIEW) -> LiveObservations:
    live = LiveMetrics(FakeEnvironment(), guardrails)  # type: ignore[arg-type]
    return live.read(view, ("1", "2"), SINCE, NOW)


def test_requests_since_the_split_was_set(strict: StrictBigQuery) -> None:
    assert observe(SPLIT) == LiveObservations(requests={"1": 5, "2": 4})
    (call,) = (call for call in strict.calls if call.sql)
    assert call.body["configuration"]["query"]["maximumBytesBilled"] == str(10 * 1024**3)
    empty = observe(SPLIT, replace(VIEW, endpoint="projects/100/locations/l/endpoints/m3"))
    assert empty.requests == {"1": 0, "2": 0}


def test_errors_and_latency_within_the_window(strict: StrictBigQuery) -> None:
    assert observe(with_metrics()).arms == {
        "1": ArmMetrics(900, 9, 50),
        "2": ArmMetrics(100, 3, 50),
    }
    wider = observe(with_metrics(window="7d")).arms
    assert wider is not None
    assert wider["2"].requests == 5100
    # Only metrics with a limit are read.
    errors = observe(with_metrics(max_latency_ms=None)).arms
    assert errors is not None
    assert math.isnan(errors["2"].latency)
    assert "latency" not in strict.calls[-1].sql
    empty = observe(with_metrics(), replace(VIEW, endpoint="m3")).arms
    assert empty is not None
    assert empty["1"].requests == 0


@pytest.mark.parametrize(
    ("status", "reason", "message"),
    [
        (403, "accessDenied", "may not be read (POST "),
        (400, "bytesBilledLimitExceeded", "would bill more than rollout.guardrails.max_bytes"),
        (400, "invalidQuery", "lacks columns of docs/explanation/rollout.md"),
        (404, "notFound", "there is no table titleholder-local.live.log"),
        (500, "backendError", "titleholder-local.live.log cannot be read now"),
    ],
)
def test_a_request_log_that_cannot_be_read(
    strict: StrictBigQuery, monkeypatch: pytest.MonkeyPatch, status: int, reason: str, message: str
) -> None:
    monkeypatch.setattr(live_metrics, "TIMEOUT_SECONDS", 0.2)
    strict.refuse("SELECT", status, reason)
    observed = observe(SPLIT)
    assert observed.requests is None
    (problem,) = observed.unreadable
    assert message in problem
    assert "\n" not in problem


def test_the_request_log_is_read_though_the_metrics_are_unreadable(strict: StrictBigQuery) -> None:
    guardrails = Guardrails.model_validate({"metrics": {**METRICS, "table": "live.nowhere"}})
    observed = observe(guardrails)
    assert observed.requests == {"1": 5, "2": 4}
    assert observed.arms is None
    assert "there is no table titleholder-local.live.nowhere" in observed.unreadable[0]
    without_log = observe(SPLIT, replace(VIEW, request_log=""))
    assert without_log.unreadable == (
        f"{ENDPOINT} does not log its requests, so they cannot be counted; turn its "
        "request-response logging to BigQuery on, or set rollout.guardrails.traffic_split_check to "
        "false",
    )


@pytest.mark.parametrize(
    "uri",
    [
        "bq://acme-logs.live.log` UNION ALL SELECT * FROM `acme-hr.pay.rolls",
        "bq://acme-logs.live`.log",
        "bq://acme`logs.live.log",
        "bq://acme-logs.live.log\n",
        "bq://acme-logs.live.log.more",
    ],
)
def test_the_name_of_a_request_log_is_validated_before_it_is_part_of_a_query(
    strict: StrictBigQuery, uri: str
) -> None:
    endpoint = v1.Endpoint(
        name=ENDPOINT,
        predict_request_response_logging_config={
            "enabled": True,
            "bigquery_destination": {"output_uri": uri},
        },
    )
    observed = observe(SPLIT, replace(VIEW, request_log=request_log_table(endpoint)))
    assert [call.sql for call in strict.calls] == []
    assert observed.requests is None
    (problem,) = observed.unreadable
    assert problem.startswith(f"the requests that {ENDPOINT} logs are not read: ")
    assert "is no name of a BigQuery table; write dataset.table" in problem
    assert problem.endswith(
        "request-response logging, or set rollout.guardrails.traffic_split_check to false"
    )


@pytest.mark.parametrize(
    ("uri", "table"),
    [
        ("bq://p.d.t", "p.d.t"),
        ("bq://p.d", "p.d.request_response_logging"),
        ("bq://p", "p.logging_my_model_1__m1.request_response_logging"),
        ("", "logging_my_model_1__m1.request_response_logging"),
    ],
)
def test_the_table_of_an_endpoints_request_log(uri: str, table: str) -> None:
    endpoint = v1.Endpoint(
        name="projects/p/locations/l/endpoints/m1",
        display_name="my model 1.",
        predict_request_response_logging_config={
            "enabled": True,
            "bigquery_destination": {"output_uri": uri},
        },
    )
    assert request_log_table(endpoint) == table
    endpoint.predict_request_response_logging_config.enabled = False
    assert request_log_table(endpoint) == request_log_table(v1.Endpoint()) == ""
