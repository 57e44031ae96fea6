"""`<model>__rollout` by itself: what a challenger earns in a duel happens to the endpoint."""

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.exceptions import ParamValidationError

from deploy.permissions import CALLS
from tests.dags.conftest import LAST_MONDAY, Google, Model
from tests.dags.contested import WEEK, events_of, judge
from tests.dags.contested import contested as contested
from tests.faults import Faults
from tests.sink import Sink
from titleholder.errors import InvalidRequest
from titleholder.operators.observe import whole_share


def test_held_then_promoted_then_nobody_is_left(
    contested: Callable[..., Model], google: Google, told: Sink
) -> None:
    made = contested()
    labels = google.endpoint(made.name).labels
    old, new = labels["champion"], labels["challenger"]

    before = google.endpoint(made.name)
    for case, says, days_ago in (
        ("equal", "not decided yet: the absolute loss of equal", 5),
        ("silent", "the challenger has no finite loss on 40 rows that the other answered", 4),
    ):
        held = judge(made, case, days_ago)
        assert held.state == "success", held.errors
        assert held.tasks["update_traffic"] == "skipped"
        assert says in held.returned["decide"]["reason"]
        assert google.endpoint(made.name) == before

    promoted = judge(made, "better", 1)
    assert promoted.state == "success", promoted.errors
    assert promoted.tasks["update_traffic"] == "success"
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {new: 100}
    assert (endpoint.labels["champion"], endpoint.labels["previous-champion"]) == (new, old)
    written = [event for event in events_of(made) if event.action in ("judged", "promote")]
    assert [event.action for event in written] == ["judged"] * 3 + ["promote"]
    assert [event.evidence["verdict"]["looks"] for event in written[:3]] == [1, 2, 3]
    assert written[2].evidence["duel"]["mean"] == 0.5
    assert written[2].evidence["decision"]["wish"]["deployed_model_id"] == new
    assert written[3].evidence["job"] == written[2].evidence["job"]
    assert written[3].evidence["report"].startswith("gs://")

    alone = judge(made, "better")
    assert alone.state == "success", alone.errors
    assert set(alone.tasks.values()) == {"skipped"}
    assert google.endpoint(made.name) == endpoint
    assert told.titles() == ["challenger held", "challenger promoted"]
    assert "has no finite loss on 40 rows" in told.texts[0]
    assert "|Duel>" in told.texts[1]
    assert "|Report>" in told.texts[1]


def test_rolled_back_and_a_persons_intent(
    contested: Callable[..., Model], google: Google, told: Sink
) -> None:
    made = contested(rollout__steps=[10, 40])
    labels = google.endpoint(made.name).labels
    champion, challenger = labels["champion"], labels["challenger"]

    before = google.endpoint(made.name)
    mistyped = made.play(None, dag="rollout", intent="share", shares=20)
    assert mistyped.state == "failed"
    assert (
        "the run was given 'shares', which its form does not have; trigger it again with intent, "
        "share, deployed_model_id, reason" in mistyped.errors["observe"]
    )
    assert google.endpoint(made.name) == before

    why = "support has complaints"
    person = made.play(None, dag="rollout", intent="share", share=20, reason=why)
    assert person.state == "success", person.errors
    assert events_of(made)[-1].evidence == {"reason": why}
    assert person.tasks == {
        "observe": "success",
        **dict.fromkeys(("submit_duel", "wait_for_duel", "decide"), "skipped"),
        "update_traffic": "success",
    }
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 80, challenger: 20}

    moved = judge(made, "better", 1)
    assert moved.state == "success", moved.errors
    assert dict(google.endpoint(made.name).traffic_split) == {champion: 60, challenger: 40}

    # The source has been silent for months: a promotion would wait for it, a rollback does not.
    gone = judge(made, "worse", 90)
    assert gone.state == "success", gone.errors
    endpoint = google.endpoint(made.name)
    assert dict(endpoint.traffic_split) == {champion: 100}
    assert endpoint.labels["last-challenger"] == challenger
    assert [seat.id for seat in endpoint.deployed_models] == [champion]
    assert told.titles() == [
        "task failed",
        "share moved",
        "share moved",
        "challenger rolled back",
    ]
    assert "from 10 % to 20 % of the requests" in told.texts[1]
    assert f"{made.name}@2 (data until" in told.texts[3]


def test_a_whole_share_is_that_number_however_it_is_written(
    contested: Callable[..., Model], google: Google
) -> None:
    made = contested()
    champion, challenger = (
        google.endpoint(made.name).labels[role] for role in ("champion", "challenger")
    )
    person = made.play(None, dag="rollout", intent="share", share=20.0)
    assert person.state == "success", person.errors
    assert person.returned["observe"]["share"] == 20
    before = google.endpoint(made.name)
    assert dict(before.traffic_split) == {champion: 80, challenger: 20}

    # Airflow's form refuses anything else; `observe` does so too, where the form was not asked.
    for share in (20.5, "20", True, None):
        with pytest.raises(ParamValidationError) as raised:
            made.play(None, dag="rollout", intent="share", share=share)
        said = str(raised.value).partition("\n")[0]
        assert said == f"Invalid input for param share: {share!r} is not of type 'integer'"
    for share in (20.5, "20", True, math.nan, math.inf, [20]):
        with pytest.raises(
            InvalidRequest, match="is no whole number; say how many per cent, 1 to 99"
        ):
            whole_share(share)
    assert google.endpoint(made.name) == before


def test_never_promoted_and_the_next_one_waits(
    contested: Callable[..., Model], google: Google, told: Sink, faults: Faults
) -> None:
    made = contested(rollout={"promotion": "manual", "on_new_challenger": "keep_current"})
    before = google.endpoint(made.name)
    kept = judge(made, "better", 1)
    assert kept.state == "success", kept.errors
    assert kept.returned["decide"]["outcome"] == "promote"
    assert "rollout.promotion is never" in kept.returned["decide"]["reason"]
    assert told.titles() == ["challenger waits for a person"]
    assert google.endpoint(made.name) == before

    # The version may be named, as for a backfill that is to run what an older run did.
    text = Path(os.environ["TITLEHOLDER_TEMPLATE_DIR"], "tiny.yaml").read_bytes()
    version = f"tiny-{hashlib.sha256(text).hexdigest()[:12]}"
    waits = made.play(LAST_MONDAY - WEEK, pipeline=version)
    # Only calls with a permission in docs/how-to/composer.md are made. The others are for a job to
    # cancel, a model to undeploy, and a long operation.
    called = {call["method"] for call in faults.calls()}
    listed = {call.method for call in CALLS if call.client.endswith("ServiceClient")}
    assert called <= listed
    assert listed - called <= {"cancel_pipeline_job", "undeploy_model", "get_operation"}

    assert waits.state == "success", waits.errors
    assert waits.returned["update_traffic"]["outcome"] == "waiting"
    assert google.endpoint(made.name) == before
    assert len(google.versions(made.name)) == 3
    last = events_of(made)[-1]
    assert last.action == "challenger_busy"
    assert f"{made.name}@2 is still being judged" in last.reason
    assert waits.returned["submit_pipeline"]["pipeline"] == version
    assert last.evidence["pipeline"] == version
    (job,) = (job for job in google.jobs_of(made.name) if job.name == last.evidence["job"])
    assert version.endswith(f"-{job.labels['titleholder-pipeline']}")
