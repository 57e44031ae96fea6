"""Histograms: google/api/distribution.proto, their sums and percentiles. No I/O."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import inf, log
from typing import Any, Final

from google.api import distribution_pb2

from sandbox.monitoring.errors import InvalidArgument

Options = tuple[Any, ...]
"""("linear", finite buckets, width, offset), ("exponential", finite buckets, growth, scale), or
("explicit", *bounds)."""
_MOST_BUCKETS: Final = 200
_LARGEST: Final = 700.0  # the logarithm of the largest float is 709


@dataclass(frozen=True)
class Distribution:
    """`count` values with their `mean` and the sum of their squared `deviation` from it; `counts`
    has one number for each bucket, from the underflow to the overflow."""

    count: int
    mean: float
    deviation: float
    options: Options
    counts: tuple[int, ...]


@lru_cache(1000)
def bounds(options: Options) -> tuple[float, ...]:
    """The bounds between the buckets, ascending: one fewer than there are buckets."""
    kind, *numbers = options
    if kind == "linear":
        number, width, offset = numbers
        return tuple(offset + width * i for i in range(int(number) + 1))
    if kind == "exponential":
        number, growth, scale = numbers
        return tuple(scale * growth**i for i in range(int(number) + 1))
    return tuple(numbers)


def of_values(values: Iterable[float], options: Options) -> Distribution:
    """The histogram of some values."""
    found = list(values)
    counts = [0] * (len(bounds(options)) + 1)
    for value in found:
        counts[bisect_right(bounds(options), value)] += 1
    mean = sum(found) / len(found) if found else 0.0
    deviation = sum((value - mean) ** 2 for value in found)
    return Distribution(len(found), mean, deviation, options, tuple(counts))


def merged(parts: Sequence[Distribution]) -> Distribution:
    """The histogram of the values of all parts; raises InvalidArgument for other buckets."""
    total = parts[0]
    for part in parts[1:]:
        if part.options != total.options:
            raise InvalidArgument(
                "The distributions have other buckets and cannot be added; choose series with the "
                "same ones by the filter."
            )
        count = total.count + part.count
        difference = part.mean - total.mean
        share = part.count / count if count else 0.0
        total = Distribution(
            count,
            total.mean + difference * share,
            total.deviation + part.deviation + difference**2 * total.count * share,
            total.options,
            tuple(a + b for a, b in zip(total.counts, part.counts, strict=True)),
        )
    return total


def percentile(one: Distribution, percent: float) -> float:
    """The value below which `percent` of the values are, evenly spread within their bucket.

    A value in the first or last bucket counts as its only bound; 0 without any values.
    """
    limits = bounds(one.options)
    rank, below = one.count * percent / 100, 0
    for index, count in enumerate(one.counts):
        if count and below + count >= rank:
            low = limits[index - 1] if index else limits[0]
            high = limits[index] if index < len(limits) else limits[-1]
            return low + (high - low) * (rank - below) / count
        below += count
    return 0.0


def from_message(message: distribution_pb2.Distribution) -> Distribution:
    """The histogram of a message; raises InvalidArgument for one that breaks a documented rule."""
    options = _options(message.bucket_options)
    limits = bounds(options)
    counts = list(message.bucket_counts)
    if len(counts) > len(limits) + 1 or min(counts, default=0) < 0 or message.count < 0:
        raise _invalid("bucketCounts has negative numbers, or more than there are buckets")
    if sum(counts) != message.count:
        raise _invalid("the sum of bucketCounts is not count")
    if not message.count and (message.mean or message.sum_of_squared_deviation):
        raise _invalid("mean and sumOfSquaredDeviation must be 0 if count is")
    if message.sum_of_squared_deviation < 0:
        raise _invalid("sumOfSquaredDeviation is negative")
    counts += [0] * (len(limits) + 1 - len(counts))
    return Distribution(
        message.count, message.mean, message.sum_of_squared_deviation, options, tuple(counts)
    )


def to_message(one: Distribution) -> distribution_pb2.Distribution:
    """The message of a histogram, without the empty buckets at its end."""
    message = distribution_pb2.Distribution(
        count=one.count, mean=one.mean, sum_of_squared_deviation=one.deviation
    )
    kind, *numbers = one.options
    options = message.bucket_options
    if kind == "linear":
        buckets = options.linear_buckets
        buckets.num_finite_buckets, buckets.width, buckets.offset = numbers
    elif kind == "exponential":
        growing = options.exponential_buckets
        growing.num_finite_buckets, growing.growth_factor, growing.scale = numbers
    else:
        options.explicit_buckets.bounds.extend(numbers)
    last = max((index for index, count in enumerate(one.counts) if count), default=-1)
    message.bucket_counts.extend(one.counts[: last + 1])
    return message


def _options(message: distribution_pb2.Distribution.BucketOptions) -> Options:
    kind = message.WhichOneof("options")
    number = 1
    if kind == "linear_buckets":
        linear = message.linear_buckets
        number, width = linear.num_finite_buckets, linear.width
        valid = 0 < width < inf and abs(linear.offset) < inf
        options: Options = ("linear", number, width, linear.offset)
    elif kind == "exponential_buckets":
        growing = message.exponential_buckets
        number, growth, scale = growing.num_finite_buckets, growing.growth_factor, growing.scale
        valid = growth > 1 and 0 < scale < inf and log(growth) * number + log(scale) < _LARGEST
        options = ("exponential", number, growth, scale)
    else:
        limits = list(message.explicit_buckets.bounds)
        number = len(limits)
        valid = all(a < b for a, b in pairwise(limits)) and all(abs(one) < inf for one in limits)
        options = ("explicit", *limits)
    if not valid or not 1 <= number <= _MOST_BUCKETS:
        raise _invalid(
            f"bucketOptions must have 1 to {_MOST_BUCKETS} ascending buckets, as "
            "google/api/distribution.proto describes them"
        )
    return options


def _invalid(reason: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid distributionValue: {reason}; correct the point.")
