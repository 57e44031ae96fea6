"""A duel of two models on all rows of a table, and one of the models scored by hand."""

from pathlib import Path
from typing import Any

from tests.bench.alternatives.our_way import FEATURES, TARGETS


def duel(given: dict[str, Any], path: str) -> dict[str, float]:
    """How many rows were scored, and the losses of both."""
    from kfp import dsl

    from pipeline.components.compare import compare

    report = dsl.HTML(uri=path)
    compare.python_func(**given, report=report)
    found = report.metadata["evidence"]
    return {name: found[name] for name in ("n", "champion_loss", "challenger_loss")}


def alone(given: dict[str, Any], role: str) -> dict[str, float]:
    """The same of one model: all rows into a data frame, predictions, the mean absolute error."""
    import io

    import joblib
    import numpy as np
    import pandas as pd
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.bigquery_storage import DataFormat, ReadSession
    from google.cloud.storage import Blob, Client

    from pipeline.components.create_dataset import storage_client

    project, dataset, table = given["source_table"].split(".")
    uri = f"{given[f'{role}_uri']}/{Path('model.joblib')}"
    blob = Blob.from_uri(uri, client=Client(project, AnonymousCredentials()))
    model = joblib.load(io.BytesIO(blob.download_as_bytes()))
    reader = storage_client()
    session = reader.create_read_session(
        parent=f"projects/{project}",
        read_session=ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{table}",
            data_format=DataFormat.ARROW,
            read_options={"selected_fields": [*FEATURES, *TARGETS]},
        ),
        max_stream_count=1,
    )
    frame = pd.concat(reader.read_rows(s.name).to_dataframe(session) for s in session.streams)
    off = np.abs(model.predict(frame[FEATURES].to_numpy()) - frame[TARGETS].to_numpy())
    return {"n": len(frame), "loss": float(off.mean(axis=0)[0])}
