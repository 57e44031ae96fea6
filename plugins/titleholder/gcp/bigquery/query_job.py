"""Queries as BigQuery jobs with a time limit, after which they are cancelled."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud import bigquery

CANCEL_SECONDS = 10.0


class JobIdTaken(Exception):
    """There was a job of this id before."""


def call_options(timeout_seconds: float) -> dict[str, Any]:
    """`retry` and `timeout` of a call; the client's own are ten minutes."""
    from google.cloud import bigquery

    return {
        "retry": bigquery.DEFAULT_RETRY.with_timeout(timeout_seconds),
        "timeout": timeout_seconds,
    }


def run(
    client: "bigquery.Client",
    query: str,
    config: "bigquery.QueryJobConfig",
    timeout_seconds: float,
    *,
    job_id: str | None = None,
    location: str | None = None,
) -> "list[bigquery.Row]":
    """The rows of a job, which is cancelled after `timeout_seconds`, queueing included.

    Raises concurrent.futures.TimeoutError after that time, google.api_core's GoogleAPIError, and
    JobIdTaken if there was a job of that id before.
    """
    from google.api_core.exceptions import Conflict

    # Also if this process dies before it could cancel the job.
    config.job_timeout_ms = int(timeout_seconds * 1000)
    try:
        job = client.query(
            query,
            job_config=config,
            job_id=job_id,
            location=location,
            # By default failed jobs are retried for forty minutes.
            job_retry=None,
            **call_options(timeout_seconds),
        )
    except Conflict:
        if job_id is None:
            raise
        raise JobIdTaken(job_id) from None
    try:
        return list(job.result(job_retry=None, **call_options(timeout_seconds)))
    except Exception:
        if job.state != "DONE":
            with suppress(Exception):
                job.cancel(retry=None, timeout=CANCEL_SECONDS)
        raise


def reattach(
    client: "bigquery.Client", job_id: str, location: str | None, timeout_seconds: float
) -> "list[bigquery.Row] | None":
    """The rows of a job that was started before, once it has ended; None when it failed and so
    changed nothing. It is not cancelled: its caller may still wait for it.

    Raises the errors of `run`, and Forbidden for another account's job, which may not be read.
    """
    from google.api_core import exceptions, retry

    # A job whose id was just refused as taken can be unknown for a moment.
    retry_unknown = retry.Retry(
        predicate=retry.if_exception_type(exceptions.NotFound), timeout=timeout_seconds
    )
    # Loosely typed, as the client's stubs know no job_retry for jobs of any kind.
    job: Any = retry_unknown(client.get_job)(
        job_id, location=location, **call_options(timeout_seconds)
    )
    try:
        return list(job.result(job_retry=None, **call_options(timeout_seconds)))
    except exceptions.GoogleAPICallError:
        if job.done(**call_options(timeout_seconds)) and job.error_result:
            return None
        raise


def run_once(
    client: "bigquery.Client",
    query: str,
    config: Callable[[], "bigquery.QueryJobConfig"],
    timeout_seconds: float,
    *,
    job_id: str,
    location: str | None,
) -> "list[bigquery.Row]":
    """As `run`, but with the result of the job `job_id-N` if there is one, so that the same query
    is billed once however often a worker is lost; N counts jobs that failed or are unreadable."""
    from google.api_core.exceptions import Forbidden, NotFound

    attempt = 0
    while True:
        name = f"{job_id}-{attempt}"
        try:
            return run(client, query, config(), timeout_seconds, job_id=name, location=location)
        except JobIdTaken:
            # NotFound: results are deleted after a day.
            with suppress(Forbidden, NotFound):
                rows = reattach(client, name, location, timeout_seconds)
                if rows is not None:
                    return rows
        attempt += 1
