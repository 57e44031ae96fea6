"""The last line in the log of an attempt that is followed by another one."""

import logging
from typing import Any

from titleholder.alerts.task_failure import failure_sentence
from titleholder.alerts.text import plain

log = logging.getLogger(__name__)


class RetryLog:
    """The retry callback of every task: logs why the attempt failed, and when the next one starts.
    No alert is sent before the last attempt."""

    def __init__(self, model: str) -> None:
        self.model = model

    def __call__(self, context: Any) -> None:
        """Log one line, after the end of the group that Airflow's UI folds up."""
        log.info("::endgroup::")
        log.warning("titleholder: %s", retry_line(self.model, context))


def retry_line(model: str, context: Any) -> str:
    """The attempt, the cause of its failure, and the time of the next attempt. Pure."""
    ti = context["ti"]
    sentence = failure_sentence(context.get("exception")).removeprefix(f"{model}: ")
    ended, delay = ti.end_date, getattr(ti.task, "retry_delay", None)
    when = f"after {ended + delay:%Y-%m-%d %H:%M:%S} UTC" if ended and delay is not None else "soon"
    return plain(
        f"{model}: {ti.task_id} failed in attempt {ti.try_number} of {ti.max_tries + 1}: "
        f"{sentence.rstrip('.')}. Nothing to do yet: the next attempt starts {when}."
    )
