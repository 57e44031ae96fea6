"""The failure of a task in one sentence: what, where, and what to do."""

import traceback
from pathlib import Path

from titleholder.alerts.alert import AlertKind, Link
from titleholder.gcp.errors import error_message, user_message


class AttemptFailure(SystemExit):
    """Fails this attempt of a task with one sentence; Airflow tries again while there are retries.

    A SystemExit, because Airflow logs any other exception with a traceback, in which the sentence
    is lost: of this one it logs `Task exited exit_code=SENTENCE`.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)


class TaskFailure(AttemptFailure):
    """Fails a task at once, without retries, by the retry policy of the operators; its alert has
    this kind and these links, besides the one to the task's log."""

    def __init__(
        self, sentence: str, kind: AlertKind = AlertKind.TASK, links: tuple[Link, ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.links = links


def failure_sentence(error: object) -> str:
    """The cause of a failure in one sentence, from what Airflow gives a callback: an exception, a
    text, or nothing. An unexpected exception is named with its place in the code."""
    if isinstance(error, AttemptFailure) or not isinstance(error, BaseException):
        lost = "its worker was lost, or it was ended from outside; see its log"
        return " ".join(str(error or "").split()) or lost
    if isinstance(error, Exception) and (known := user_message(error)):
        return known
    text = error_message(error) if isinstance(error, Exception) else str(error)
    name = type(error).__name__
    cause = name if text in ("", name) else f"{name}: {text}"
    return f"unexpected {cause}{_place(error)}; report it with the traceback above"


def _place(error: BaseException) -> str:
    """The innermost line of this package that the error passed, else of any."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "titleholder" in Path(frame.filename).parts]
    if not frames:
        return ""
    frame = (ours or frames)[-1]
    return f" in {Path(frame.filename).name}, line {frame.lineno}"
