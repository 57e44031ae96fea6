"""Monitoring filters (https://cloud.google.com/monitoring/api/v3/filters). No I/O.

Comparisons of a metric's and a resource's type and labels, joined by AND, which may be left out
between two of them. OR, NOT, `>`, `<` and other selectors of Google's are refused by name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.monitoring.errors import InvalidArgument, Unimplemented
from sandbox.monitoring.series import Identity

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>!=|<=|>=|[=:<>(),])
      | (?P<word>[^\s"'=!:<>(),]+)
    )""",
    re.VERBOSE,
)
_FIELD: Final = re.compile(
    r"project|(metric|resource)\.(type|labels?\.(?:[A-Za-z][A-Za-z0-9_]*))", re.ASCII
)
_FUNCTIONS: Final[dict[str, Callable[[str, str], bool]]] = {
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "has_substring": lambda value, part: part in value,
}
_REGEX: Final = "monitoring.regex.full_match"
_LONGEST_PATTERN: Final = 200
_ELSEWHERE: Final = ("OR", "NOT", "group.id", "metadata.", "select_")
Test = Callable[[str], bool]


@dataclass(frozen=True)
class Comparison:
    """`test` of the value of `field`: project, metric.type, metric.labels.KEY, resource.type or
    resource.labels.KEY. `equal` is the only text that passes, if it is a comparison by `=`."""

    field: str
    test: Test
    equal: str | None


@dataclass(frozen=True)
class Filter:
    """All of these comparisons."""

    comparisons: tuple[Comparison, ...]

    def equal(self, field: str) -> list[str]:
        """The texts that the field must be equal to."""
        return [one.equal for one in self.comparisons if one.field == field and one.equal]

    def matches(self, identity: Identity, project: str) -> bool:
        """Whether a time series of the project is selected."""
        values = {
            "project": project,
            "metric.type": identity.metric,
            "resource.type": identity.resource,
            **{f"metric.labels.{key}": value for key, value in identity.metric_labels},
            **{f"resource.labels.{key}": value for key, value in identity.resource_labels},
        }
        return self.accepts(values)

    def accepts(self, values: Mapping[str, str]) -> bool:
        """Whether these values pass; a field that is not in them is an empty text."""
        return all(one.test(values.get(one.field, "")) for one in self.comparisons)

    def without(self, fields: tuple[str, ...]) -> "Filter":
        """The comparisons of other fields."""
        return Filter(tuple(one for one in self.comparisons if one.field not in fields))


def parse(text: str) -> Filter:
    """Raises InvalidArgument, and Unimplemented for what the sandbox does not have."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.error(f"it cannot be parsed from {text[at:].strip()[:40]!r} on")
            kind = str(found.lastgroup)
            value = found[kind]
            if kind == "string":
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            self.tokens.append((kind, value))
            at = found.end()

    def parse(self) -> Filter:
        found: list[Comparison] = []
        while self.tokens:
            if found and self.tokens[0] == ("word", "AND"):
                self.tokens.pop(0)
            found.append(self.comparison())
        return Filter(tuple(found))

    def comparison(self) -> Comparison:
        if self.tokens and self.tokens[0] == ("sign", "("):
            self.tokens.pop(0)
            inner = self.comparison()
            self.sign(")")
            return inner
        field = self.field()
        sign = self.take("sign")
        if sign in ("<", "<=", ">", ">="):
            raise self.missing(sign)
        if sign not in ("=", "!=", ":"):
            raise self.error(f"did not expect {sign!r} after {field}")
        if sign == ":":
            part = self.value()
            return Comparison(field, lambda value: part in value, None)
        test, equal = self.right()
        if sign == "=":
            return Comparison(field, test, equal)
        return Comparison(field, lambda value: not test(value), None)

    def field(self) -> str:
        name = self.take("word")
        for word in _ELSEWHERE:
            if name == word or (not word.isupper() and name.startswith(word)):
                raise self.missing(name)
        if not _FIELD.fullmatch(name):
            raise self.error(
                f"{name!r} is not one of project, metric.type, metric.labels.KEY, resource.type "
                "and resource.labels.KEY"
            )
        return name.replace(".label.", ".labels.")

    def right(self) -> tuple[Test, str | None]:
        kind, word = self.tokens[0] if self.tokens else ("", "")
        is_call = kind == "word" and self.tokens[1:2] == [("sign", "(")]
        if not is_call:
            equal = self.value()
            return lambda value: value == equal, equal
        del self.tokens[:2]
        arguments = [self.value()]
        while self.tokens and self.tokens[0] == ("sign", ","):
            self.tokens.pop(0)
            arguments.append(self.value())
        self.sign(")")
        if word == "one_of":
            allowed = frozenset(arguments)
            return lambda value: value in allowed, None
        if len(arguments) != 1:
            raise self.error(f"{word} has one argument")
        (argument,) = arguments
        if word == _REGEX:
            return self.pattern(argument), None
        if word not in _FUNCTIONS:
            raise self.error(f"{word!r} is not a function of filters")
        function = _FUNCTIONS[word]
        return lambda value: function(value, argument), None

    def pattern(self, text: str) -> Test:
        # Google's RE2 takes linear time, and Python's re may not.
        hard = re.search(r"\)[*+?{]|\\[0-9]|\(\?", text) or len(re.findall("[*+{]", text)) > 2
        if hard or len(text) > _LONGEST_PATTERN:
            raise self.missing(f"{_REGEX} with more than two repetitions, or one of a group,")
        try:
            pattern = re.compile(text)
        except (re.error, OverflowError) as error:
            raise self.error(f"{text!r} is no regular expression ({error})") from None
        return lambda value: pattern.fullmatch(value) is not None

    def value(self) -> str:
        if not self.tokens:
            raise self.error("it ends too early")
        kind, value = self.tokens.pop(0)
        if kind == "sign" or (kind == "word" and value in ("AND", "OR", "NOT")):
            raise self.error(f"did not expect {value!r}")
        return value

    def sign(self, wanted: str) -> None:
        if self.take("sign") != wanted:
            raise self.error(f"expected {wanted!r}")

    def take(self, kind: str) -> str:
        if not self.tokens:
            raise self.error("it ends too early")
        found, value = self.tokens.pop(0)
        if found != kind:
            raise self.error(f"did not expect {value!r}")
        return value

    def error(self, reason: str) -> InvalidArgument:
        return InvalidArgument(f"Invalid filter {self.text[:500]!r}: {reason}; correct it.")

    def missing(self, what: str) -> Unimplemented:
        return Unimplemented(
            f"{what} in a filter is not in the sandbox; join comparisons by AND, or use the real "
            "service."
        )
