from pathlib import Path

import joblib
import numpy as np
import pyarrow.parquet as pq
import sklearn
from kfp import dsl

from model_server.artifact import artifact_digest
from sandbox.example.linnerud import FEATURES, TARGETS
from tests.pipeline.conftest import train_on

Trained = tuple[dsl.Model, dsl.Dataset]


def test_the_same_rows_in_another_order_give_the_same_model(
    week: dsl.Dataset, tmp_path: Path
) -> None:
    rows = pq.read_table(week.path).slice(0, 60)
    shuffled = rows.take(np.random.default_rng(1).permutation(rows.num_rows))
    results = []
    for name, table in (("sorted", rows), ("shuffled", shuffled)):
        dataset = dsl.Dataset(uri=str(tmp_path / name))
        pq.write_table(table, dataset.path)
        model, held_out = train_on(dataset, tmp_path)
        digest = artifact_digest(Path(model.path))
        results.append((model.metadata, digest, pq.read_table(held_out.path)))
    assert results[0] == results[1]


def test_every_fifth_row_is_held_out(week: dsl.Dataset, trained: Trained) -> None:
    held_out = pq.read_table(trained[1].path)
    assert held_out.num_rows == 400
    assert held_out.schema == pq.read_schema(week.path)


def test_the_model_predicts_from_lists_in_the_order_of_its_columns(trained: Trained) -> None:
    model = joblib.load(Path(trained[0].path, "model.joblib"))
    ((chins, situps, jumps),) = model.predict([[86.6, 91.4, 50]]).tolist()
    # The person with these values in Linnerud did 5, 162 and 60.
    assert 3 < chins < 8
    assert 130 < situps < 180
    assert 45 < jumps < 80


def test_the_metadata_describes_the_model(trained: Trained) -> None:
    model = trained[0]
    assert model.metadata["activation"] in ("tanh", "relu")
    assert model.metadata == {
        "activation": model.metadata["activation"],
        "alpha": model.metadata["alpha"],
        "framework": "scikit-learn",
        "framework_version": sklearn.__version__,
        "feature_columns": list(FEATURES),
        "target_columns": list(TARGETS),
    }
