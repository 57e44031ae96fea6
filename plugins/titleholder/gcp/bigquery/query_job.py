"""A query as a job of BigQuery's that is never waited for without end, nor runs on for nothing."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud import bigquery

CANCEL_SECONDS = 10.0


class JobIdTaken(Exception):
    """The job id was used before."""


def limits(patience: float) -> dict[str, Any]:
    """`retry` and `timeout` of a call: those of the client go on for ten minutes."""
    from google.cloud import bigquery

    return {"retry": bigquery.DEFAULT_RETRY.with_timeout(patience), "timeout": patience}


def run(
    client: "bigquery.Client",
    query: str,
    config: "bigquery.QueryJobConfig",
    patience: float,
    *,
    job_id: str | None = None,
    location: str | None = None,
) -> "list[bigquery.Row]":
    """The rows of a job that gets `patience` seconds, queueing included, and is then cancelled.

    Raises concurrent.futures.TimeoutError when they were not enough, google.api_core's
    GoogleAPIError, and JobIdTaken when there was a job of that id before.
    """
    from google.api_core.exceptions import Conflict

    # Also where nothing is left that could cancel it.
    config.job_timeout_ms = int(patience * 1000)
    try:
        job = client.query(
            query,
            job_config=config,
            job_id=job_id,
            location=location,
            # Failed jobs are run again for forty minutes otherwise.
            job_retry=None,
            **limits(patience),
        )
    except Conflict:
        if job_id is None:
            raise
        raise JobIdTaken(job_id) from None
    try:
        return list(job.result(job_retry=None, **limits(patience)))
    except Exception:
        if job.state != "DONE":
            with suppress(Exception):
                job.cancel(retry=None, timeout=CANCEL_SECONDS)
        raise


def reattach(
    client: "bigquery.Client", job_id: str, location: str | None, patience: float
) -> "list[bigquery.Row] | None":
    """The rows of a job that was started before, once it has ended; None when it failed and so
    changed nothing. It is not cancelled: whoever started it may be waiting.

    Raises as run does, and Forbidden for another account's job, which may not be looked at.
    """
    from google.api_core import exceptions, retry

    # One that was just refused as the second of its id can be unknown for a moment.
    known = retry.Retry(predicate=retry.if_exception_type(exceptions.NotFound), timeout=patience)
    # Loosely typed, as the client's stubs know no job_retry for jobs of any kind.
    job: Any = known(client.get_job)(job_id, location=location, **limits(patience))
    try:
        return list(job.result(job_retry=None, **limits(patience)))
    except exceptions.GoogleAPICallError:
        if job.done(**limits(patience)) and job.error_result:
            return None
        raise


def once(
    client: "bigquery.Client",
    query: str,
    config: Callable[[], "bigquery.QueryJobConfig"],
    patience: float,
    *,
    job_id: str,
    location: str | None,
) -> "list[bigquery.Row]":
    """As run, but the answer of the job `job_id-N` where there is one, so that the same question is
    billed once however often a worker is lost; N counts those that failed, or are not ours."""
    from google.api_core.exceptions import Forbidden, NotFound

    attempt = 0
    while True:
        name = f"{job_id}-{attempt}"
        try:
            return run(client, query, config(), patience, job_id=name, location=location)
        except JobIdTaken:
            # NotFound: its result is kept for a day.
            with suppress(Forbidden, NotFound):
                rows = reattach(client, name, location, patience)
                if rows is not None:
                    return rows
        attempt += 1
