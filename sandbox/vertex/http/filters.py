"""Filters of list calls, read into a test of one resource (https://google.aip.dev/160).

Read are AND, OR (which binds closer: the standard's rule, not a slip), NOT and `-`, parentheses,
and comparisons of the fields that a resource names. Two terms side by side, which the standard
leaves to each service, and functions are refused.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.vertex.http.errors import InvalidArgument

Getter = Callable[[Any], Any]
Test = Callable[[Any], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign><=|>=|!=|[=<>:()])
      | (?P<word>(?:[^\s=<>!:()"'.]|\.(?!"))+)
      | (?P<dot>\.)
    )""",
    re.VERBOSE,
)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MAX_DEPTH: Final = 50


@dataclass(frozen=True)
class Field:
    """A field that a filter may compare; by default a text, with `=` and `!=`.

    With `wild`, `:` finds texts in which `*` stands for anything. `names` are those of an enum.
    A `time` has all comparisons, and no value passes none of them.
    """

    read: Getter
    wild: bool = False
    names: Collection[str] = ()
    time: bool = False


def parse(text: str, fields: Mapping[str, Field]) -> Test:
    """The test that a filter describes; an empty one lets all pass.

    `labels` may always be asked for. Raises InvalidArgument, whatever there is to test.
    """
    parser = _Parser(text, fields)
    if not parser.tokens:
        return lambda _: True
    test = parser.conjunction(0)
    if parser.tokens:
        raise parser.wrong(f"did not expect {parser.tokens[0][1]!r}")
    return test


def snake(name: str) -> str:
    """createTime as create_time: both are taken."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self.text = text
        self.fields = fields
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise self.wrong(f"it cannot be read from {text[at:].strip()[:40]!r} on")
            kind = str(match.lastgroup)
            value = match[kind]
            if kind == "string":
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            self.tokens.append((kind, value))
            at = match.end()

    def conjunction(self, depth: int) -> Test:
        tests = [self.disjunction(depth)]
        while self.skip("word", "AND"):
            tests.append(self.disjunction(depth))
        return lambda item: all(test(item) for test in tests)

    def disjunction(self, depth: int) -> Test:
        tests = [self.factor(depth)]
        while self.skip("word", "OR"):
            tests.append(self.factor(depth))
        return lambda item: any(test(item) for test in tests)

    def factor(self, depth: int) -> Test:
        negated = self.skip("word", "NOT") or self.skip("word", "-")
        if not negated and self.tokens and self.tokens[0][1].startswith("-"):
            kind, value = self.tokens[0]
            if kind == "word":
                self.tokens[0] = kind, value[1:]
                negated = True
        if self.skip("sign", "("):
            if depth >= _MAX_DEPTH:
                raise self.wrong(f"it is nested more than {_MAX_DEPTH} deep")
            test = self.conjunction(depth + 1)
            if not self.skip("sign", ")"):
                raise self.wrong("a parenthesis is not closed")
        else:
            test = self.comparison()
        return (lambda item: not test(item)) if negated else test

    def comparison(self) -> Test:
        name = self.take("word")
        key = self.take("string") if self.skip("dot", ".") else None
        if key is None and name.startswith("labels."):
            name, key = "labels", name.removeprefix("labels.")
        sign = self.take("sign")
        value = self.take("word", "string")
        if sign in "()":
            raise self.wrong(f"{name!r} is not compared with anything")
        if name == "labels":
            return self.labels(key, sign, value)
        field = self.fields.get(snake(name)) if key is None else None
        if field is None:
            raise self.wrong(f"{name!r} is not a field of it")
        read = field.read
        if field.time:
            if sign == ":":
                raise self.wrong(f"{name} is compared with {', '.join(_COMPARE)}")
            moment, compare = self.moment(value), _COMPARE[sign]
            return lambda item: bool(read(item)) and compare(read(item), moment)
        if field.wild and sign == ":":
            pattern = value.replace("[", "[[]").replace("?", "[?]")
            return lambda item: fnmatch.fnmatchcase(read(item), pattern)
        if sign not in ("=", "!="):
            raise self.wrong(f"{name} is compared with = and !={' and :' * field.wild}")
        if field.names and value not in field.names:
            raise self.wrong(f"{value!r} is no {name}; {sorted(field.names)[-1]} is one")
        same = _COMPARE[sign]
        return lambda item: same(str(read(item)), value)

    def labels(self, key: str | None, sign: str, value: str) -> Test:
        if key is None and sign == ":":
            return lambda item: value in item.labels
        if key is not None and sign == ":" and value == "*":
            return lambda item: key in item.labels
        if key is None or sign not in ("=", "!=", ":"):
            raise self.wrong("labels are asked for as labels.KEY=VALUE, labels.KEY:* or labels:KEY")
        return lambda item: (item.labels.get(key) == value) is (sign != "!=")

    def moment(self, value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise self.wrong(f"{value!r} is not a time in RFC 3339 form") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def skip(self, kind: str, value: str) -> bool:
        if self.tokens and self.tokens[0] == (kind, value):
            self.tokens.pop(0)
            return True
        return False

    def take(self, *kinds: str) -> str:
        if not self.tokens:
            raise self.wrong("it ends too early")
        kind, value = self.tokens.pop(0)
        if kind not in kinds or (kind == "word" and value in ("AND", "OR", "NOT")):
            raise self.wrong(f"did not expect {value!r}")
        return value

    def wrong(self, why: str) -> InvalidArgument:
        names = ", ".join([*self.fields, "labels"])
        return InvalidArgument(
            f"Invalid filter {self.text[:500]!r}: {why}; the sandbox reads comparisons of {names}, "
            "joined by AND, OR, NOT and parentheses."
        )
