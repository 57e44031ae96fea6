"""Alerts of real runs, as a webhook receives them."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.contested import contested as contested
from tests.faults import Faults
from tests.sink import SECRET, Sink
from titleholder.alerts import webhook
from titleholder.alerts.text import inert
from titleholder.data_intervals import last_complete
from titleholder.operators.check_freshness import CheckFreshnessOperator

WEEK = timedelta(weeks=1)


def split_by_hand(google: Google, made: Model, split: dict[str, int]) -> None:
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=google.endpoint(made.name).name, traffic_split=split),
        update_mask=FieldMask(paths=["traffic_split"]),
    )


def test_changes_of_an_endpoint_are_posted(
    contested: Callable[..., Model],
    webhook_sink: Sink,
    google: Google,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    made = contested()
    champion = google.endpoint(made.name).labels["champion"]

    def trigger(intent: str) -> str:
        return made.run(None, dag="rollout", intent=intent).state

    assert made.run(LAST_MONDAY).state == "success"
    second = google.endpoint(made.name).labels["challenger"]
    split_by_hand(google, made, {champion: 50, second: 50})
    assert trigger("promote") == "failed"
    # A failing webhook fails no run.
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.3)
    webhook_sink.hangs = True
    assert trigger("adopt") == "success"
    webhook_sink.hangs, webhook_sink.answer = False, 500
    assert trigger("promote") == "success"
    assert webhook_sink.titles() == [
        "challenger deployed",
        "manual change detected",
        "manual change resolved",
        "challenger promoted",
    ]
    deployed, by_hand, _, promoted = webhook_sink.texts
    subject = f"data of {LAST_MONDAY - WEEK:%Y-%m-%d %H:%M} to {LAST_MONDAY:%Y-%m-%d %H:%M} UTC"
    assert deployed.startswith(f"*{made.name}: challenger deployed* ({subject})\n")
    assert f"10 % to the challenger {made.name}@3." in deployed
    assert "/pipelines/runs/" in deployed
    assert "/versions/3/properties?project=" in deployed
    assert "observe failed:" in by_hand
    assert "was changed by hand: the split is" in by_hand
    assert "Live traffic: as it was changed by hand; Titleholder changed nothing." in by_hand
    assert f"/dags/{made.name}__rollout/runs/" in by_hand
    assert "/tasks/observe" in by_hand
    assert f"100 % to the champion {made.name}@3." in promoted

    output = caplog.text + "".join(capfd.readouterr())
    for why in ("it did not answer in time", "it answered 500"):
        assert f"webhook of the connection titleholder_alerts: {why}" in output
    for part in SECRET.split("/"):
        assert part not in output
    assert {path for path, _ in webhook_sink.posted} == {f"/services/{SECRET}"}


def test_a_failure_is_posted_only_after_the_last_retry(
    model: Callable[..., Model], webhook_sink: Sink, faults: Faults
) -> None:
    made = model()
    faults.answer("create_pipeline_job", "UNAVAILABLE", times=2)
    made.set_parameters(fail=True)
    assert made.run(retries=1).state == "failed"
    (text,) = webhook_sink.texts
    assert text.startswith(f"*{made.name}: task failed*")
    assert "submit_pipeline failed: " in text
    assert "Live traffic: unchanged, as submit_pipeline does not touch it." in text

    faults.answer("create_pipeline_job", "UNAVAILABLE")
    assert made.run(retries=1).state == "failed"
    (_, text) = webhook_sink.texts
    assert text.startswith(f"*{made.name}: pipeline failed*")
    assert "wait_for_pipeline failed: " in text
    assert "failed in task prepare" in text
    assert "|Log of prepare>" in text
    assert "resource.labels.job_id" in text
    assert "clear submit_pipeline with what follows it" in text


def test_a_stale_source_is_posted_once(
    model: Callable[..., Model], webhook_sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = last_complete("0 3 * * 1", datetime.now(UTC))
    made = model(source__freshness={"poke_interval": "1s", "timeout": "4w"})
    made.load(week.start - timedelta(days=1))
    waited: list[timedelta] = []
    defer_for = CheckFreshnessOperator.defer_for

    def wait(self: CheckFreshnessOperator, span: timedelta) -> None:
        waited.append(span)
        if len(waited) == 2:  # a NULL timestamp fails the task
            made.load(week.end - timedelta(minutes=5), None)
        defer_for(self, span)

    monkeypatch.setattr(CheckFreshnessOperator, "defer_for", wait)
    assert made.run(week.end).state == "failed"
    assert len(waited) == 2
    assert webhook_sink.titles() == ["source is stale", "task failed"]
    assert f"h after the end of the interval: {inert(made.table)} " in webhook_sink.texts[0]
    assert (
        f"waiting until {week.end + timedelta(weeks=4):%Y-%m-%d %H:%M} UTC" in webhook_sink.texts[0]
    )
    assert "the run checks every 1 s and continues by itself" in webhook_sink.texts[0]
