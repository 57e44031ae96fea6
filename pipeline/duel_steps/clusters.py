"""Sums by cluster: the losses of all rows of a cluster, which count as one.

Rows of a cluster come in any batch, so one sum for each cluster is held until the end.
"""

from typing import Any


def new_sums() -> dict[str, Any]:
    """Sums of no rows yet: `parts` are results of `sum_by_key`, the first of which was merged."""
    return {"parts": [], "waiting": 0}


def add_to_sums(sums: dict[str, Any], keys: Any, times: Any, values: Any) -> None:
    """Add rows, with their key (uint64), time (microseconds since 1970) and values (rows x any)."""
    import numpy as np

    if not len(keys):
        return
    ones = np.ones((len(keys), 1))
    sums["parts"].append(sum_by_key(keys, times, np.column_stack([ones, values])))
    sums["waiting"] += len(sums["parts"][-1][0])
    # Merged when the new parts are as large as the merged one: each sum is moved a few times only.
    if sums["waiting"] >= len(sums["parts"][0][0]):
        merge_sums(sums)


def merge_sums(sums: dict[str, Any]) -> None:
    """Make one part of all."""
    import numpy as np

    if len(sums["parts"]) > 1:
        sums["parts"] = [sum_by_key(*map(np.concatenate, zip(*sums["parts"], strict=True)))]
    sums["waiting"] = 0


def cluster_means(sums: dict[str, Any], width: int) -> tuple[Any, Any]:
    """By cluster, in the order of keys: the time of its newest row, and the means of its `width`
    values."""
    import numpy as np

    merge_sums(sums)
    if not sums["parts"]:
        return np.empty(0, np.int64), np.empty((0, width))
    ((_, newest, totals),) = sums["parts"]
    return newest, totals[:, 1:] / totals[:, :1]


def sum_by_key(keys: Any, times: Any, values: Any) -> tuple[Any, Any, Any]:
    """The distinct keys, sorted, and of each the newest time and the sum of its values."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    newest = np.maximum.reduceat(times[order], starts)
    return keys[starts], newest, np.add.reduceat(values[order], starts, axis=0)
