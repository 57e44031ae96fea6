"""The watch job: the champion alone on new labelled rows, and data drift."""

from kfp import dsl

from pipeline.components.compare_distributions import compare_distributions
from pipeline.components.measure import measure
from pipeline.components.read_rows import read_rows
from pipeline.components.score import score


@dsl.pipeline(
    name="watch",
    description="The champion on new labelled rows, and data drift",
)
def watch(
    project: str,
    location: str,
    source_table: str,
    timestamp_column: str,
    feature_columns: list[str],
    target_columns: list[str],
    primary_target: str,
    loss: str,
    champion_uri: str,
    champion_sha256: str,
    champion_data_interval_start: str,
    champion_data_interval_end: str,
    window_start: str,
    labels_until: str,
    artifact_root: str,
    drift_columns: list[str],
    batch_size: int = 10_000,
    cluster_column: str = "",
    max_rows_per_day: int = 0,
    drift_until: str = "",
    drift_rows: int = 20_000,
    request_log: str = "",
    endpoint: str = "",
    deployed_model_id: str = "",
    reference_start: str = "",
) -> None:
    """Parameters, tasks and outputs are those of docs/reference/watch-job.md."""
    rows = read_rows(
        project=project,
        source_table=source_table,
        timestamp_column=timestamp_column,
        feature_columns=feature_columns,
        target_columns=target_columns,
        primary_target=primary_target,
        loss=loss,
        champion_data_interval_end=champion_data_interval_end,
        window_start=window_start,
        labels_until=labels_until,
        batch_size=batch_size,
        cluster_column=cluster_column,
        max_rows_per_day=max_rows_per_day,
    )
    rows.set_caching_options(False)  # new labels of the same window may have arrived
    scored = score(
        rows=rows.outputs["rows"],
        role="champion",
        uri=champion_uri,
        sha256=champion_sha256,
        artifact_root=artifact_root,
        feature_columns=feature_columns,
        target_columns=target_columns,
        loss=loss,
    )
    scored.set_display_name("score-champion")  # by which the image of the version is set
    measure(
        rows=rows.outputs["rows"],
        champion=scored.outputs["predictions"],
        timestamp_column=timestamp_column,
        target_columns=target_columns,
        primary_target=primary_target,
        loss=loss,
        champion_uri=champion_uri,
        champion_sha256=champion_sha256,
    )
    drift = compare_distributions(
        project=project,
        source_table=source_table,
        timestamp_column=timestamp_column,
        target_columns=target_columns,
        champion_data_interval_start=champion_data_interval_start,
        champion_data_interval_end=champion_data_interval_end,
        window_start=window_start,
        labels_until=labels_until,
        drift_until=drift_until,
        batch_size=batch_size,
        drift_columns=drift_columns,
        drift_rows=drift_rows,
        request_log=request_log,
        endpoint=endpoint,
        deployed_model_id=deployed_model_id,
        reference_start=reference_start,
    )
    drift.set_caching_options(False)  # rows and requests of the same window may have arrived
