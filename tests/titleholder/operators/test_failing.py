"""Final failures, failures that are retried, and their messages."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airflow.sdk import RetryAction
from google.api_core import exceptions
from google.api_core.retry import Retry, if_transient_error
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.aiplatform_v1 import EndpointServiceClient

from titleholder.alerts.alert import AlertKind
from titleholder.alerts.task_failure import AttemptFailure, TaskFailure
from titleholder.config.loader import load_model
from titleholder.errors import DriftDetected, ManualActionRequired, RetryableError
from titleholder.gcp.bigquery.client import read_error
from titleholder.gcp.errors import error_message
from titleholder.operators.apply_decision import ApplyDecisionOperator
from titleholder.operators.pipeline import SubmitPipelineOperator
from titleholder.operators.results import Decided, Observed

CONFIG = load_model(Path(__file__).parents[3] / "dags" / "models" / "linnerud.yaml")


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (ManualActionRequired("no"), TaskFailure),
        (DriftDetected("by hand"), TaskFailure),
        (exceptions.Forbidden("no\nrights"), TaskFailure),
        (exceptions.NotFound("deleted"), TaskFailure),
        (RetryableError("later"), AttemptFailure),
        (exceptions.TooManyRequests("slow\ndown"), AttemptFailure),
        (exceptions.ServiceUnavailable("away"), AttemptFailure),
        (DefaultCredentialsError("no account"), AttemptFailure),
        (requests.ConnectionError("lost"), AttemptFailure),
        (ConnectionError("lost"), AttemptFailure),
        (FileNotFoundError("a file"), FileNotFoundError),
        (KeyError("a bug"), KeyError),
    ],
)
def test_final_errors_and_errors_that_are_retried(
    error: Exception, becomes: type[BaseException]
) -> None:
    task = SubmitPipelineOperator(task_id="submit_pipeline", config=CONFIG)
    with pytest.raises(becomes) as raised, task.fail_with_message():
        raise error
    assert type(raised.value) is becomes
    if isinstance(raised.value, AttemptFailure):
        assert str(raised.value).startswith("linnerud: ")
        assert "\n" not in str(raised.value)
    if isinstance(raised.value, TaskFailure):
        decision = task.retry_policy.evaluate(raised.value, try_number=1, max_tries=2)
        assert decision.action is RetryAction.FAIL, "no retry would help"
        assert raised.value.kind is (
            AlertKind.MANUAL_CHANGE if isinstance(error, DriftDetected) else AlertKind.TASK
        )


def test_the_message_of_a_clients_exception_is_its_cause() -> None:
    """The connection is refused, with the exception chain of Google's client."""
    client = EndpointServiceClient(
        transport="rest",
        client_options={"api_endpoint": "http://127.0.0.1:9"},
        credentials=AnonymousCredentials(),
    )
    again = Retry(predicate=if_transient_error, initial=0.01, maximum=0.01, timeout=0.02)
    for retry in (None, again):
        with pytest.raises(Exception, match="Max retries exceeded with url") as raised:
            client.get_endpoint(name="projects/p/locations/l/endpoints/e", retry=retry)
        assert error_message(raised.value) == "127.0.0.1:9 cannot be reached (Connection refused)"
    request = requests.Request("GET", "https://bigquery.googleapis.com/x?y").prepare()
    late = requests.ReadTimeout("HTTPSConnectionPool(...)", request=request)
    assert error_message(late) == "bigquery.googleapis.com did not answer in time"
    assert error_message(exceptions.ServiceUnavailable("busy\n now")) == "busy now"
    sent = "POST https://host/v1/projects/p/jobs?id=a&%24alt=json%3Benum: quota: 3 of 3?"
    assert error_message(exceptions.Forbidden(sent)) == (
        "POST https://host/v1/projects/p/jobs: quota: 3 of 3?"
    )


@pytest.mark.parametrize(
    ("error", "final", "text"),
    [
        (
            exceptions.InternalServerError(
                "Query exceeded limit for bytes billed", [{"reason": "bytesBilledLimitExceeded"}]
            ),
            True,
            "would bill more than source.freshness.max_bytes",
        ),
        (exceptions.Forbidden("no", [{"reason": "accessDenied"}]), True, "dataViewer"),
        (exceptions.Forbidden("no", [{"reason": "quotaExceeded"}]), False, "cannot be read now"),
        (exceptions.BadRequest("no", [{"reason": "invalidQuery"}]), True, "no TIMESTAMP"),
        (exceptions.BadRequest("no", [{"reason": "resourcesExceeded"}]), False, "read now"),
        (exceptions.ServiceUnavailable("away"), False, "cannot be read now"),
    ],
)
def test_errors_of_bigquery(error: exceptions.GoogleAPICallError, final: bool, text: str) -> None:
    found = read_error(
        "p.d.t", error, "source.freshness.max_bytes", "ts", ("no TIMESTAMP", "correct it")
    )
    assert found.final is final
    assert text in str(found)


@pytest.mark.parametrize(
    ("task_id", "read", "result"),
    [
        ("observe", Observed.from_xcom, {"kind": "evaluate"}),
        ("observe", Observed.from_xcom, {"intent": "evaluate", "champion": {}, "challenger": {}}),
        ("decide", Decided.from_xcom, {"outcome": "promote", "reason": "better"}),
        ("decide", Decided.from_xcom, {"intent": {"name": "promote", "target": "1"}}),
    ],
)
def test_a_result_of_another_version_fails_the_task(
    task_id: str, read: Callable[[Mapping[str, Any]], object], result: dict[str, Any]
) -> None:
    task = ApplyDecisionOperator(task_id="update_traffic", config=CONFIG)
    context = {"ti": SimpleNamespace(xcom_pull=lambda task_ids: result)}
    with pytest.raises(TaskFailure) as raised:
        task.read_result(context, task_id, read)
    error = str(raised.value)
    assert error.startswith(
        f"linnerud: the result of {task_id} is of another version of titleholder"
    )
    assert error.endswith(f"; clear {task_id} with what follows it")
