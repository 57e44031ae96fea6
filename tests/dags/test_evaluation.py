"""Scheduled runs of `<model>__rollout`: the verdict of a duel changes the endpoint."""

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.exceptions import ParamValidationError

from deploy.permissions import CALLS
from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.contested import WEEK, evaluate, events_of
from tests.dags.contested import contested as contested
from tests.faults import Faults
from tests.sink import Sink
from titleholder.errors import InvalidRequest
from titleholder.operators.observe import whole_percentage


def test_held_then_promoted_then_skipped_without_a_challenger(
    contested: Callable[..., Model], google: Google, webhook_sink: Sink
) -> None:
    made = contested()
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]

    before = google.endpoint(made.name)
    for case, reason, days_ago in (
        ("equal", "not decided yet: the absolute loss of y", 5),
        ("silent", "the challenger has no finite loss on 40 rows on which the other has one", 4),
    ):
        held = evaluate(made, case, days_ago)
        assert held.state == "success", held.errors
        assert held.tasks["update_traffic"] == "skipped"
        assert reason in held.returned["decide"]["reason"]
        assert google.endpoint(made.name) == before

    promoted = evaluate(made, "better", 1)
    assert promoted.state == "success", promoted.errors
    assert promoted.tasks["update_traffic"] == "success"
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {challenger: 100}
    assert endpoint.labels["champion"] == challenger
    assert endpoint.labels["previous-champion"] == champion
    recorded = [event for event in events_of(made) if event.action in ("evaluated", "promote")]
    assert [event.action for event in recorded] == ["evaluated"] * 3 + ["promote"]
    assert [event.evidence["verdict"]["analysis_count"] for event in recorded[:3]] == [1, 2, 3]
    assert recorded[2].evidence["duel"]["mean"] == 0.5
    assert recorded[2].evidence["decision"]["intent"]["deployed_model_id"] == challenger
    assert recorded[3].evidence["job"] == recorded[2].evidence["job"]
    assert recorded[3].evidence["report"].startswith("gs://")

    alone = evaluate(made, "better")
    assert alone.state == "success", alone.errors
    assert set(alone.tasks.values()) == {"skipped"}
    assert google.endpoint(made.name) == endpoint
    assert webhook_sink.titles() == ["promotion on hold", "challenger promoted"]
    assert "has no finite loss on 40 rows" in webhook_sink.texts[0]
    assert "|Duel>" in webhook_sink.texts[1]
    assert "|Report>" in webhook_sink.texts[1]


def test_a_users_intent_then_a_traffic_step_then_a_rollback(
    contested: Callable[..., Model], google: Google, webhook_sink: Sink
) -> None:
    made = contested(rollout__steps=[10, 40])
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]

    before = google.endpoint(made.name)
    mistyped = made.run(None, dag="rollout", intent="set_traffic", traffic=20)
    assert mistyped.state == "failed"
    assert (
        "the run was given 'traffic', which its form does not have; trigger it again with intent, "
        "traffic_percentage, deployed_model_id, reason" in mistyped.errors["observe"]
    )
    assert google.endpoint(made.name) == before

    reason = "support has complaints"
    by_user = made.run(
        None, dag="rollout", intent="set_traffic", traffic_percentage=20, reason=reason
    )
    assert by_user.state == "success", by_user.errors
    assert events_of(made)[-1].evidence == {"reason": reason}
    assert by_user.tasks == {
        "observe": "success",
        **dict.fromkeys(("submit_duel", "wait_for_duel", "decide"), "skipped"),
        "update_traffic": "success",
    }
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 80, challenger: 20}

    moved = evaluate(made, "better", 1)
    assert moved.state == "success", moved.errors
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 60, challenger: 40}

    # The evidence is three months old: too old for a promotion, but not for a rollback.
    rolled_back = evaluate(made, "worse", 90)
    assert rolled_back.state == "success", rolled_back.errors
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {champion: 100}
    assert endpoint.labels["last-challenger"] == challenger
    assert [deployed.id for deployed in endpoint.deployed_models] == [champion]
    assert webhook_sink.titles() == [
        "invalid request",
        "traffic changed",
        "traffic changed",
        "challenger rolled back",
    ]
    assert "from 10 % to 20 % of the traffic" in webhook_sink.texts[1]
    assert f"{made.name}@2 (data until" in webhook_sink.texts[3]


def test_a_whole_traffic_percentage_may_be_written_as_a_float(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested()
    champion, challenger = (
        google.endpoint(made.name).labels[role] for role in ("champion", "challenger")
    )
    by_user = made.run(None, dag="rollout", intent="set_traffic", traffic_percentage=20.0)
    assert by_user.state == "success", by_user.errors
    assert by_user.returned["observe"]["traffic_percentage"] == 20
    before = google.endpoint(made.name)
    assert dict(before.traffic_split) == {champion: 80, challenger: 20}

    # Airflow's form refuses anything else; so does `observe`, for a run without the form.
    for percentage in (20.5, "20", True, None):
        with pytest.raises(ParamValidationError) as raised:
            made.run(None, dag="rollout", intent="set_traffic", traffic_percentage=percentage)
        reason = f"param traffic_percentage: {percentage!r} is not of type 'integer'"
        assert str(raised.value).startswith(f"Invalid input for {reason}\n")
    for percentage in (20.5, "20", True, math.nan, math.inf, [20]):
        with pytest.raises(InvalidRequest, match="is no whole number; write one from 1 to 99"):
            whole_percentage(percentage)
    assert google.endpoint(made.name) == before


def test_a_manual_promotion_and_a_challenger_that_is_kept(
    contested: Callable[..., Model], google: Google, webhook_sink: Sink, faults: Faults
) -> None:
    made = contested(rollout={"promotion": "manual", "on_new_challenger": "keep_current"})
    before = google.endpoint(made.name)
    manual = evaluate(made, "better", 1)
    assert manual.state == "success", manual.errors
    assert manual.returned["decide"]["outcome"] == "promote"
    assert "rollout.promotion is manual" in manual.returned["decide"]["reason"]
    assert webhook_sink.titles() == ["approval required"]
    assert google.endpoint(made.name) == before

    # A run may have a pipeline version, as for a backfill that repeats an older run.
    text = Path(os.environ["TITLEHOLDER_TEMPLATE_DIR"], "tiny.yaml").read_bytes()
    version = f"tiny-{hashlib.sha256(text).hexdigest()[:12]}"
    busy = made.run(LAST_MONDAY - WEEK, pipeline_version=version)
    # The calls are those whose permissions docs/how-to/composer.md lists; the others cancel a job,
    # undeploy a model, and poll a long-running operation.
    called = {call["method"] for call in faults.calls()}
    listed = {call.method for call in CALLS if call.client.endswith("ServiceClient")}
    assert called <= listed
    # Calls of rarer cases.
    rarer = {"cancel_pipeline_job", "undeploy_model", "mutate_deployed_model", "get_operation"}
    assert listed - called <= rarer

    assert busy.state == "success", busy.errors
    assert busy.returned["update_traffic"]["outcome"] == "challenger_busy"
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 3
    last = events_of(made)[-1]
    assert last.action == "challenger_busy"
    assert f"{made.name}@2 is still evaluated" in last.reason
    assert busy.returned["submit_pipeline"]["pipeline"] == version
    assert last.evidence["pipeline"] == version
    (job,) = (job for job in google.jobs_of(made.name) if job.name == last.evidence["job"])
    assert version.endswith(f"-{job.labels['titleholder-pipeline']}")
