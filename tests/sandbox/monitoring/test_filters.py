"""Monitoring filters: what they select, and what is refused."""

import pytest

from sandbox.monitoring.errors import InvalidArgument, Unimplemented
from sandbox.monitoring.filters import parse
from sandbox.monitoring.series import Identity

SERIES = Identity(
    "custom.googleapis.com/shop/stock",
    (("kind", "green tea"), ("size", "10")),
    "global",
    (("project_id", "demo"),),
)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ('metric.type = "custom.googleapis.com/shop/stock"', True),
        ("metric.type=custom.googleapis.com/shop/stock", True),
        ('metric.type = "custom.googleapis.com/shop"', False),
        ('metric.type = starts_with("custom.googleapis.com/")', True),
        ('metric.type = ends_with("/stock") AND resource.type = "global"', True),
        ('metric.type : "shop" resource.type = global', True),
        ('metric.type = has_substring("tea")', False),
        ('metric.labels.kind = "green tea"', True),
        ("metric.label.kind != 'green tea'", False),
        ('metric.labels.kind = one_of("black tea", "green tea")', True),
        ('metric.labels.kind != one_of("black tea", "oolong")', True),
        ('metric.labels.kind = monitoring.regex.full_match("(black|green).*")', True),
        ('metric.labels.kind = monitoring.regex.full_match("green")', False),
        ('metric.labels.absent = ""', True),
        ('metric.labels.absent != "x"', True),
        ('resource.labels.project_id = "demo" AND project = "demo"', True),
        ('project = "other"', False),
        ('(metric.labels.size = "10") AND (resource.type = "global")', True),
        (r'metric.labels.kind = "green\ tea"', True),
    ],
)
def test_selects(text: str, selected: bool) -> None:
    assert parse(text).matches(SERIES, "demo") is selected


@pytest.mark.parametrize(
    "text",
    [
        "metric.type",
        "metric.type =",
        'metric.type = "x" AND',
        'AND metric.type = "x"',
        'metric.type = "x" , "y"',
        'metric.type = "open',
        'metric.kind = "x"',
        'metric.labels. = "x"',
        'resource.labels.a.b = "x"',
        'metric.type = unknown("x")',
        'metric.type = starts_with("a", "b")',
        'metric.type = starts_with("a"',
        'metric.type = monitoring.regex.full_match("(")',
        '(metric.type = "x"',
        'metric.type = (metric.type = "x")',
        '"metric.type" = "x"',
        "metric.type = AND",
    ],
)
def test_invalid(text: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid filter"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('metric.type = "x" OR metric.type = "y"', "OR"),
        ('NOT metric.type = "x"', "NOT"),
        ('metric.labels.size > "5"', ">"),
        ('group.id = "x"', "group.id"),
        ('metadata.user_labels.a = "x"', "metadata"),
        ('metric.type = monitoring.regex.full_match("(a*)*b")', "repetitions"),
        ('metric.type = monitoring.regex.full_match(".*.*.*b")', "repetitions"),
    ],
)
def test_what_the_sandbox_does_not_have_is_named(text: str, what: str) -> None:
    with pytest.raises(Unimplemented, match=what):
        parse(text)
