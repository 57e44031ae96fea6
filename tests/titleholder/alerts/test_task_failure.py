"""The sentence about a failure, and the line of an attempt that is repeated."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from google.api_core.exceptions import ServiceUnavailable

from titleholder.alerts.alert import AlertKind
from titleholder.alerts.retry_log import retry_line
from titleholder.alerts.task_failure import AttemptFailure, TaskFailure, failure_sentence
from titleholder.config.loader import load_model
from titleholder.errors import InvalidRequest

ENDED = datetime(2026, 11, 27, 3, 4, 5, tzinfo=UTC)
LOST = "its worker was lost, or it was ended from outside; see its log"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as found:
        return found


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AttemptFailure("linnerud: it is away"), "linnerud: it is away"),
        (TaskFailure("linnerud: no", AlertKind.PIPELINE), "linnerud: no"),
        (ServiceUnavailable("busy"), "the call to Google failed: busy"),
        (InvalidRequest("a sentence"), "a sentence"),
        (requests.ConnectionError(), "Google cannot be reached"),
        (None, LOST),
        ("", LOST),
        ("killed by\n the system", "killed by the system"),
    ],
)
def test_an_expected_error_is_its_sentence(error: object, sentence: str) -> None:
    assert sentence in failure_sentence(error)


def test_an_unexpected_error_is_named_with_its_place() -> None:
    text = failure_sentence(raised(KeyError("score")))
    assert text.startswith("unexpected KeyError: 'score' in test_task_failure.py, line ")
    assert text.endswith("; report it with the traceback above")
    assert failure_sentence(raised(ValueError())).startswith("unexpected ValueError in test_task_")
    assert failure_sentence(KeyboardInterrupt()).startswith("unexpected KeyboardInterrupt; report")
    assert failure_sentence(raised(ValueError("two\nlines"))).startswith(
        "unexpected ValueError: two lines in "
    )
    with pytest.raises(AttributeError) as wrong:
        load_model(None)  # type: ignore[arg-type]
    assert " in loader.py, line " in failure_sentence(wrong.value), "the innermost of this package"


def context(error: object, **fields: Any) -> dict[str, Any]:
    task = SimpleNamespace(retry_delay=timedelta(minutes=5))
    ti = {"task_id": "observe", "try_number": 1, "max_tries": 2, "end_date": ENDED, "task": task}
    return {"ti": SimpleNamespace(**(ti | fields)), "exception": error}


def test_an_attempt_that_is_repeated() -> None:
    line = retry_line("linnerud", context(AttemptFailure("linnerud: Vertex AI is away.")))
    assert line == (
        "linnerud: observe failed in attempt 1 of 3: Vertex AI is away. Nothing to do yet: the "
        "next attempt starts after 2026-11-27 03:09:05 UTC."
    )
    # In the DAG processor less is known.
    lost = retry_line("linnerud", context(None, end_date=None, try_number=2))
    assert lost == (
        f"linnerud: observe failed in attempt 2 of 3: {LOST}. Nothing to do yet: the next attempt "
        "starts soon."
    )
