"""The filter of ListPipelineJobs, as a test of one job (https://google.aip.dev/160)."""

import fnmatch
import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.cloud.aiplatform_v1.types import PipelineJob, PipelineState

from sandbox.vertex.errors import InvalidArgument

Test = Callable[[PipelineJob], bool]
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
    r"|(?P<sign><=|>=|!=|[=<>:()])|(?P<word>[^\s=<>!:()\"']+))"
)
_TIMES = ("create_time", "update_time", "end_time", "start_time")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXTS: dict[str, Callable[[PipelineJob], str]] = {
    "display_name": lambda job: job.display_name,
    "pipeline_name": lambda job: _pipeline_name(job),
    "pipeline_job_user_id": lambda job: job.name.split("/")[-1],
    "template_uri": lambda job: job.template_uri,
}


def snake(name: str) -> str:
    """createTime as create_time: both are taken."""
    return re.sub(r"(?<!^)([A-Z])", lambda match: "_" + match[1].lower(), name)


def parse(text: str) -> Test:
    """The test that a filter describes; an empty one lets all pass. Raises InvalidArgument."""
    tokens: list[tuple[str, str]] = []
    rest = text.strip()
    while rest:
        match = _TOKEN.match(rest)
        if match is None:
            raise InvalidArgument(f"filter {text!r} cannot be read from {rest!r} on.")
        kind = str(match.lastgroup)
        value = match[kind]
        tokens.append((kind, re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "string" else value))
        rest = rest[match.end() :]
    if not tokens:
        return lambda _: True
    try:
        test = _all(tokens)
    except IndexError:
        raise InvalidArgument(f"filter {text!r} ends too early.") from None
    if tokens:
        raise InvalidArgument(f"filter {text!r}: did not expect {tokens[0][1]!r}.")
    return test


def _all(tokens: list[tuple[str, str]]) -> Test:
    tests = [_any(tokens)]
    while tokens and tokens[0] == ("word", "AND"):
        tokens.pop(0)
        tests.append(_any(tokens))
    return lambda job: all(test(job) for test in tests)


def _any(tokens: list[tuple[str, str]]) -> Test:
    # OR binds closer than AND: that is the standard's rule, not a slip.
    tests = [_one(tokens)]
    while tokens and tokens[0] == ("word", "OR"):
        tokens.pop(0)
        tests.append(_one(tokens))
    return lambda job: any(test(job) for test in tests)


def _one(tokens: list[tuple[str, str]]) -> Test:
    kind, field = tokens.pop(0)
    if (kind, field) == ("sign", "("):
        inner = _all(tokens)
        if tokens.pop(0) != ("sign", ")"):
            raise InvalidArgument("filter has a parenthesis that is not closed.")
        return inner
    sign = tokens.pop(0)[1]
    value = tokens.pop(0)[1]
    return _comparison(field, sign, value)


def _comparison(field: str, sign: str, value: str) -> Test:
    name = snake(field)
    if name.startswith("labels."):
        return _label(field.removeprefix("labels.").strip('"'), sign, value)
    if name in _TEXTS and sign in ("=", "!=", ":"):
        return _text(_TEXTS[name], sign, value)
    if name == "state" and sign in ("=", "!="):
        if value not in PipelineState.__members__:
            raise InvalidArgument(f"filter: {value!r} is no state; one is PIPELINE_STATE_RUNNING.")
        return lambda job: _ORDER[sign](job.state.name, value)
    if name in _TIMES and sign in _ORDER:
        wanted = _moment(value)
        return lambda job: bool(getattr(job, name)) and _ORDER[sign](getattr(job, name), wanted)
    raise InvalidArgument(
        f"filter: {field}{sign} is not known; fields are "
        f"{', '.join([*_TEXTS, 'state', 'labels.KEY', *_TIMES])}."
    )


def _label(key: str, sign: str, value: str) -> Test:
    if sign == ":" and value == "*":
        return lambda job: key in job.labels
    if sign in ("=", ":"):
        return lambda job: job.labels.get(key) == value
    if sign == "!=":
        return lambda job: job.labels.get(key) != value
    raise InvalidArgument(f"filter: labels are compared with =, != and :, not {sign}.")


def _text(read: Callable[[PipelineJob], str], sign: str, value: str) -> Test:
    if sign == ":":
        pattern = value.replace("[", "[[]").replace("?", "[?]")
        return lambda job: fnmatch.fnmatchcase(read(job), pattern)
    return lambda job: _ORDER[sign](read(job), value)


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidArgument(f"filter: {value!r} is not a time in RFC 3339 form.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _pipeline_name(job: Any) -> str:
    return str(job.pipeline_spec["pipelineInfo"]["name"])
