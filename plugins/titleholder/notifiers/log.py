"""Tells of a failure in the log: which model, which week, what, and what it means."""

from typing import Any

from airflow.sdk import BaseNotifier


class LogNotifier(BaseNotifier):
    """One line at ERROR level for a failed task or dag run."""

    def __init__(self, model: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """There are none; the DAG that `dag.test()` gives its callbacks could not render any."""

    def notify(self, context: Any) -> None:
        """Write the line; whatever the context lacks is left out."""
        dag_run, ti = context.get("dag_run"), context.get("ti")
        cause = context.get("exception") or context.get("reason") or "see the task's log"
        self.log.error(
            "titleholder: %s failed in %s (run %s, data until %s): %s",
            self.model,
            getattr(ti, "task_id", "its dag run"),
            getattr(dag_run, "run_id", "unknown"),
            getattr(dag_run, "data_interval_end", None) or "unknown",
            cause,
        )
