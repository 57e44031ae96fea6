"""Hypothesis strategies for the calls of test_random_calls.py; most values are valid."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st


def mostly(*valid: Any, invalid: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Mostly valid values: a call with one error tests more than one with many."""
    return st.sampled_from([*valid] * (12 // len(valid)) + [*invalid])


# Few names, so that calls affect the same resources.
endpoints = mostly("a", "a", "b", invalid=["never", "Wrong-"])
models = mostly("m", "m", "m", "n", invalid=["never", "9wrong"])
aliases = st.lists(
    mostly("aa", "bb", "default", "-aa", "-bb", invalid=["-default", "Wrong", "w"]), max_size=3
)
deployed_ids = mostly("1", "2", "3", invalid=["", "0", "007", "one"])
new_deployed_ids = mostly("", "3", "4", "5", invalid=["1", "0", "12345678901", "one"])
names = mostly("x", "y", "z" * 128, invalid=["", "z" * 129])
labels = mostly({}, {"a": "b"}, {"champion": "1"}, invalid=[{"A": "b"}, {"a": "B"}])
numbers = mostly(1, 2, 3, 4, invalid=[99])
random_splits = st.dictionaries(
    st.sampled_from(["0", "1", "2", "3", "77", "x"]), st.sampled_from([-1, 0, 1, 50, 100, 101])
)
masks = st.lists(
    mostly("display_name", "labels", "traffic_split", invalid=["etag"]), unique=True, max_size=2
)
etags = st.sampled_from(["", "", "fresh", "stale"])
delays = st.sampled_from([False, False, True])
versions = mostly("", "1", "2", invalid=["3", "aa", "default", "zz"])
parents = mostly("", "m", invalid=["never"])
# A number is the percentage of the first deployed model; the second one has the rest.
splits = st.one_of(
    st.just({}), st.sampled_from([0, 10, 50, 100]), st.sampled_from(["99", "101"]), random_splits
)


def split_of(choice: Any, ids: Sequence[str]) -> dict[str, int]:
    """The split of a choice of `splits`, over these ids."""
    if isinstance(choice, dict):
        return choice
    if isinstance(choice, str):
        return {one: int(choice) - 50 * len(ids[1:2]) if one == ids[0] else 50 for one in ids[:2]}
    return dict(zip(ids, [choice, 100 - choice] if len(ids) > 1 else [100], strict=False))
