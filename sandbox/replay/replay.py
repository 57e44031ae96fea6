"""Replay of a model's weeks at their own times: the weekly DAG, and the daily DAG in between."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from croniter import croniter

from sandbox import endpoint_report as report
from sandbox.replay.clock import SandboxClock
from sandbox.replay.dag_runner import find_dag
from sandbox.replay.run_report import RunReport
from sandbox.state import addresses


@dataclass(frozen=True)
class Week:
    """A replayed week of data that ended at `end`; `seconds` is how long its runs took."""

    end: datetime
    seconds: float


@dataclass
class Replay:
    """Runs the DAGs of `model` with the clock moved.

    `fill` is called before each run with its time, which never decreases, and adds the rows up to
    then to the model's source.
    """

    runs: RunReport
    model: str
    fill: Callable[[datetime], object]

    def run(self, ends: Sequence[datetime]) -> tuple[list[Week], bool]:
        """Replay the weeks that ended at `ends` up to the first failed run.

        Returns the replayed weeks, and whether every run succeeded. After the last weekly run its
        challenger stays on the endpoint. The clock shows the time of day again at the end, also
        after an exception. Raises NoSuchDag.
        """
        clock, weeks = SandboxClock(addresses(self.runs.state)["VERTEX_AI_EMULATOR_HOST"]), []
        try:
            for number, end in enumerate(ends):
                started = time.monotonic()
                self._move(clock, end)
                succeeded = self.runs.run_interval(f"{self.model}__train", end, clock=clock)
                if succeeded and number + 1 < len(ends):
                    succeeded = self._run_days(clock, end, ends[number + 1])
                weeks.append(Week(end, time.monotonic() - started))
                if not succeeded:
                    return weeks, False
        finally:
            clock.reset()
        return weeks, True

    def _run_days(self, clock: SandboxClock, end: datetime, until: datetime) -> bool:
        dag = find_dag(f"{self.model}__rollout")
        for day in evaluation_times(dag, end, until):
            if "submit_watch" not in dag.task_dict and not self._has_challenger(dag):
                return True  # The daily run would only skip.
            self._move(clock, day)
            if not self.runs.run_day(dag, day, clock):
                return False
            dag = find_dag(dag.dag_id)
        return True

    def _has_challenger(self, dag: Any) -> bool:
        name = dag.get_task("observe").config.endpoint.display_name
        return any(
            endpoint["displayName"] == name and "challenger" in endpoint.get("labels", {})
            for endpoint in report.endpoints(self.runs.state)
        )

    def _move(self, clock: SandboxClock, to: datetime) -> None:
        clock.move(to)
        self.fill(to)


def evaluation_times(dag: Any, end: datetime, until: datetime) -> Iterator[datetime]:
    """The fire times of the daily DAG between `end` and `until` at which labelled rows newer than
    `end` exist; none for a model without duels."""
    if "submit_duel" not in dag.task_dict:
        return
    duel = dag.get_task("submit_duel").duel
    fires = croniter(duel.schedule, end)
    while (day := fires.get_next(datetime)) < until:
        if day - duel.label_delay > end:
            yield day
