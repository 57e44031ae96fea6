"""Histograms: many fixed bins while rows come in, few even ones in the chart."""

from typing import Any


def bin_edges() -> Any:
    """4002 edges, whatever the data: 2 % apart, from 1e-7 to 1.6e10, and likewise below zero.

    Fixed edges make the histogram independent of the batches; what is beyond goes to the ends.
    """
    import numpy as np

    above = 1e-7 * 1.02 ** np.arange(2001)
    return np.concatenate([-above[::-1], above])


def bin_counts(values: Any) -> Any:
    """How many of `values` (1-d; NaN is left out) lie between each two of the edges."""
    import numpy as np

    edges = bin_edges()
    kept = np.clip(values[~np.isnan(values)], edges[0], edges[-1])
    places = np.clip(np.searchsorted(edges, kept, side="right") - 1, 0, len(edges) - 2)
    return np.bincount(places, minlength=len(edges) - 1)


def bars(counts: dict[str, Any], low: float | None, high: float | None) -> tuple[Any, Any]:
    """40 even bins: their 41 edges, and by role the share of its values in each.

    Without `low` and `high`: from the 0.5th to the 99.5th percentile of all together, so that a
    few wild values do not press the rest into one bin. Within a fine bin values count as even.
    """
    import numpy as np

    edges = bin_edges()

    def below(count: Any) -> Any:
        return np.concatenate([[0.0], np.cumsum(count)]) / max(1, count.sum())

    if low is None or high is None:
        together = below(sum(counts.values()))
        # The last edge with no more, the first with no less: np.interp wants increasing numbers.
        low = edges[max(0, np.searchsorted(together, 0.005, side="right") - 1)]
        high = edges[min(len(edges) - 1, np.searchsorted(together, 0.995, side="left"))]
    even = np.linspace(low, high, 41)
    return even, {role: np.diff(np.interp(even, edges, below(c))) for role, c in counts.items()}
