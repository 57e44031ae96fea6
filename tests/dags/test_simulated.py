"""Simulated challengers in the daily DAG with the real duel, day by day on a moved clock.

The label is 3 `x` plus noise; `whim` is independent of it; `turned` is 1 from the fourth day on. A
simulated day takes about five seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sandbox.replay.clock import SandboxClock
from tests.conftest import Sandbox
from tests.dags.conftest import LAST_MONDAY, Google, Model, RunResult
from tests.dags.estimators import deploy_estimator, invalid_below, linear

DAY, A_DAY = timedelta(days=1), 300
DEPLOYED = LAST_MONDAY - 2 * timedelta(weeks=1)
FEATURES = ["x", "whim", "turned"]
DUEL = {
    "target": "y",
    "loss": "absolute",
    "feature_columns": FEATURES,
    "target_columns": ["y"],
    "label_delay": "6h",
    "min_rows": 150,
    "min_duration": "1d",
    "max_duration": "6d",
}


def rows(until: datetime) -> pa.Table:
    """The rows after the challenger's deployment and before `until`."""
    rng, count = np.random.default_rng(8), 9 * A_DAY
    x, unknown, whim = rng.standard_normal((3, count))
    times = [DEPLOYED + DAY * number / A_DAY for number in range(count)]
    turned = np.arange(count) >= 3 * A_DAY
    columns = {"measured_at": pa.array(times, pa.timestamp("us", "UTC"))}
    columns |= {"x": x, "whim": whim, "turned": turned.astype(float), "y": 3 * x + unknown}
    return pa.table(columns).slice(0, sum(time < until for time in times))


CHAMPION = linear(3, 0, 0, bias=1)
CHALLENGERS: dict[str, Any] = {
    "better": linear(3, 0.7, 0),
    "worse": linear(3, 0, 0, bias=2),
    "NaN": invalid_below(3),
    "equal": linear(3, 0, 0, bias=-1),
    "degrading": linear(3, 0, 1.6),
}


@dataclass
class Trial:
    """A champion and a challenger on an endpoint; the challenger was deployed at DEPLOYED."""

    made: Model
    google: Google
    clock: SandboxClock

    def day(self, number: int) -> RunResult:
        """The daily run of that day after DEPLOYED, with the rows until then."""
        at = DEPLOYED + number * DAY + timedelta(hours=2, minutes=30)  # 05:30 UTC
        self.clock.move(at)
        self.made.put(rows(at))
        result = self.made.run(at, dag="rollout", clock=self.clock)
        assert result.state == "success", result.errors
        return result

    def outcome(self) -> tuple[str, int, list[RunResult]]:
        """The outcome for the challenger, its day, and the runs until then."""
        before = self.google.endpoint(self.made.name).labels
        results: list[RunResult] = []
        for number in range(1, 9):
            results.append(self.day(number))
            labels = self.google.endpoint(self.made.name).labels
            if labels["champion"] == before["challenger"]:
                return "promoted", number, results
            if labels.get("last-challenger") == before["challenger"]:
                return "rolled back", number, results
        return "held", number, results


@pytest.fixture
def trial(
    model: Callable[..., Model],
    google: Google,
    clock: SandboxClock,
    sandbox: Sandbox,
) -> Callable[..., Trial]:
    """Makes a trial: real artifacts, deployed as two weekly runs do."""

    def make(challenger: Any, **duel: Any) -> Trial:
        made = model(duel=DUEL | duel)
        made.tables.delete_table(made.table)
        for name, estimator, end in (
            ("champion", CHAMPION, DEPLOYED - timedelta(weeks=1)),
            ("challenger", challenger, DEPLOYED),
        ):
            clock.move(end)
            deploy_estimator(made, name, estimator, end, sandbox, clock)
        return Trial(made, google, clock)

    return make


@pytest.mark.parametrize(
    ("case", "rules", "outcome", "days", "reason"),
    [
        ("better", {}, "promoted", range(2, 4), "the challenger is better"),
        pytest.param(
            *("worse", {}, "rolled back", range(1, 2), "the challenger is worse"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            *("NaN", {}, "rolled back", range(2, 4), "the challenger has no finite loss on"),
            marks=pytest.mark.long,
        ),
        pytest.param(
            *("equal", {}, "rolled back", range(6, 7), "nothing was decided in 6 d"),
            marks=pytest.mark.long,
        ),
        # By the mean of all rows alone it would be promoted on the fourth day.
        pytest.param(
            *("degrading", {"min_duration": "4d"}, "rolled back", range(5, 7)),
            "the challenger is worse lately",
            marks=pytest.mark.long,
        ),
    ],
    ids=CHALLENGERS,
)
def test_each_challenger_has_the_expected_outcome(
    trial: Callable[..., Trial],
    case: str,
    rules: dict[str, Any],
    outcome: str,
    days: range,
    reason: str,
    record_property: Callable[[str, object], None],
) -> None:
    found, day, results = trial(CHALLENGERS[case], **rules).outcome()
    reasons = [one.returned["decide"]["reason"] for one in results]
    record_property("challenger", f"{case} {found} on day {day}")
    assert (found, day in days) == (outcome, True), reasons
    assert reason in (reasons[3] if case == "degrading" else reasons[-1])
    # Every day before was on hold, on all rows whose labels were six hours old.
    assert all(one.tasks["update_traffic"] == "skipped" for one in results[:-1])
    counts = [one.returned["wait_for_duel"]["evidence"]["rows"] for one in results]
    assert counts == [A_DAY * number - A_DAY // 6 for number in range(1, day + 1)]
