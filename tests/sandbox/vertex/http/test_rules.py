"""Rules without I/O: splits, aliases, filters, orders and pages."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.vertex.endpoints.traffic import check_split, split_after_deploy, split_after_undeploy
from sandbox.vertex.http.errors import ApiError, FailedPrecondition, InvalidArgument
from sandbox.vertex.http.field_checks import check_display_name, check_labels
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.http.resource_names import Names, check_id, new_id
from sandbox.vertex.models.aliases import merge_aliases

IDS = ["1", "2", "3"]
splits = st.dictionaries(st.sampled_from(["0", *IDS, "9"]), st.integers(-10, 110), max_size=4)


def test_split_after_deploy() -> None:
    assert split_after_deploy({"a": 100}, {}, "b", ["a"]) == {"a": 100}
    assert split_after_deploy({}, {}, "b", []) == {}
    assert split_after_deploy({}, {"0": 100}, "b", []) == {"b": 100}
    assert split_after_deploy({"a": 100}, {"a": 90, "0": 10}, "b", ["a"]) == {"a": 90, "b": 10}


def test_split_after_undeploy() -> None:
    assert split_after_undeploy({"a": 100}, {}, "b", ["a", "b"]) == {"a": 100}
    assert split_after_undeploy({"a": 90, "b": 10}, {"a": 100}, "b", ["a", "b"]) == {"a": 100}
    assert split_after_undeploy({"a": 100}, {}, "a", ["a"]) == {}
    assert split_after_undeploy({"a": 100}, {"a": 100}, "a", ["a"]) == {}
    with pytest.raises(FailedPrecondition):
        split_after_undeploy({"a": 90, "b": 10}, {}, "b", ["a", "b"])


@given(current=splits, wanted=splits)
def test_any_sequence_of_changes_keeps_the_split_valid(
    current: dict[str, int], wanted: dict[str, int]
) -> None:
    try:
        check_split(current, IDS)
    except InvalidArgument:
        return
    for change, left in (
        (lambda: split_after_deploy(current, wanted, "4", IDS), [*IDS, "4"]),
        (lambda: split_after_undeploy(current, wanted, "3", IDS), ["1", "2"]),
        (lambda: split_after_undeploy({"3": 100}, wanted, "3", ["3"]), []),
    ):
        try:
            after = change()
        except ApiError:
            continue
        check_split(after, left)


def test_aliases_are_moved_and_removed() -> None:
    before = {"1": ["default", "champion"], "2": []}
    assert merge_aliases(before, "2", ["champion"]) == {"1": ["default"], "2": ["champion"]}
    assert merge_aliases(before, "1", ["-champion"]) == {"1": ["default"], "2": []}
    assert merge_aliases(before, "2", ["default"]) == {"1": ["champion"], "2": ["default"]}
    assert merge_aliases(before, "2", ["new", "-new"]) == before
    assert merge_aliases(before, "1", ["champion"]) == before


@pytest.mark.parametrize("wrong", ["-default", "-champion2", "A", "a", "1a", "a_b", "a-", ""])
def test_invalid_aliases(wrong: str) -> None:
    with pytest.raises(InvalidArgument):
        merge_aliases({"1": ["default"]}, "1", [wrong])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3"]),
            st.lists(st.sampled_from(["default", "aa", "-aa", "bb", "-bb", "-default"])),
        )
    )
)
def test_there_is_one_default_and_no_alias_has_two_versions(
    changes: list[tuple[str, list[str]]],
) -> None:
    aliases: dict[str, list[str]] = {"1": ["default"], "2": [], "3": []}
    for version, wanted in changes:
        try:
            aliases = merge_aliases(aliases, version, wanted)
        except InvalidArgument:
            continue
        everything = [alias for one in aliases.values() for alias in one]
        assert everything.count("default") == 1
        assert len(everything) == len(set(everything))


@pytest.mark.parametrize(
    "labels",
    [{"A": ""}, {"1a": ""}, {"": ""}, {"a b": ""}, {"a": "B"}, {"a": "x" * 64}, {"a" * 64: ""}],
)
def test_invalid_labels(labels: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        check_labels(labels, "endpoint.labels")


def test_valid_labels_and_names() -> None:
    check_labels({"a": "", "champion": "1234567890", "a-b_c": "x-y_z"}, "endpoint.labels")
    check_display_name("日本" * 64, "display_name")
    for wrong in ("", "x" * 129):
        with pytest.raises(InvalidArgument):
            check_display_name(wrong, "display_name")
    with pytest.raises(InvalidArgument, match="65 labels"):
        check_labels({f"a{i}": "" for i in range(65)}, "endpoint.labels")


@pytest.mark.parametrize(
    ("value", "collection", "right"),
    [
        ("linnerud", "endpoints", True),
        ("a", "endpoints", True),
        ("123456789", "endpoints", True),
        ("1234567890", "endpoints", False),
        ("012", "endpoints", False),
        ("1a", "endpoints", False),
        ("a-", "endpoints", False),
        ("a_b", "endpoints", False),
        ("a" * 64, "endpoints", False),
        ("a_b", "models", True),
        ("_a", "models", True),
        ("1a", "models", False),
        ("-a", "models", False),
        ("a@1", "models", False),
    ],
)
def test_custom_ids(value: str, collection: str, right: bool) -> None:
    if right:
        check_id(value, collection)
    else:
        with pytest.raises(InvalidArgument):
            check_id(value, collection)


def test_names_are_converted_to_the_project_number() -> None:
    names = Names("demo", "42")
    assert names.parent("projects/demo/locations/a1") == "projects/42/locations/a1"
    assert names.canonical("projects/demo") == names.canonical("projects/42") == "projects/42"
    for wrong in ("projects/demo", "projects/demo/locations/A", "demo", "projects/x/locations/a/b"):
        with pytest.raises(InvalidArgument):
            names.parent(wrong)
    assert len({new_id() for _ in range(100)}) == 100


ITEMS = [
    SimpleNamespace(display_name=name, age=age, labels=labels)
    for name, age, labels in (
        ("a", 3, {"x": "1"}),
        ("b", 1, {"x": "2", "y": ""}),
        ("a b", 2, {}),
        ('q"q', 4, {"x": "1", "y z": "1"}),
    )
]


def found(
    condition: str = "", order_by: str = "", page_size: int = 0, page_token: str = ""
) -> tuple[list[str], str]:
    request = SimpleNamespace(
        filter=condition, order_by=order_by, page_size=page_size, page_token=page_token
    )
    page = list_page(
        ITEMS,
        request,
        {"display_name": lambda item: item.display_name},
        {"display_name": lambda item: item.display_name, "age": lambda item: item.age},
    )
    return [item.display_name for item in page.items], page.next_page_token


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("", ["a", "b", "a b", 'q"q']),
        ("   ", ["a", "b", "a b", 'q"q']),
        ('display_name="a"', ["a"]),
        ("displayName=a", ["a"]),
        (' display_name = "a b" ', ["a b"]),
        (r'display_name="q\"q"', ['q"q']),
        ('display_name!="a"', ["b", "a b", 'q"q']),
        ('labels.x="1"', ["a", 'q"q']),
        ("labels.x=1", ["a", 'q"q']),
        ("labels.x:1", ["a", 'q"q']),
        ("labels.x!=1", ["b", "a b"]),
        ("labels.x:*", ["a", "b", 'q"q']),
        ("labels:y", ["b"]),
        ('labels."y z"=1', ['q"q']),
        ('labels.x=1 AND display_name="a"', ["a"]),
        ('display_name="unknown"', []),
        ("display_name=a OR display_name=b", ["a", "b"]),
        ("NOT display_name=a", ["b", "a b", 'q"q']),
        ("-display_name=a", ["b", "a b", 'q"q']),
        ("NOT (labels.x=1 AND display_name=a)", ["b", "a b", 'q"q']),
        # OR binds closer than AND (aip.dev/160)
        ("labels.x=2 OR labels.x=1 AND display_name=a", ["a"]),
        ("labels.x=2 OR (labels.x=1 AND display_name=a)", ["a", "b"]),
    ],
)
def test_filter(condition: str, names: list[str]) -> None:
    assert found(condition)[0] == names


@pytest.mark.parametrize(
    "condition",
    [
        "display_name",
        "display_name=",
        "nothing=1",
        "display_name>a",
        "display_name:a",
        "(display_name=a",
        "display_name=a)",
        "(" * 60 + "display_name=a" + ")" * 60,
        "display_name=a AND",
        "OR display_name=a",
        "NOT",
        "display_name=a display_name=b",
        "display_name=a ANDdisplay_name=b",
        "labels=x",
        "display_name=unknown AND nothing=1",
    ],
)
def test_invalid_filters_are_refused(condition: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid filter"):
        found(condition)


def test_order() -> None:
    assert found(order_by="age")[0] == ["b", "a b", "a", 'q"q']
    assert found(order_by="age desc")[0] == ['q"q', "a", "a b", "b"]
    assert found(order_by="displayName desc, age")[0] == ['q"q', "b", "a b", "a"]
    for wrong in ("size", "age down", "age,,"):
        with pytest.raises(InvalidArgument, match="order_by"):
            found(order_by=wrong)


def test_pages() -> None:
    first, token = found(order_by="age", page_size=3)
    assert first == ["b", "a b", "a"]
    assert found(order_by="age", page_size=3, page_token=token) == (['q"q'], "")
    assert found(page_size=4)[1] == ""
    for size, order_by, wrong in ((3, "", token), (3, "age", "x"), (3, "age", "é"), (-1, "", "")):
        with pytest.raises(InvalidArgument):
            found(order_by=order_by, page_size=size, page_token=wrong)


def test_statuses_are_those_of_googles_client() -> None:
    from google.rpc import code_pb2

    def family(error: type[ApiError]) -> Any:
        for child in error.__subclasses__():
            yield child
            yield from family(child)

    classes = [
        error for error in family(ApiError) if error.__module__ == "sandbox.vertex.http.errors"
    ]
    assert len(classes) >= 11
    for error in classes:
        assert code_pb2.Code.Value(error.status) == error.code
