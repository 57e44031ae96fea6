"""The conditions of the KFP compiler."""

import math
from typing import Any

import pytest

from sandbox.vertex.pipelines.spec.condition import ConditionError, parse

INPUTS: dict[str, Any] = {
    "pipelinechannel--n": 3,
    "pipelinechannel--x": 50.0,
    "flag": True,
    "word": "it's",
    "nan": math.nan,
}
N, X = (
    "inputs.parameter_values['pipelinechannel--n']",
    "inputs.parameter_values['pipelinechannel--x']",
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (f"{X} >= 50.0", True),
        (f"{X} > 50", False),
        (f"int({N}) == 3", True),
        (f"double(int({N})) != 3.5", True),
        (f"{N} < -1e-07", False),
        ("inputs.parameter_values['flag'] == true", True),
        ("!(inputs.parameter_values['flag'] == true)", False),
        ("!(inputs.parameter_values['flag'] == false) && int('7') <= 7", True),
        ("inputs.parameter_values['word'] == \"it's\"", True),
        (r"inputs.parameter_values['word'] == 'it\'s'", True),
        ("1 == 2 || 2 == 2 && 3 == 4", False),
        ("(1 == 2 || 2 == 2) && 3 == 3", True),
        ("inputs.parameter_values['nan'] >= 0.0", False),
        ("!(inputs.parameter_values['nan'] >= 0.0)", True),
        # && and || do not evaluate the right operand if the left one decides
        ("1 == 2 && inputs.parameter_values['absent'] == 1", False),
    ],
)
def test_conditions_hold_or_not(text: str, holds: bool) -> None:
    assert parse(text)(INPUTS) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 ==",
        "1 == 2)",
        "(1 == 2",
        "__import__('os').system('true')",
        "inputs.parameter_values['n'].real == 1",
        "1 == 2 and 3 == 3",
        "len('a') == 1",
        "'int(inputs.parameter_values['n'])' == 'a'",
        "1 === 1",
    ],
)
def test_invalid_conditions_are_refused_when_parsed(text: str) -> None:
    with pytest.raises(ConditionError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inputs.parameter_values['absent'] == 1", "has no value"),
        ("inputs.parameter_values['flag'] == 1", "cannot compare True with 1"),
        ("inputs.parameter_values['word'] > 1", "cannot compare"),
        ("int(inputs.parameter_values['word']) == 1", "cannot make a number"),
        ("!(1)", "needs true or false"),
    ],
)
def test_a_condition_fails_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        parse(text)(INPUTS)
