"""Parses the filter of a list call into a predicate on one resource (https://google.aip.dev/160).

It accepts AND, OR (which binds closer than AND, as the standard says), NOT and `-`, parentheses,
and comparisons of the resource's fields. Functions, and two terms without an operator, whose
meaning the standard leaves to each service, are refused.
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

    With `wild`, `:` matches a pattern with `*`. `names` are the allowed values of an enum, which
    has all comparisons if they are `ordered`. A `time` has them, too, and an unset one matches
    none. With `presence`, `:*` matches if it is set, the only comparison of a field that is not a
    time.
    """

    read: Getter
    wild: bool = False
    names: Collection[str] = ()
    time: bool = False
    ordered: bool = False
    presence: bool = False


def parse(text: str, fields: Mapping[str, Field]) -> Test:
    """The predicate that a filter describes; an empty filter matches everything.

    `labels` may always be compared. Raises InvalidArgument, even if there are no resources.
    """
    parser = _Parser(text, fields)
    if not parser.tokens:
        return lambda _: True
    test = parser.conjunction(0)
    if parser.tokens:
        raise parser.error(f"did not expect {parser.tokens[0][1]!r}")
    return test


def snake(name: str) -> str:
    """The field name in snake case: filters may also use camel case."""
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
                raise self.error(f"it cannot be parsed from {text[at:].strip()[:40]!r} on")
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
                raise self.error(f"it is nested more than {_MAX_DEPTH} deep")
            test = self.conjunction(depth + 1)
            if not self.skip("sign", ")"):
                raise self.error("a parenthesis is not closed")
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
            raise self.error(f"{name!r} has no comparison")
        if name == "labels":
            return self.labels(key, sign, value)
        field = self.fields.get(snake(name)) if key is None else None
        if field is None:
            raise self.error(f"{name!r} is not a field of the resource")
        read = field.read
        if field.presence and (sign, value) == (":", "*"):
            return lambda item: bool(read(item))
        if field.presence and not field.time:
            raise self.error(f"{name} has the comparison :* alone")
        if field.time:
            if sign == ":":
                raise self.error(f"{name} has the comparisons {', '.join(_COMPARE)}")
            moment, compare = self.moment(value), _COMPARE[sign]
            return lambda item: bool(read(item)) and compare(read(item), moment)
        if field.wild and sign == ":":
            pattern = value.replace("[", "[[]").replace("?", "[?]")
            return lambda item: fnmatch.fnmatchcase(read(item), pattern)
        if sign not in (_COMPARE if field.ordered else ("=", "!=")):
            raise self.error(f"{name} has the comparisons = and !={' and :' * field.wild}")
        if field.names and value not in field.names:
            raise self.error(f"{value!r} is not a {name}; {sorted(field.names)[-1]} is one")
        compare = _COMPARE[sign]
        if field.ordered:
            rank = [*field.names].index
            return lambda item: compare(rank(read(item)), rank(value))
        return lambda item: compare(str(read(item)), value)

    def labels(self, key: str | None, sign: str, value: str) -> Test:
        if key is None and sign == ":":
            return lambda item: value in item.labels
        if key is not None and sign == ":" and value == "*":
            return lambda item: key in item.labels
        if key is None or sign not in ("=", "!=", ":"):
            raise self.error("labels are compared as labels.KEY=VALUE, labels.KEY:* or labels:KEY")
        return lambda item: (item.labels.get(key) == value) is (sign != "!=")

    def moment(self, value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise self.error(f"{value!r} is not a time in RFC 3339 form") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def skip(self, kind: str, value: str) -> bool:
        if self.tokens and self.tokens[0] == (kind, value):
            self.tokens.pop(0)
            return True
        return False

    def take(self, *kinds: str) -> str:
        if not self.tokens:
            raise self.error("it ends too early")
        kind, value = self.tokens.pop(0)
        if kind not in kinds or (kind == "word" and value in ("AND", "OR", "NOT")):
            raise self.error(f"did not expect {value!r}")
        return value

    def error(self, reason: str) -> InvalidArgument:
        names = ", ".join([*self.fields, "labels"])
        return InvalidArgument(
            f"Invalid filter {self.text[:500]!r}: {reason}; the sandbox accepts comparisons of "
            f"{names}, joined by AND, OR, NOT and parentheses."
        )
