"""Which failures are final, which are tried again, and what a person reads."""

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from google.api_core import exceptions

from titleholder.bigquery import _refused
from titleholder.config import load_model
from titleholder.errors import Refusal, TryAgain
from titleholder.operators.submit_pipeline import SubmitPipelineOperator

CONFIG = load_model(Path(__file__).parents[2] / "dags" / "models" / "linnerud.yaml")


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (Refusal("no"), AirflowFailException),
        (exceptions.Forbidden("no\nrights"), AirflowFailException),
        (exceptions.NotFound("gone"), AirflowFailException),
        (TryAgain("later"), AirflowException),
        (exceptions.TooManyRequests("slow down"), exceptions.TooManyRequests),
        (exceptions.ServiceUnavailable("away"), exceptions.ServiceUnavailable),
        (ConnectionError("lost"), ConnectionError),
    ],
)
def test_what_is_final_and_what_is_tried_again(error: Exception, becomes: type[Exception]) -> None:
    task = SubmitPipelineOperator(task_id="submit_pipeline", config=CONFIG)
    with pytest.raises(becomes) as raised, task.told():
        raise error
    assert type(raised.value) is becomes
    if becomes in (AirflowFailException, AirflowException):
        assert str(raised.value).startswith("linnerud: ")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "final", "says"),
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
        (exceptions.BadRequest("no", [{"reason": "invalidQuery"}]), True, "as a TIMESTAMP"),
        (exceptions.BadRequest("no", [{"reason": "resourcesExceeded"}]), False, "read now"),
        (exceptions.ServiceUnavailable("away"), False, "cannot be read now"),
    ],
)
def test_what_bigquery_says(error: exceptions.GoogleAPICallError, final: bool, says: str) -> None:
    told = _refused("p.d.t", "ts", error)
    assert told.final is final
    assert says in str(told)
