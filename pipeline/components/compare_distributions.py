"""The watch job's step that compares the newest rows and predictions with earlier ones."""

from typing import Any

from kfp import dsl

from pipeline import source
from pipeline.component import component
from pipeline.duel_steps import keys as duel_keys
from pipeline.duel_steps import rows as duel_rows
from pipeline.duel_steps.rows import duel_window, utc_text, window_batches
from pipeline.duel_steps.sample import days_of
from pipeline.source import check_column_names, open_session, parse_time, storage_client
from pipeline.watch_steps import columns as drift_columns_module
from pipeline.watch_steps import distributions, sampling
from pipeline.watch_steps import predictions as predictions_module
from pipeline.watch_steps import request_log as log_module
from pipeline.watch_steps.columns import column_report, drift_kinds, shortened, typed_columns
from pipeline.watch_steps.predictions import predictions_report
from pipeline.watch_steps.sampling import draw


@component(
    bundle=(
        *(source, duel_rows, duel_keys, days_of, sampling, distributions),
        *(drift_columns_module, log_module, predictions_module),
    )
)
def compare_distributions(
    project: str,
    source_table: str,
    timestamp_column: str,
    target_columns: list[str],
    champion_data_interval_start: str,
    champion_data_interval_end: str,
    window_start: str,
    labels_until: str,
    drift_until: str,
    batch_size: int,
    drift_columns: list[str],
    drift_rows: int,
    request_log: str,
    endpoint: str,
    deployed_model_id: str,
    reference_start: str,
    report: dsl.Output[dsl.Artifact],
) -> None:
    """Write the data drift of docs/reference/watch-job.md as JSON, and, shortened if it is large,
    to the report's metadata.

    Raises ValueError, in one sentence, for a parameter that cannot be used, but for no value of a
    row and no state of the request log.
    """
    import json
    import re
    from pathlib import Path

    if drift_rows < 2:
        raise ValueError(f"drift_rows is {drift_rows}: give the number of rows, at least 2.")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}: give the number of rows, at least 1.")
    begin = parse_time("champion_data_interval_start", champion_data_interval_start)
    end = parse_time("champion_data_interval_end", champion_data_interval_end)
    # Without columns the training window is not read, and its start need not be known.
    if drift_columns and begin >= end:
        raise ValueError(
            f"champion_data_interval_end {champion_data_interval_end} is not after "
            f"champion_data_interval_start {champion_data_interval_start}: correct the interval."
        )
    parse_time("labels_until", labels_until)
    until = drift_until or labels_until
    recent = duel_window(champion_data_interval_end, "", until, window_start)
    training = utc_text(begin), utc_text(end)
    model = endpoint.rpartition("/")[2], deployed_model_id
    if request_log and not all(re.fullmatch(r"[\w-]{1,128}", part, re.ASCII) for part in model):
        raise ValueError(
            f"endpoint is {endpoint!r} and deployed_model_id {deployed_model_id!r}: give the ids "
            "of the champion's endpoint and deployed model, whose requests are in request_log."
        )
    client = storage_client()
    found: dict[str, Any] = {
        "training_start": training[0],
        "training_end": training[1],
        "recent_start": recent[0],
        "recent_end": recent[1],
        "rows_training": None,
        "rows_recent": None,
        "drift_rows": drift_rows,
        "columns": [],
    }
    names = list(dict.fromkeys(drift_columns))
    if names:
        check_column_names([timestamp_column, *names])
        _, schema = open_session(client, project, source_table)
        kinds = drift_kinds(schema, source_table, timestamp_column, names)
        both = []
        for window in (training, recent):
            batches = window_batches(
                client, project, source_table, [timestamp_column, *names], *window, batch_size
            )
            both.append(draw(typed_columns(batches, kinds), names, drift_rows))
        found["rows_training"], found["rows_recent"] = (one["total"] for one in both)
        found["columns"] = [column_report(name, kind, *both) for name, kind in kinds.items()]
    found["predictions"] = predictions_report(
        *(client, project, request_log, model, target_columns),
        *(reference_start, recent, drift_rows, batch_size),
    )
    Path(report.path).write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    report.metadata["data_drift"] = shortened(found, 150_000)
