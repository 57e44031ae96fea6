"""What people are told: a webhook hears of real runs."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1 as v1
from google.protobuf.field_mask_pb2 import FieldMask

from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.test_judged import contested as contested
from tests.faults import Faults
from tests.sink import SECRET, Sink
from titleholder.alerts import webhook
from titleholder.alerts.text import inert
from titleholder.intervals import last_complete
from titleholder.operators.check_freshness import CheckFreshnessOperator

WEEK = timedelta(weeks=1)


def split_by_hand(google: Google, made: Model, split: dict[str, int]) -> None:
    google.endpoints.update_endpoint(
        endpoint=v1.Endpoint(name=google.endpoint(made.name).name, traffic_split=split),
        update_mask=FieldMask(paths=["traffic_split"]),
    )


def test_the_story_of_an_endpoint(
    contested: Callable[..., Model],
    told: Sink,
    google: Google,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    made = contested()
    champion = google.endpoint(made.name).labels["champion"]

    def intend(intent: str) -> str:
        return made.play(None, dag="rollout", intent=intent).state

    assert made.play(LAST_MONDAY).state == "success"
    second = google.endpoint(made.name).labels["challenger"]
    split_by_hand(google, made, {champion: 50, second: 50})
    assert intend("promote") == "failed"
    # A webhook that is out of order is nobody's failure.
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.3)
    told.hangs = True
    assert intend("adopt") == "success"
    told.hangs, told.answer = False, 500
    assert intend("promote") == "success"
    assert told.titles() == [
        "challenger seated",
        "changed by hand",
        "hand-made change settled",
        "challenger promoted",
    ]
    seated, by_hand, _, promoted = told.texts
    place = f"data of {LAST_MONDAY - WEEK:%Y-%m-%d %H:%M} to {LAST_MONDAY:%Y-%m-%d %H:%M} UTC"
    assert seated.startswith(f"*{made.name}: challenger seated* ({place})\n")
    assert f"10 % to the challenger {made.name}@3." in seated
    assert "/pipelines/runs/" in seated
    assert "/versions/3/properties?project=" in seated
    assert "observe failed:" in by_hand
    assert "was changed by hand: the split is" in by_hand
    assert "Live traffic: as it was changed by hand; Titleholder changed nothing." in by_hand
    assert f"/dags/{made.name}__rollout/runs/" in by_hand
    assert "/tasks/observe" in by_hand
    assert f"100 % to the champion {made.name}@3." in promoted

    said = caplog.text + "".join(capfd.readouterr())
    for why in ("it did not answer in time", "it answered 500"):
        assert f"webhook of the connection titleholder_alerts: {why}" in said
    for part in SECRET.split("/"):
        assert part not in said
    assert {path for path, _ in told.posted} == {f"/services/{SECRET}"}


def test_a_failure_is_told_after_the_last_retry_only(
    model: Callable[..., Model], told: Sink, faults: Faults
) -> None:
    made = model()
    faults.answer("create_pipeline_job", "UNAVAILABLE", times=2)
    made.rewrite(fail=True)
    assert made.play(retries=1).state == "failed"
    (text,) = told.texts
    assert text.startswith(f"*{made.name}: task failed*")
    assert "submit_pipeline failed: " in text
    assert "Live traffic: unchanged, as submit_pipeline does not touch it." in text

    faults.answer("create_pipeline_job", "UNAVAILABLE")
    assert made.play(retries=1).state == "failed"
    (_, text) = told.texts
    assert text.startswith(f"*{made.name}: pipeline failed*")
    assert "wait_for_pipeline failed: " in text
    assert "failed in task prepare" in text
    assert "|Log of prepare>" in text
    assert "resource.labels.job_id" in text
    assert "clear submit_pipeline with what follows it" in text


def test_a_stale_source_is_told_once(
    model: Callable[..., Model], told: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = last_complete("0 3 * * 1", datetime.now(UTC))
    made = model(source__freshness={"poke_interval": "1s", "timeout": "4w"})
    made.load(week.start - timedelta(days=1))
    waited: list[timedelta] = []
    wake_in = CheckFreshnessOperator.defer_for

    def wait(self: CheckFreshnessOperator, span: timedelta) -> None:
        waited.append(span)
        if len(waited) == 2:  # what no waiting mends
            made.load(week.end - timedelta(minutes=5), None)
        wake_in(self, span)

    monkeypatch.setattr(CheckFreshnessOperator, "wake_in", wait)
    assert made.play(week.end).state == "failed"
    assert len(waited) == 2
    assert told.titles() == ["source is stale", "task failed"]
    assert f"h after the end of the interval: {inert(made.table)} " in told.texts[0]
    assert f"waiting until {week.end + timedelta(weeks=4):%Y-%m-%d %H:%M} UTC" in told.texts[0]
    assert "the run looks every 1 s and goes on by itself" in told.texts[0]
