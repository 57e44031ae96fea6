"""From the book's fine fixed bins to the few even ones that a chart shows."""

from typing import Any

from pipeline.duelling.book import bin_edges


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
