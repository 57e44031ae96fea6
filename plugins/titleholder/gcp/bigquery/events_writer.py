"""Each event is in the table once, whoever writes it and however often.

BigQuery has no unique keys, and a MERGE alone does not do: two that run at once both find nothing
and both insert, without a conflict. But a job's id is unique. The first MERGE for an event is the
job `...-0`; whoever comes during or after it is told that the id is taken, waits for its end and
looks for the row; only when that is not there is he the job `...-1`. So the MERGEs for one event
never run at once, and each sees what the one before it left.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from titleholder.events.event import Event
from titleholder.gcp.bigquery.client import ErrorKind, classify_error
from titleholder.gcp.bigquery.events_schema import ensure_table
from titleholder.gcp.bigquery.events_sql import MAX_TIME_DIFFERENCE, Statements
from titleholder.gcp.bigquery.query_job import JobIdTaken

# Looks at the table while another account's job, which may not be looked at, is given its time.
MAX_POLLS = 6


def write_once(statements: Statements, event: Event, pause: Callable[[float], None]) -> str:
    """Write the event; make or mend the table only when that fails. Returns where the table is.

    Raises what Statements and make_ready raise.
    """
    from google.api_core.exceptions import GoogleAPICallError

    attempt, mended = 0, False
    while True:
        try:
            if _written(statements, event, attempt, pause):
                return statements.location
            attempt += 1
        except GoogleAPICallError as error:
            if mended or classify_error(error) is not ErrorKind.INVALID:
                raise
            place, mended = ensure_table(statements), True
            # Another place has other jobs.
            attempt = attempt + 1 if place == statements.location else 0
            statements = replace(statements, location=place)


def _written(
    statements: Statements, event: Event, attempt: int, pause: Callable[[float], None]
) -> bool:
    """Whether the row is as `event` wants it after this attempt, ours or another's."""
    table = hashlib.sha256(f"{statements.table} {statements.location}".encode()).hexdigest()[:12]
    job_id = f"titleholder-event-{table}-{event.id}-{attempt}"
    try:
        statements.merge(event, job_id)
        return True
    except JobIdTaken:
        outcome = statements.outcome(job_id)
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
