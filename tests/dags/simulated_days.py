"""A source whose rows differ from day to day, and a champion of it that is watched."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sandbox.replay.clock import SandboxClock
from tests.conftest import Sandbox
from tests.dags.conftest import Google, Model, RunResult
from tests.dags.estimators import deploy_estimator, linear
from tests.dags.watched import FIRST, TRAINED, look

DAY, WEEK, A_DAY = timedelta(days=1), timedelta(weeks=1), 200
# The first row is the first of the week that the champion was trained on.
DAYS_BEFORE = FIRST - (TRAINED - WEEK)
DUEL = {
    "target": "y",
    "loss": "absolute",
    "feature_columns": ["x", "whim"],
    "target_columns": ["y"],
}
WATCH = {"template": "watch.yaml", "window": "28d", "retrain_on": ["schedule", "decay"]}
CHAMPION = linear(3.0, 0.0)


@dataclass(frozen=True)
class World:
    """The label is 3 `x` plus noise, and `whim` is independent of it. The noise is that of the row,
    with a standard deviation that varies by 6 % from day to day; the mean of `x` varies as well.

    From the day `event` on, the slope is greater by `step`, and by `trend` more each day; `x` is
    greater by `shift`; a part `missing` of `x` is NaN; and each row is there `copies` times. At
    weekends, from the first day on, the noise is `weekend` times as great. Where `x` is
    below -0.5, the noise is `calm` times as great. `exact`: the label is 3 whatever `x` is.
    The days of the `outage` have no rows.
    """

    seed: int = 8
    event: int = 1000
    step: float = 0.0
    trend: float = 0.0
    shift: float = 0.0
    missing: float = 0.0
    copies: int = 1
    weekend: float = 1.0
    calm: float = 1.0
    exact: bool = False
    outage: range = range(0)

    def rows(self, until: datetime, labelled: Callable[[datetime], bool]) -> pa.Table:
        """The rows before `until`; those that are not `labelled` have no label yet."""
        rng, count = np.random.default_rng(self.seed), 75 * A_DAY
        x, unknown, whim, chance = rng.standard_normal((4, count))
        stamps = [FIRST - DAYS_BEFORE + DAY * number / A_DAY for number in range(count)]
        days = np.array([(stamp - FIRST) // DAY for stamp in stamps])
        spread, mean = rng.standard_normal((2, 100))
        weekend = np.array([stamp.weekday() >= 5 for stamp in stamps])
        after = days >= self.event
        x = x + 0.1 * mean[days] + self.shift * after
        slope = 3 + (self.step + self.trend * (days - self.event)) * after
        noise = unknown * np.exp(0.06 * spread[days]) * np.where(weekend, self.weekend, 1)
        noise *= np.where(x < -0.5, self.calm, 1)
        y = np.full(count, 3.0) if self.exact else slope * x + noise
        x[after & (chance < np.quantile(chance, self.missing))] = np.nan
        taken = np.array([stamp < until for stamp in stamps])
        taken &= ~np.isin(days, self.outage)
        index = np.repeat(np.flatnonzero(taken), np.where(after, self.copies, 1)[taken])
        labels = [float(y[one]) if labelled(stamps[one]) else None for one in index]
        return pa.table(
            {
                "measured_at": pa.array([stamps[one] for one in index], pa.timestamp("us", "UTC")),
                "x": x[index],
                "whim": whim[index],
                "y": pa.array(labels, pa.float64()),
            }
        )


@dataclass
class Season:
    """A champion in a world. `late` has the time at which a row gets its label, for the rows that
    have not got it at once."""

    made: Model
    world: World
    clock: SandboxClock
    sandbox: Sandbox
    late: Callable[[datetime], datetime] = field(default=lambda stamp: stamp)

    def look(self, number: int, **options: Any) -> RunResult:
        """The daily run that counts the days up to that one; it succeeds."""
        at = FIRST + (number + 2) * DAY + timedelta(hours=5)
        self.made.put(self.world.rows(at, lambda stamp: self.late(stamp) <= at))
        result = look(self.made, self.clock, number, **options)
        assert result.state == "success", result.errors
        return result

    def deploy(self, name: str, estimator: Any, end: datetime) -> None:
        """Deploy the model of the week before `end`, half an hour after the daily run."""
        self.clock.move(end + timedelta(hours=2, minutes=30))
        deploy_estimator(self.made, name, estimator, end, self.sandbox, self.clock)


@pytest.fixture
def season(
    model: Callable[..., Model], google: Google, clock: SandboxClock, sandbox: Sandbox
) -> Callable[..., Season]:
    """Makes a season; `watch` has keys of that section, `changes` are those of `model`."""

    def make(
        world: World, champion: Any = CHAMPION, watch: dict[str, Any] | None = None, **changes: Any
    ) -> Season:
        duel = {**DUEL, **changes.pop("duel", {})}
        made = model(duel=duel, watch={**WATCH, **(watch or {})}, **changes)
        made.tables.delete_table(made.table)
        found = Season(made, world, clock, sandbox)
        found.deploy("champion", champion, TRAINED)
        return found

    return make
