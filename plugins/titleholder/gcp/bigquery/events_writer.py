"""Writes each event exactly once, however many callers write it and however often.

BigQuery has no unique keys, and MERGE alone is not enough: two that run at once both find no row
and both insert, without a conflict. But a job's id is unique. The first MERGE for an event is the
job `...-0`; a later caller is refused this id, waits for the end of that job and reads the row.
Only if the row is missing does it submit job `...-1`. So the MERGEs for one event never run at
once, and each sees the result of the one before.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from titleholder.events.event import Event
from titleholder.gcp.bigquery.events_schema import ensure_table
from titleholder.gcp.bigquery.events_sql import MAX_TIME_DIFFERENCE, Statements
from titleholder.gcp.bigquery.query_job import JobIdTaken
from titleholder.gcp.errors import ErrorKind, classify_error

# Reads of the table while another account's job, which may not be read, may still run.
MAX_POLLS = 6


def write_once(statements: Statements, event: Event, pause: Callable[[float], None]) -> str:
    """Write the event; create or extend the table only when that fails. Returns the table's
    location. Raises the errors of Statements and ensure_table."""
    from google.api_core.exceptions import GoogleAPICallError

    attempt, ensured = 0, False
    while True:
        try:
            if _written(statements, event, attempt, pause):
                return statements.location
            attempt += 1
        except GoogleAPICallError as error:
            if ensured or classify_error(error) is not ErrorKind.INVALID:
                raise
            location, ensured = ensure_table(statements), True
            # Another location has other jobs.
            attempt = attempt + 1 if location == statements.location else 0
            statements = replace(statements, location=location)


def _written(
    statements: Statements, event: Event, attempt: int, pause: Callable[[float], None]
) -> bool:
    """Whether the row has `event` after this attempt, by this caller or another."""
    table = hashlib.sha256(f"{statements.table} {statements.location}".encode()).hexdigest()[:12]
    job_id = f"titleholder-event-{table}-{event.id}-{attempt}"
    try:
        statements.merge(event, job_id)
        return True
    except JobIdTaken:
        outcome = statements.wait_for_job(job_id)
    if outcome is not None:
        return outcome and _is_written(statements, event)
    for _ in range(MAX_POLLS):
        if _is_written(statements, event):
            return True
        pause(statements.timeout_seconds / MAX_POLLS)
    return _is_written(statements, event)


def _is_written(statements: Statements, event: Event) -> bool:
    rows = statements.select(
        "reconstructed",
        "id = @id AND time BETWEEN @earliest AND @latest",
        id=("STRING", event.id),
        earliest=("TIMESTAMP", event.time - MAX_TIME_DIFFERENCE),
        latest=("TIMESTAMP", event.time + MAX_TIME_DIFFERENCE),
    )
    return any(event.reconstructed or not row["reconstructed"] for row in rows)
