"""Two models on the same rows: by the steps of the duel, and each alone by hand."""

from typing import Any

FEATURES = ["weight_kg", "waist_cm", "pulse_bpm"]
TARGETS = ["chins", "situps", "jumps"]


def step(
    source: str, function: str, given: dict[str, Any], files: dict[str, tuple[str, Any]]
) -> dict[str, Any]:
    """A compiled step; the metadata of its artifacts. `given` are its parameters, `files` the path
    and metadata of each artifact."""
    from kfp import dsl

    artifacts = {
        key: (dsl.Metrics if key == "metrics" else dsl.Dataset)(uri=uri, metadata=about)
        for key, (uri, about) in files.items()
    }
    compiled_function(source, function)(**given, **artifacts)
    return {key: one.metadata for key, one in artifacts.items()}


def compiled_function(source: str, function: str) -> Any:
    """The function of a compiled step."""
    names: dict[str, Any] = {}
    exec(compile(source, function, "exec", dont_inherit=True), names)
    return names[function]


def steps(calls: list[tuple[str, str, dict[str, Any], dict[str, str]]]) -> dict[str, Any]:
    """Compiled steps, one after the other; the metadata of their artifacts, by path. A call is
    source, function, parameters, and the path of each artifact."""
    known: dict[str, Any] = {}
    for source, function, given, paths in calls:
        files = {key: (path, known.get(path, {})) for key, path in paths.items()}
        found = step(source, function, given, files)
        known |= {paths[key]: about for key, about in found.items()}
    return known


def alone(project: str, table: str, start: str, end: str, model: str) -> dict[str, float]:
    """One model's loss by a handwritten script: rows, predictions, mean."""
    import joblib
    import numpy as np
    import pyarrow as pa
    from google.cloud.bigquery_storage import DataFormat, ReadSession

    from pipeline.source import storage_client, table_path, window_filter

    client, estimator = storage_client(), joblib.load(model)
    session = client.create_read_session(
        parent=f"projects/{project}",
        read_session=ReadSession(
            table=table_path(table),
            data_format=DataFormat.ARROW,
            read_options={
                "selected_fields": [*FEATURES, *TARGETS],
                "row_restriction": window_filter("measured_at", start, end),
            },
        ),
        max_stream_count=1,
    )
    schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
    rows, total = 0, np.zeros(len(TARGETS))
    for message in client.read_rows(session.streams[0].name):
        raw = pa.py_buffer(message.arrow_record_batch.serialized_record_batch)
        batch = pa.ipc.read_record_batch(raw, schema)
        features, labels = (
            np.column_stack([batch[name].to_numpy() for name in names])
            for names in (FEATURES, TARGETS)
        )
        total += np.abs(estimator.predict(features) - labels).sum(axis=0)
        rows += batch.num_rows
    return {"n": rows, "loss": total[0] / rows}
