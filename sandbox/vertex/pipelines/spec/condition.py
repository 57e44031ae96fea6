"""Parses the conditions that the KFP compiler writes, a small part of CEL, without `eval`.

Source: kfp/compiler/pipeline_spec_builder.py, `_binary_operations_to_cel_conjunctive`. A condition
has comparisons of two operands, negated as `!(...)` and joined by `&&`; an operand is
`inputs.parameter_values['name']`, a number, a string, `true` or `false`, or one of these in
`int(...)` or `double(...)`. The parser accepts `||` and more parentheses, too.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]
Condition = Callable[[Inputs], Any]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<input>inputs\.parameter_values\[\s*(?P<q>['"])(?P<name>.+?)(?P=q)\s*\])
      | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|<|>|!|\(|\))
    )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MAX_DEPTH = 50
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class ConditionError(ValueError):
    """The condition cannot be parsed, or its operands cannot be compared."""


def parse(text: str) -> Condition:
    """The condition as a function of the task's input parameters.

    Raises ConditionError if it cannot be parsed. The function raises ConditionError for missing
    inputs, and for operands of different types, which CEL does not compare.
    """
    return _Parser(text).condition()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.tokens: list[tuple[str, str]] = []
        at = 0
        end = len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise ConditionError(f"cannot parse the condition {text!r} from {text[at:]!r} on")
            kind = next(
                k for k in ("input", "number", "string", "word", "sign") if match[k] is not None
            )
            self.tokens.append((kind, match["name"] if kind == "input" else match[kind]))
            at = match.end()

    def condition(self) -> Condition:
        condition = self.disjunction()
        if self.tokens:
            raise self.unexpected()
        return condition

    def disjunction(self) -> Condition:
        left = self.conjunction()
        while self.skip("||"):
            left = _or(left, self.conjunction())
        return left

    def conjunction(self) -> Condition:
        left = self.negation()
        while self.skip("&&"):
            left = _and(left, self.negation())
        return left

    def negation(self) -> Condition:
        if self.skip("!"):
            inner = self.nested(self.negation)
            return lambda inputs: not _truth(inner(inputs))
        return self.comparison()

    def comparison(self) -> Condition:
        left = self.operand()
        for sign in _COMPARE:
            if self.skip(sign):
                return _compare(sign, left, self.operand())
        return left

    def operand(self) -> Condition:
        if not self.tokens:
            raise ConditionError(f"the condition {self.text!r} ends too early")
        kind, value = self.tokens.pop(0)
        if kind == "input":
            return lambda inputs: _input(inputs, value)
        if kind == "number":
            number: Any = int(value) if re.fullmatch(r"-?\d+", value) else float(value)
            return lambda _: number
        if kind == "string":
            plain = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), value[1:-1])
            return lambda _: plain
        if kind == "word" and value in ("true", "false"):
            return lambda _: value == "true"
        if kind == "word" and value in ("int", "double") and self.skip("("):
            return _cast(int if value == "int" else float, self.parenthesized())
        if (kind, value) == ("sign", "("):
            return self.parenthesized()
        self.tokens.insert(0, (kind, value))
        raise self.unexpected()

    def parenthesized(self) -> Condition:
        inner = self.nested(self.disjunction)
        if not self.skip(")"):
            raise self.unexpected()
        return inner

    def nested(self, part: Callable[[], Condition]) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ConditionError(f"the condition is nested more than {_MAX_DEPTH} deep")
        inner = part()
        self.depth -= 1
        return inner

    def skip(self, sign: str) -> bool:
        if self.tokens and self.tokens[0] == ("sign", sign):
            self.tokens.pop(0)
            return True
        return False

    def unexpected(self) -> ConditionError:
        found = self.tokens[0][1] if self.tokens else "the end"
        return ConditionError(f"did not expect {found!r} in the condition {self.text!r}")


def _input(inputs: Inputs, name: str) -> Any:
    if name not in inputs:
        raise ConditionError(f"the condition needs {name!r}, which has no value")
    return inputs[name]


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConditionError(f"the condition needs true or false and got {value!r}")
    return value


def _and(left: Condition, right: Condition) -> Condition:
    return lambda inputs: _truth(left(inputs)) and _truth(right(inputs))


def _or(left: Condition, right: Condition) -> Condition:
    return lambda inputs: _truth(left(inputs)) or _truth(right(inputs))


def _cast(to: type[int] | type[float], inner: Condition) -> Condition:
    def cast(inputs: Inputs) -> Any:
        value = inner(inputs)
        try:
            return to(value)
        except (TypeError, ValueError, OverflowError):
            raise ConditionError(f"the condition cannot make a number of {value!r}") from None

    return cast


def _compare(sign: str, left: Condition, right: Condition) -> Condition:
    def compare(inputs: Inputs) -> bool:
        a, b = left(inputs), right(inputs)
        if _kind(a) != _kind(b):
            raise ConditionError(f"the condition cannot compare {a!r} with {b!r}")
        return _COMPARE[sign](a, b)

    return compare


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    raise ConditionError(f"the condition cannot compare {value!r}")
