"""Weeks of a model, played one after the other with the clock at their time: its weekly DAG, and on
the days between the daily one, which judges the challenger."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from croniter import croniter

from sandbox import endpoint_report as report
from sandbox.replay.clock import SandboxClock
from sandbox.replay.dag_runner import find_dag, run_dag, run_interval
from sandbox.state import State, addresses


@dataclass(frozen=True)
class Week:
    """The week of data that ended at `end`, and how many seconds playing took: the weekly run and
    the days up to the next one."""

    end: datetime
    seconds: float


@dataclass
class Replay:
    """Plays the DAGs of `model`. `fill` brings its source to what it was at a time, later with each
    call; what is played is told on `terminal`, and `log` named to whoever looks for more."""

    state: State
    model: str
    fill: Callable[[datetime], object]
    terminal: TextIO
    log: Path

    def play(self, ends: Sequence[datetime]) -> tuple[list[Week], bool]:
        """The weeks that were played of those that ended at `ends`, and whether all went well; the
        first run that does not is the last.

        Nothing is played after the last weekly run: its challenger is left for whoever looks. The
        clock shows the time of day again when this returns or raises. Raises NoSuchDag.
        """
        clock, played = SandboxClock(addresses(self.state)["VERTEX_AI_EMULATOR_HOST"]), []
        try:
            for number, end in enumerate(ends):
                begun = time.monotonic()
                self._at(clock, end)
                well = run_interval(
                    f"{self.model}__train", end, self.terminal, self.log, clock=clock
                )
                if well and number + 1 < len(ends):
                    well = self._days(clock, end, ends[number + 1])
                played.append(Week(end, time.monotonic() - begun))
                if not well:
                    return played, False
        finally:
            clock.reset()
        return played, True

    def _days(self, clock: SandboxClock, end: datetime, until: datetime) -> bool:
        dag = find_dag(f"{self.model}__rollout")
        for day in evaluation_times(dag, end, until):
            if not self._has_challenger(dag):
                return True  # The daily run would only skip.
            self._at(clock, day)
            if not self._evaluate(dag, day, clock):
                return False
            dag = find_dag(dag.dag_id)
        return True

    def _evaluate(self, dag: Any, day: datetime, clock: SandboxClock) -> bool:
        words: dict[str, str] = {}
        state = run_dag(dag, day, words.__setitem__, clock)
        last = words.get("decide") or next(reversed(words.values()), "no task ran")
        print(f"  {day:%a %Y-%m-%d %H:%M}  {last}", file=self.terminal)
        if state != "success":
            print(f"  {state}; the reason is in {self.log}", file=self.terminal)
        return state == "success"

    def _has_challenger(self, dag: Any) -> bool:
        name = dag.get_task("observe").config.endpoint.display_name
        return any(
            endpoint["displayName"] == name and "challenger" in endpoint.get("labels", {})
            for endpoint in report.endpoints(self.state)
        )

    def _at(self, clock: SandboxClock, moment: datetime) -> None:
        clock.move(moment)
        self.fill(moment)


def evaluation_times(dag: Any, end: datetime, until: datetime) -> Iterator[datetime]:
    """When the daily DAG runs after `end` and before `until`, from the first time on at which rows
    newer than `end` are old enough to be judged by; never for a model without duels."""
    if "submit_duel" not in dag.task_dict:
        return
    duel = dag.get_task("submit_duel").duel
    fires = croniter(duel.schedule, end)
    while (day := fires.get_next(datetime)) < until:
        if day - duel.label_delay > end:
            yield day
