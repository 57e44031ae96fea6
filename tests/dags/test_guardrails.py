"""`rollout.guardrails`: verdicts limited by live traffic, in the daily DAG."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import aiplatform_v1 as v1
from google.cloud import bigquery
from google.protobuf.field_mask_pb2 import FieldMask

from tests.dags.conftest import Google, Model
from tests.dags.contested import contested as contested
from tests.dags.contested import evaluate, events_of

HOUR = timedelta(hours=1)


def write(google: Google, mask: str, **fields: object) -> None:
    """Change an endpoint by hand."""
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(**fields), update_mask=FieldMask(paths=[mask])
    )


def predict(google: Google, endpoint: str, count: int) -> Counter[str]:
    """Send that many requests; returns the answers by deployed model id."""
    client = google.predictions
    return Counter(
        client.predict(endpoint=endpoint, instances=[[0.0]]).deployed_model_id for _ in range(count)
    )


def logged(tables: bigquery.Client, table: str) -> Counter[str]:
    query = f"SELECT deployed_model_id AS id, COUNT(*) AS n FROM `{table}` GROUP BY id"
    try:
        return Counter({row["id"]: row["n"] for row in tables.query(query).result()})
    except (NotFound, Forbidden):
        return Counter()


def test_requests_that_do_not_fit_the_split_hold_a_promotion(
    contested: Callable[..., Model], google: Google, tables: bigquery.Client
) -> None:
    made = contested(ago=HOUR, rollout={"guardrails": {}})
    endpoint = google.endpoint(made.name)
    champion, challenger = endpoint.labels["champion"], endpoint.labels["challenger"]
    table = f"{made.table}_log"
    write(
        google,
        "predict_request_response_logging_config",
        name=endpoint.name,
        predict_request_response_logging_config={
            "enabled": True,
            "sampling_rate": 1,
            "bigquery_destination": {"output_uri": f"bq://{table}"},
        },
    )
    # The split is changed by hand for a while: the labels show no difference afterwards.
    write(google, "traffic_split", name=endpoint.name, traffic_split={champion: 50, challenger: 50})
    sent = predict(google, endpoint.name, 200)
    write(google, "traffic_split", name=endpoint.name, traffic_split={champion: 90, challenger: 10})
    end = time.monotonic() + 30
    while logged(tables, table) != sent and time.monotonic() < end:
        time.sleep(0.1)

    held = evaluate(made, "better")
    assert held.state == "success", held.errors
    assert held.tasks["update_traffic"] == "skipped"
    assert held.returned["decide"]["outcome"] == "inconclusive"
    assert held.returned["decide"]["reason"].startswith(
        f"the requests do not fit the traffic split: {sent[challenger]} of 200 requests at "
        "10 % of the traffic do not fit; and the challenger is better"
    )
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 90, challenger: 10}
    live = events_of(made)[-1].evidence["live"]
    assert live["requests"] == dict(sent)
    assert live["sample_ratio"]["outcome"] == "mismatch"


def test_a_challenger_with_too_many_errors_is_rolled_back_at_once(
    contested: Callable[..., Model], google: Google, tables: bigquery.Client
) -> None:
    made = contested(
        ago=HOUR,
        duel={"min_duration": "1d"},
        rollout={
            "guardrails": {
                "traffic_split_check": False,
                "metrics": {
                    "table": "tests.serving",
                    "min_requests": 500,
                    "max_error_rate": 0.02,
                    "max_latency_ratio": 2.0,
                },
            }
        },
    )
    endpoint = google.endpoint(made.name)
    champion, challenger = endpoint.labels["champion"], endpoint.labels["challenger"]
    ten_minutes_ago, two_hours_ago = datetime.now(UTC) - HOUR / 6, datetime.now(UTC) - 2 * HOUR
    columns = {
        "endpoint": "STRING",
        "deployed_model_id": "STRING",
        "time": "TIMESTAMP",
        "requests": "INT64",
        "errors": "INT64",
        "latency_ms": "FLOAT64",
    }
    rows = [
        (made.name, champion, ten_minutes_ago, 9000, 90, 40.0),
        (made.name, challenger, ten_minutes_ago, 400, 20, 50.0),
        (made.name, challenger, ten_minutes_ago, 600, 10, 70.0),
        # Before the challenger's deployment, and of another endpoint's model with the same id.
        (made.name, challenger, two_hours_ago, 10_000, 0, 1.0),
        ("another", challenger, ten_minutes_ago, 10_000, 0, 1.0),
    ]
    fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    tables.query(f"CREATE OR REPLACE TABLE tests.serving ({fields})").result()
    values = ", ".join(
        f"('{name}', '{model}', TIMESTAMP '{when:%Y-%m-%d %H:%M:%S}+00', {n}, {errors}, {latency})"
        for name, model, when, n, errors, latency in rows
    )
    tables.query(f"INSERT INTO tests.serving ({', '.join(columns)}) VALUES {values}").result()

    result = evaluate(made, "better")
    assert result.state == "success", result.errors
    after = google.endpoint(made.name)
    assert dict(after.traffic_split) == {champion: 100}
    assert after.labels["last-challenger"] == challenger
    *_, evaluated, rollback = events_of(made)
    assert (evaluated.action, rollback.action) == ("evaluated", "rollback")
    reason = "the challenger's error rate of 3 % is more than 2 %"
    assert rollback.evidence["reason"].startswith(reason)
    assert evaluated.evidence["by_duel"]["outcome"] == "hold"
    assert evaluated.evidence["live"]["metrics"] == {
        champion: {"requests": 9000, "errors": 90, "latency": 40.0},
        challenger: {"requests": 1000, "errors": 30, "latency": 62.0},
    }
