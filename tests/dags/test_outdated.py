"""What a verdict decided, done again later: only while it is the newest word."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model, Played
from tests.dags.contested import DUEL, events_of, seat_both
from titleholder.errors import RetryableError
from titleholder.gcp.bigquery.events_table import EventsTable

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CAME = (datetime.now(UTC) - 9 * DAY).replace(hour=4, minute=0, second=0, microsecond=0)
ALL = ("observe", "submit_duel", "wait_for_duel", "decide", "update_traffic")


class Days:
    """A champion and a challenger, who were seated at CAME, and the days after."""

    def __init__(self, made: Model, google: Google, clock: SandboxClock) -> None:
        self.made, self.google, self.clock = made, google, clock
        clock.move(CAME)
        seat_both(made, google, clock)
        self.champion, self.challenger = (
            self.endpoint.labels[role] for role in ("champion", "challenger")
        )

    @property
    def endpoint(self) -> Any:
        return self.google.endpoint(self.made.name)

    def judge(self, number: int, case: str, mark: str | None = "update_traffic") -> Played:
        """That day's run, at 05:00; `mark` is marked as successful by hand."""
        at = CAME + number * DAY + HOUR
        self.clock.move(at)
        self.made.change("duel", target=case)
        played = self.made.play(at, dag="rollout", clock=self.clock, mark_success=mark)
        assert played.state == "success", played.errors
        return played

    def clear(self, of: Played, *tasks: str, at: timedelta, case: str) -> Played:
        """Those tasks of that run done again, when `at` has passed since CAME."""
        self.clock.move(CAME + at)
        self.made.change("duel", target=case)
        return self.made.clear(of.run, *(tasks or ("update_traffic",)), clock=self.clock)

    def refuses(self, of: Played, why: str, *tasks: str, **when: Any) -> None:
        before = self.endpoint
        told = self.clear(of, *tasks, **when)
        task = (tasks or ("update_traffic",))[-1]
        assert told.tasks[task] == "failed"
        said = told.errors[task]
        assert said.startswith(f"{self.made.name}: the verdict on {self.made.name}@2 is outdated: ")
        assert why in said
        assert said.endswith(
            "; nothing is changed, and to judge anew, clear the run from observe on, or trigger "
            f"{self.made.name}__rollout with the intent judge"
        )
        assert "\n" not in said
        assert self.endpoint == before
        assert events_of(self.made)[-1].action == "blocked"


@pytest.fixture
def days(model: Callable[..., Model], google: Google, clock: SandboxClock) -> Callable[..., Days]:
    return lambda **changes: Days(model(duel=DUEL, **changes), google, clock)


def test_a_cleared_task_carries_out_no_outdated_verdict(
    days: Callable[..., Days], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run that earned the title, and whose update_traffic was not done at the time."""
    here = days()
    earned = here.judge(2, "better")
    assert earned.returned["decide"]["wish"]["kind"] == "promote"
    soon: dict[str, Any] = {"at": 2 * DAY + 2 * HOUR, "case": "better"}

    here.refuses(earned, "it is more than 1 d old", at=3 * DAY + 2 * HOUR, case="better")

    here.made.change("rollout", promotion="manual")
    here.refuses(earned, "the sections rollout and duel of the model's file are others", **soon)
    here.made.change("rollout", promotion="automatic")

    def away(*_: object, **__: object) -> None:
        raise RetryableError("BigQuery is away")

    before = here.endpoint
    with monkeypatch.context() as patch:
        patch.setattr(EventsTable, "read", away)
        unknown = here.clear(earned, **soon)
    assert unknown.tasks["update_traffic"] == "up_for_retry"
    assert (
        f"it is not known whether the verdict on {here.made.name}@2 is still the newest, so "
        "traffic "
        "stays as it is: BigQuery is away" in unknown.errors["update_traffic"]
    )
    assert here.endpoint == before

    for share in (20, 10):
        here.made.play(None, dag="rollout", clock=here.clock, intent="share", share=share)
    here.refuses(earned, "the endpoint was changed since (share-", **soon)

    # Newer duels hold; the older run judged anew is judged by its own, older rows.
    assert here.judge(3, "equal").returned["decide"]["outcome"] == "hold"
    here.refuses(earned, "there is a newer one of ", at=2 * DAY + 2 * HOUR, case="better")
    again = here.clear(earned, *ALL, at=3 * DAY + 3 * HOUR, case="better")
    assert again.returned["decide"]["outcome"] == "inconclusive"
    assert "and the challenger was judged by rows until" in again.returned["decide"]["reason"]
    assert again.tasks["update_traffic"] == "skipped"
    assert dict(here.endpoint.traffic_split) == {here.champion: 90, here.challenger: 10}

    # The newest run, from observe on, is a new verdict. Once it is carried out nothing is refused.
    newest = here.judge(4, "better")
    done = here.clear(newest, *ALL, at=6 * DAY, case="better")
    assert set(done.tasks.values()) == {"success"}, done.errors
    assert dict(here.endpoint.traffic_split) == {here.challenger: 100}
    before = here.endpoint
    assert here.clear(newest, at=7 * DAY, case="better").tasks["update_traffic"] == "success"
    assert here.endpoint == before


def test_an_old_share_lowers_no_newer_one_and_nobody_is_asked_about_an_old_verdict(
    days: Callable[..., Days],
) -> None:
    here = days(rollout={"promotion": "approval", "steps": [10, 40, 80]})
    earned = here.judge(1, "better")
    assert earned.returned["decide"]["wish"]["share"] == 40
    here.made.play(None, dag="rollout", clock=here.clock, intent="share", share=80)
    here.refuses(earned, "the endpoint was changed since (share-", at=DAY + 2 * HOUR, case="better")
    assert dict(here.endpoint.traffic_split) == {here.champion: 20, here.challenger: 80}

    title = here.judge(3, "better", mark="approve|update_traffic")
    assert title.returned["decide"]["asks"]
    here.refuses(title, "it is more than 1 d old", "approve", at=5 * DAY, case="better")


def test_a_rollback_is_never_outdated(days: Callable[..., Days]) -> None:
    here = days()
    lost = here.judge(1, "worse")
    assert lost.returned["decide"]["wish"]["kind"] == "rollback"
    here.made.play(None, dag="rollout", clock=here.clock, intent="share", share=20)
    here.judge(2, "equal")
    here.made.change("rollout", promotion="manual")
    gone = here.clear(lost, at=6 * DAY, case="worse")
    assert gone.tasks["update_traffic"] == "success", gone.errors
    assert dict(here.endpoint.traffic_split) == {here.champion: 100}
