"""Data drift of the champion's predictions: the last window against its first days."""

from typing import Any

from pipeline.duel_steps.rows import utc_text
from pipeline.source import open_session, parse_time, table_path
from pipeline.watch_steps.columns import column_report
from pipeline.watch_steps.request_log import check_log_columns, log_batches, prediction_batches
from pipeline.watch_steps.sampling import draw


def predictions_report(
    client: Any,
    project: str,
    table: str,
    model: tuple[str, str],
    targets: list[str],
    reference_start: str,
    window: tuple[str, str],
    drift_rows: int,
    batch_size: int,
) -> dict[str, Any]:
    """The entry `predictions` of docs/reference/watch-job.md.

    `table` is the request log, or "" without one; `model` as of `log_batches`; `window` is the last
    one. Whatever is wrong with the log is its `reason`.
    """
    from google.api_core.exceptions import GoogleAPIError
    from pyarrow import ArrowException

    report: dict[str, Any] = {"reason": None, "reference_start": None, "reference_end": None}
    report |= {"unreadable": 0, "columns": []}
    if not table:
        return report | {"reason": "no request log is given"}
    try:
        table_path(table)
    except ValueError:
        return report | {"reason": f"{table!r} is no table: name request_log project.dataset.table"}
    if not reference_start:
        return report | {"reason": "it is not known since when the champion receives requests"}
    start, end = parse_time("window", window[0]), parse_time("window", window[1])
    first = parse_time("reference_start", reference_start)
    reference = utc_text(first), utc_text(first + (end - start))
    report["reference_start"], report["reference_end"] = reference
    if start == end:
        return report | {"reason": "the last window is empty"}
    if first + (end - start) > start:
        return report | {
            "reason": "the last window and the first days of the champion, as many, overlap: its "
            f"predictions can be compared with a window from {reference[1]} on"
        }
    try:
        _, schema = open_session(client, project, table)
        check_log_columns(schema, table)
        names = [f"{kind} {n}" for n in range(len(targets)) for kind in ("number", "text")]
        samples: list[dict[str, Any]] = []
        for begin, until in (reference, window):
            unreadable: list[int] = []
            rows = log_batches(client, project, table, model, begin, until, batch_size)
            batches = prediction_batches(rows, len(targets), unreadable)
            samples.append(draw(batches, names, drift_rows))
            report["unreadable"] += sum(unreadable)
    except (GoogleAPIError, ArrowException, ValueError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0][:300].rstrip(".")
        return report | {"reason": f"the request log {table} cannot be read: {cause}"}
    for number, target in enumerate(targets):
        kind = prediction_kind([one["table"] for one in samples], number)
        source = f"{'number' if kind == 'number' else 'text'} {number}"
        name = f"prediction.{target}"
        column = column_report(name, kind, *samples, source=source, reference="first")
        report["columns"].append(column)
    return report


def prediction_kind(tables: list[Any], number: int) -> str:
    """`number` or `category`: which of the two more predictions of this target are."""

    def known(kind: str) -> int:
        columns = [table[f"{kind} {number}"] for table in tables if table is not None]
        return sum(len(column) - column.null_count for column in columns)

    return "number" if known("number") >= known("text") else "category"
