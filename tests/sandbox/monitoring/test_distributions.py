"""Histograms: sums, percentiles and messages."""

from statistics import fmean, pvariance
from typing import Any

import pytest
from google.api.distribution_pb2 import Distribution as Message
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.monitoring.distributions import (
    Options,
    bounds,
    from_message,
    merged,
    of_values,
    percentile,
    to_message,
)
from sandbox.monitoring.errors import InvalidArgument

OPTIONS: list[Options] = [
    ("linear", 10, 10.0, 0.0),
    ("exponential", 8, 2.0, 1.0),
    ("explicit", 1.0, 20.0, 50.0, 99.0),
]
VALUES = st.lists(st.floats(0, 100), min_size=1, max_size=30)


@given(first=VALUES, second=VALUES, options=st.sampled_from(OPTIONS))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_a_sum_is_the_histogram_of_all_values(
    first: list[float], second: list[float], options: Options
) -> None:
    total = merged([of_values(first, options), of_values(second, options)])
    whole = of_values(first + second, options)
    assert (total.count, total.counts) == (whole.count, whole.counts)
    assert total.mean == pytest.approx(fmean(first + second))
    assert total.deviation == pytest.approx(
        pvariance(first + second) * whole.count, rel=1e-6, abs=1e-6
    )
    assert from_message(to_message(total)) == total
    limits = [-float("inf"), *bounds(options), float("inf")]
    ordered = sorted(first + second)
    for percent in (5, 50, 95, 99):
        exact = ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100) - 1))]
        bucket = next(i for i, low in enumerate(limits) if low <= exact < limits[i + 1])
        low, high = limits[bucket], limits[bucket + 1]
        found = percentile(total, percent)
        assert max(low, limits[1]) <= found <= min(high, limits[-2]) or found in limits


def test_percentiles_of_evenly_spread_values() -> None:
    spread = of_values([n / 10 for n in range(1000)], OPTIONS[0])
    for percent in (5, 50, 95, 99):
        assert percentile(spread, percent) == pytest.approx(percent)


def test_other_buckets_cannot_be_added() -> None:
    with pytest.raises(InvalidArgument, match="other buckets"):
        merged([of_values([1], options) for options in OPTIONS])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"count": 1, "bucketOptions": {"explicitBuckets": {"bounds": [1]}}},
        {"count": 1, "bucketOptions": {"explicitBuckets": {"bounds": []}}, "bucketCounts": [1]},
        {"bucketOptions": {"explicitBuckets": {"bounds": [2, 1]}}},
        {"bucketOptions": {"explicitBuckets": {"bounds": [1, "NaN"]}}},
        {"bucketOptions": {"explicitBuckets": {"bounds": [1]}}, "mean": 1},
        {"bucketOptions": {"explicitBuckets": {"bounds": [1]}}, "bucketCounts": [0, 0, 0]},
        {"bucketOptions": {"explicitBuckets": {"bounds": [1]}}, "bucketCounts": [1, -1]},
        {"bucketOptions": {"linearBuckets": {"numFiniteBuckets": 3, "width": 0}}},
        {"bucketOptions": {"linearBuckets": {"numFiniteBuckets": 2147483647, "width": 1}}},
        {"bucketOptions": {"linearBuckets": {"numFiniteBuckets": 3, "width": "Infinity"}}},
        {
            "bucketOptions": {
                "exponentialBuckets": {"numFiniteBuckets": 3, "growthFactor": 1, "scale": 1}
            }
        },
        {
            "bucketOptions": {
                "exponentialBuckets": {"numFiniteBuckets": 200, "growthFactor": 1e5, "scale": 1}
            }
        },
    ],
)
def test_invalid_messages(fields: dict[str, Any]) -> None:
    message = json_format.ParseDict(fields, Message())
    with pytest.raises(InvalidArgument, match="Invalid distributionValue"):
        from_message(message)
