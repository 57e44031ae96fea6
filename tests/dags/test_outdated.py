"""A cleared task applies a verdict only while it is the newest and recent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.replay.clock import SandboxClock
from tests.dags.conftest import Google, Model, RunResult
from tests.dags.contested import DUEL, deploy_both, events_of
from titleholder.errors import RetryableError
from titleholder.gcp.bigquery.events_table import EventsTable

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DEPLOYED = (datetime.now(UTC) - 9 * DAY).replace(hour=4, minute=0, second=0, microsecond=0)
ALL = ("observe", "submit_duel", "wait_for_duel", "decide", "update_traffic")


class Days:
    """A champion and a challenger, deployed at DEPLOYED, and the days after."""

    def __init__(self, made: Model, google: Google, clock: SandboxClock) -> None:
        self.made, self.google, self.clock = made, google, clock
        clock.move(DEPLOYED)
        deploy_both(made, google, clock)
        self.champion, self.challenger = (
            self.endpoint.labels[role] for role in ("champion", "challenger")
        )

    @property
    def endpoint(self) -> Any:
        return self.google.endpoint(self.made.name)

    def evaluate(self, number: int, case: str, mark: str | None = "update_traffic") -> RunResult:
        """That day's run, at 05:00; `mark` is marked as successful by hand."""
        at = DEPLOYED + number * DAY + HOUR
        self.clock.move(at)
        self.made.configure("duel", feature_columns=[case])
        result = self.made.run(at, dag="rollout", clock=self.clock, mark_success=mark)
        assert result.state == "success", result.errors
        return result

    def clear(self, run: RunResult, *tasks: str, at: timedelta, case: str) -> RunResult:
        """Clear these tasks of the run `at` after DEPLOYED, with that case of the duel."""
        self.clock.move(DEPLOYED + at)
        self.made.configure("duel", feature_columns=[case])
        return self.made.clear(run.run_id, *(tasks or ("update_traffic",)), clock=self.clock)

    def assert_blocked(self, run: RunResult, reason: str, *tasks: str, **when: Any) -> None:
        before = self.endpoint
        result = self.clear(run, *tasks, **when)
        task = (tasks or ("update_traffic",))[-1]
        assert result.tasks[task] == "failed"
        error = result.errors[task]
        assert error.startswith(
            f"{self.made.name}: the verdict on {self.made.name}@2 is outdated: "
        )
        assert reason in error
        assert error.endswith(
            "; nothing is changed, and to evaluate again, clear the run from observe on, or "
            "trigger "
            f"{self.made.name}__rollout with the intent evaluate"
        )
        assert "\n" not in error
        assert self.endpoint == before
        assert events_of(self.made)[-1].action == "blocked"


@pytest.fixture
def days(model: Callable[..., Model], google: Google, clock: SandboxClock) -> Callable[..., Days]:
    return lambda **changes: Days(model(duel=DUEL, **changes), google, clock)


def test_a_cleared_task_applies_no_outdated_verdict(
    days: Callable[..., Days], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that decided to promote, whose update_traffic was skipped at that time."""
    here = days()
    promotes = here.evaluate(2, "better")
    assert promotes.returned["decide"]["intent"]["name"] == "promote"
    soon: dict[str, Any] = {"at": 2 * DAY + 2 * HOUR, "case": "better"}

    here.assert_blocked(promotes, "it is more than 1 d old", at=3 * DAY + 2 * HOUR, case="better")

    here.made.configure("rollout", promotion="manual")
    here.assert_blocked(
        promotes, "the sections rollout and duel of the model's file have changed since", **soon
    )
    here.made.configure("rollout", promotion="automatic")

    def away(*_: object, **__: object) -> None:
        raise RetryableError("BigQuery is away")

    before = here.endpoint
    with monkeypatch.context() as patch:
        patch.setattr(EventsTable, "read", away)
        unknown = here.clear(promotes, **soon)
    assert unknown.tasks["update_traffic"] == "up_for_retry"
    assert (
        f"it is not known whether the verdict on {here.made.name}@2 is still the newest, so "
        "traffic "
        "stays as it is: BigQuery is away" in unknown.errors["update_traffic"]
    )
    assert here.endpoint == before

    for percentage in (20, 10):
        here.made.run(
            None,
            dag="rollout",
            clock=here.clock,
            intent="set_traffic",
            traffic_percentage=percentage,
        )
    here.assert_blocked(promotes, "the endpoint was changed since (set_traffic-", **soon)

    # A newer duel holds; the older run, evaluated again, has older rows.
    assert here.evaluate(3, "equal").returned["decide"]["outcome"] == "hold"
    here.assert_blocked(promotes, "there is a newer one of ", at=2 * DAY + 2 * HOUR, case="better")
    again = here.clear(promotes, *ALL, at=3 * DAY + 3 * HOUR, case="better")
    assert again.returned["decide"]["outcome"] == "inconclusive"
    assert "and the challenger was evaluated on rows until" in again.returned["decide"]["reason"]
    assert again.tasks["update_traffic"] == "skipped"
    assert dict(here.endpoint.traffic_split) == {here.champion: 90, here.challenger: 10}

    # The newest run, cleared from observe on, has a new verdict. Once applied, nothing is blocked.
    newest = here.evaluate(4, "better")
    done = here.clear(newest, *ALL, at=6 * DAY, case="better")
    assert set(done.tasks.values()) == {"success"}, done.errors
    assert dict(here.endpoint.traffic_split) == {here.challenger: 100}
    before = here.endpoint
    assert here.clear(newest, at=7 * DAY, case="better").tasks["update_traffic"] == "success"
    assert here.endpoint == before


def test_an_outdated_traffic_step_and_an_outdated_approval_are_blocked(
    days: Callable[..., Days],
) -> None:
    here = days(rollout={"promotion": "approval", "steps": [10, 40, 80]})
    promotes = here.evaluate(1, "better")
    assert promotes.returned["decide"]["intent"]["traffic_percentage"] == 40
    here.made.run(
        None, dag="rollout", clock=here.clock, intent="set_traffic", traffic_percentage=80
    )
    here.assert_blocked(
        promotes, "the endpoint was changed since (set_traffic-", at=DAY + 2 * HOUR, case="better"
    )
    assert dict(here.endpoint.traffic_split) == {here.champion: 20, here.challenger: 80}

    promotes = here.evaluate(3, "better", mark="approve|update_traffic")
    assert promotes.returned["decide"]["needs_approval"]
    here.assert_blocked(promotes, "it is more than 1 d old", "approve", at=5 * DAY, case="better")


def test_a_rollback_is_never_outdated(days: Callable[..., Days]) -> None:
    here = days()
    worse = here.evaluate(1, "worse")
    assert worse.returned["decide"]["intent"]["name"] == "rollback"
    here.made.run(
        None, dag="rollout", clock=here.clock, intent="set_traffic", traffic_percentage=20
    )
    here.evaluate(2, "equal")
    here.made.configure("rollout", promotion="manual")
    cleared = here.clear(worse, at=6 * DAY, case="worse")
    assert cleared.tasks["update_traffic"] == "success", cleared.errors
    assert dict(here.endpoint.traffic_split) == {here.champion: 100}
