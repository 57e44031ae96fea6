"""The duel: champion and challenger on the same labelled rows that neither was trained on."""

from kfp import dsl

from pipeline.components.compare import compare
from pipeline.components.read_rows import read_rows
from pipeline.components.score import score


@dsl.pipeline(
    name="duel",
    description="Champion and challenger on the same labelled rows",
)
def duel(
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
    champion_data_interval_end: str,
    challenger_uri: str,
    challenger_sha256: str,
    challenger_data_interval_end: str,
    labels_until: str,
    artifact_root: str,
    batch_size: int = 10_000,
    cluster_column: str = "",
    max_rows_per_day: int = 0,
) -> None:
    """Parameters, tasks and outputs are those of docs/reference/duel.md."""
    rows = read_rows(
        project=project,
        source_table=source_table,
        timestamp_column=timestamp_column,
        feature_columns=feature_columns,
        target_columns=target_columns,
        primary_target=primary_target,
        loss=loss,
        champion_data_interval_end=champion_data_interval_end,
        challenger_data_interval_end=challenger_data_interval_end,
        labels_until=labels_until,
        batch_size=batch_size,
        cluster_column=cluster_column,
        max_rows_per_day=max_rows_per_day,
    )
    rows.set_caching_options(False)  # new labels of the same window may have arrived
    predictions = {}
    for role, uri, sha256 in (
        ("champion", champion_uri, champion_sha256),
        ("challenger", challenger_uri, challenger_sha256),
    ):
        scored = score(
            rows=rows.outputs["rows"],
            role=role,
            uri=uri,
            sha256=sha256,
            artifact_root=artifact_root,
            feature_columns=feature_columns,
            target_columns=target_columns,
            loss=loss,
        )
        scored.set_display_name(f"score-{role}")  # by which the image of the version is set
        predictions[role] = scored.outputs["predictions"]
    compare(
        rows=rows.outputs["rows"],
        champion=predictions["champion"],
        challenger=predictions["challenger"],
        timestamp_column=timestamp_column,
        target_columns=target_columns,
        primary_target=primary_target,
        loss=loss,
        champion_uri=champion_uri,
        champion_sha256=champion_sha256,
        challenger_uri=challenger_uri,
        challenger_sha256=challenger_sha256,
    )
