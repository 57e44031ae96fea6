"""What the calls of test_rules are drawn from: mostly right, so that they get far."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st


def mostly(*right: Any, wrong: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Seldom something wrong: a call with one flaw tells more than one with many."""
    return st.sampled_from([*right] * (12 // len(right)) + [*wrong])


# Few names, so that calls meet.
endpoints = mostly("a", "a", "b", wrong=["never", "Wrong-"])
models = mostly("m", "m", "m", "n", wrong=["never", "9wrong"])
aliases = st.lists(
    mostly("aa", "bb", "default", "-aa", "-bb", wrong=["-default", "Wrong", "w"]), max_size=3
)
seats = mostly("1", "2", "3", wrong=["", "0", "007", "one"])
new_seats = mostly("", "3", "4", "5", wrong=["1", "0", "12345678901", "one"])
names = mostly("x", "y", "z" * 128, wrong=["", "z" * 129])
labels = mostly({}, {"a": "b"}, {"champion": "1"}, wrong=[{"A": "b"}, {"a": "B"}])
numbers = mostly(1, 2, 3, 4, wrong=[99])
wild = st.dictionaries(
    st.sampled_from(["0", "1", "2", "3", "77", "x"]), st.sampled_from([-1, 0, 1, 50, 100, 101])
)
masks = st.lists(
    mostly("display_name", "labels", "traffic_split", wrong=["etag"]), unique=True, max_size=2
)
etags = st.sampled_from(["", "", "fresh", "stale"])
holds = st.sampled_from([False, False, True])
versions = mostly("", "1", "2", wrong=["3", "aa", "default", "zz"])
parents = mostly("", "m", wrong=["never"])
# A number is the share of the first one of those who may have traffic, the second has the rest.
splits = st.one_of(
    st.just({}), st.sampled_from([0, 10, 50, 100]), st.sampled_from(["99", "101"]), wild
)


def split_of(drawn: Any, ids: Sequence[str]) -> dict[str, int]:
    """The split that was drawn, over these ids."""
    if isinstance(drawn, dict):
        return drawn
    if isinstance(drawn, str):
        return {one: int(drawn) - 50 * len(ids[1:2]) if one == ids[0] else 50 for one in ids[:2]}
    return dict(zip(ids, [drawn, 100 - drawn] if len(ids) > 1 else [100], strict=False))
