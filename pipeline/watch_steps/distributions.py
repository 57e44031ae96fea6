"""How much two samples of one column differ: formulas and sources in docs/reference/watch-job.md.

Counts are those of bins, or of categories, of which the last is missing values.
"""

from typing import Any


def bin_edges_of(training: Any) -> Any:
    """At most 9 edges of bins of equal parts of the finite numbers `training` (1-d); a bin excludes
    its lower edge and includes its upper one.

    A value that is several of the edges, so at least a tenth of the numbers, has a bin of its own.
    """
    import numpy as np

    if not len(training):
        return np.empty(0)
    quantiles = np.quantile(training, np.arange(1, 10) / 10, method="inverted_cdf")
    edges, counts = np.unique(quantiles, return_counts=True)
    below = np.nextafter(edges[counts > 1], -np.inf)
    return np.unique(np.concatenate([edges, below[np.isfinite(below)]]))


def number_counts(values: Any, edges: Any) -> Any:
    """The number of values (1-d floats) in each bin; the last is that of NaN and infinity."""
    import numpy as np

    finite = values[np.isfinite(values)]
    counts = np.bincount(np.searchsorted(edges, finite, side="left"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(finite))


def category_counts(values: list[str | None], names: list[str]) -> Any:
    """The number of values with each of these names; then of others, and of None."""
    from collections import Counter

    import numpy as np

    counts = Counter(values)
    missing = counts.pop(None, 0)
    known = [counts.pop(name, 0) for name in names]
    return np.array([*known, sum(counts.values()), missing])


def frequent_names(values: list[str | None]) -> list[str]:
    """The 20 most frequent values, in that order, and of equal frequency in that of the alphabet;
    without None."""
    from collections import Counter

    counts = Counter(value for value in values if value is not None)
    return sorted(counts, key=lambda name: (-counts[name], name))[:20]


def stability_index(training: Any, recent: Any) -> tuple[float, float]:
    """The population stability index of two counts, neither all zero, and its expectation if both
    are samples of one distribution. An empty bin of one counts as a part of 0.0001."""
    import numpy as np

    used = (training + recent) > 0
    one, other = (np.maximum(counts[used] / counts.sum(), 0.0001) for counts in (training, recent))
    index = float(((other - one) * np.log(other / one)).sum())
    return index, float((used.sum() - 1) * (1 / training.sum() + 1 / recent.sum()))


def kolmogorov_smirnov(training: Any, recent: Any) -> tuple[float, float]:
    """The two-sample statistic of finite numbers (1-d, not empty), and its asymptotic p-value."""
    import numpy as np
    from scipy.special import kolmogorov

    one, other = np.sort(training), np.sort(recent)
    both = np.concatenate([one, other])
    below = (np.searchsorted(values, both, side="right") / len(values) for values in (one, other))
    distance = float(np.abs(np.subtract(*below)).max())
    size = len(one) * len(other) / (len(one) + len(other))
    return distance, float(kolmogorov(np.sqrt(size) * distance))


def homogeneity(training: Any, recent: Any) -> tuple[float, float | None]:
    """The total variation distance of two counts, neither all zero, and the p-value of Pearson's
    chi-square test of homogeneity; None if there is one category only."""
    import numpy as np
    from scipy.special import chdtrc

    used = (training + recent) > 0
    table = np.array([training[used], recent[used]], float)
    parts = table / table.sum(axis=1, keepdims=True)
    distance = float(np.abs(parts[0] - parts[1]).sum() / 2)
    if table.shape[1] < 2:
        return distance, None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    square = float(((table - expected) ** 2 / expected).sum())
    return distance, float(chdtrc(table.shape[1] - 1, square))
