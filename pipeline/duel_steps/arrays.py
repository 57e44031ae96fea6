"""From an Arrow batch to the arrays that models and losses take."""

from typing import Any


def arrays(
    batch: Any, timestamp: str, features: list[str], targets: list[str], loss: str
) -> tuple[Any, Any, Any]:
    """Times (int64 microseconds since 1970), features and labels (rows x columns) of a batch.

    Null becomes NaN, among a classifier's labels None; so do NaN and infinite labels, for they
    tell no more.
    """
    import numpy as np
    import pyarrow as pa

    def floats(names: list[str]) -> Any:
        cast = [batch[name].cast(pa.float64(), safe=False) for name in names]
        return np.column_stack([one.to_numpy(zero_copy_only=False) for one in cast])

    times = batch[timestamp].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    if loss in ("absolute", "squared"):
        labels = floats(targets)
        return times, floats(features), np.where(np.isfinite(labels), labels, np.nan)
    labels = np.empty((batch.num_rows, len(targets)), object)
    for column, name in enumerate(targets):
        kind = batch[name].type
        numeric = not (pa.types.is_string(kind) or pa.types.is_boolean(kind))
        values = batch[name].cast(pa.float64(), safe=False) if numeric else batch[name]
        labels[:, column] = [
            None if value is None or (numeric and not np.isfinite(value)) else value
            for value in values.to_pylist()
        ]
    return times, floats(features), labels


def present(labels: Any) -> Any:
    """Where (rows x targets, bool) there is a label."""
    import numpy as np

    if labels.dtype != object:
        return ~np.isnan(labels)
    return np.array([one is not None for one in labels.flat], bool).reshape(labels.shape)
