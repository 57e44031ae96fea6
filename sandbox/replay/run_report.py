"""Runs of a DAG, printed task by task."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.replay.clock import Clock
from sandbox.replay.dag_runner import TaskResult, find_dag, run_dag
from sandbox.replay.pipeline_progress import pipeline_progress
from sandbox.state import State
from sandbox.terminal import Part, Terminal

_TASK_WIDTH = len("wait_for_pipeline")
_MARKS: dict[str, Part] = {
    "success": ("✓", "green"),
    "skipped": ("-", "yellow"),
    "failed": ("✗", "bold red"),
}


@dataclass(frozen=True)
class RunReport:
    """Runs DAGs against the sandbox of `state`, and prints on `terminal`."""

    state: State
    terminal: Terminal

    def run_interval(
        self, dag_id: str, end: datetime, title: str = "", clock: Clock | None = None
    ) -> bool:
        """Run the DAG for the data interval that ended at `end`; whether the run succeeded.

        Prints `title` (by default the week up to `end`) and one line per task. Raises NoSuchDag.
        """
        dag = find_dag(dag_id)
        title = title or f"week {end - timedelta(weeks=1):%Y-%m-%d} to {end:%Y-%m-%d}"
        self.terminal.print()
        self.terminal.print((dag_id, "bold"), f", {title}")
        started = time.monotonic()
        state, results = self._run(dag, end, clock, self._print_task)
        seconds = f" after {time.monotonic() - started:.0f} s"
        self.terminal.print("  ", (state, _style(state)), seconds)
        self._name_logs(state, results)
        return state == "success"

    def run_day(self, dag: Any, day: datetime, clock: Clock) -> bool:
        """Run the daily DAG at `day`, and print its verdict on one line, or without a challenger
        the state of the champion; whether it succeeded."""
        state, results = self._run(dag, day, clock, lambda _: None)
        texts = {result.task_id: result.text for result in results}
        # Without a challenger there is no verdict.
        judged = any(one.task_id == "decide" and one.state != "skipped" for one in results)
        text = texts.get("decide" if judged else "watch_champion")
        text = text or next(reversed(texts.values()), "no task ran")
        self.terminal.item([(f"{day:%a %Y-%m-%d %H:%M}", "dim")], text, len("Mon 2026-10-05 05:00"))
        if state != "success":
            self.terminal.print("  ", (state, _style(state)))
        self._name_logs(state, results)
        return state == "success"

    def _run(
        self,
        dag: Any,
        run_after: datetime,
        clock: Clock | None,
        on_end: Callable[[TaskResult], None],
    ) -> tuple[str, list[TaskResult]]:
        results: list[TaskResult] = []
        running: list[str] = []

        def job() -> str:
            # While the task that waits for it runs.
            submitting = running[-1].replace("wait_for_", "submit_") if running else ""
            return next((one.job for one in results if one.task_id == submitting), "")

        def started(task_id: str) -> None:
            running[:] = [task_id]
            if not self.terminal.plain:
                show(f"  {task_id}")

        def progressed(text: str) -> None:
            show(f"  {running[-1]:{_TASK_WIDTH}}  {text}")

        def ended(result: TaskResult) -> None:
            results.append(result)
            on_end(result)

        with (
            self.terminal.progress("") as show,
            pipeline_progress(self.state, job, progressed),
        ):
            state = run_dag(dag, run_after, started, ended, clock)
        return state, results

    def _print_task(self, result: TaskResult) -> None:
        mark: list[Part] = [] if self.terminal.plain else [_MARKS.get(result.state, "·"), " "]
        self.terminal.item([*mark, result.task_id], result.text, _TASK_WIDTH + len(mark))

    def _name_logs(self, state: str, results: list[TaskResult]) -> None:
        for result in results if state != "success" else ():
            if result.state == "failed":
                self.terminal.print(f"  the log of {result.task_id}: {result.log}")


def _style(state: str) -> str:
    return {"success": "green", "failed": "bold red"}.get(state, "yellow")
