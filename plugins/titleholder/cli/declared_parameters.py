"""Checks of the parameters that a compiled pipeline declares against those given. No I/O.

Vertex AI refuses a job with a parameter that its pipeline does not declare, without one that it
requires, and with a value of another type.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from titleholder.analysis.duel_job import duel_parameters
from titleholder.analysis.model_pair import ModelPair, RegisteredModel
from titleholder.analysis.watching.champion import WatchedChampion
from titleholder.analysis.watching.watch_job import watch_parameters
from titleholder.config.messages import truncated_repr
from titleholder.config.model import ModelConfig
from titleholder.data_intervals import Interval
from titleholder.pipelines.contract import runtime_parameters

# What to write for each parameterType of a PipelineSpec.
_REMEDIES: Mapping[str, str] = {
    "STRING": "text, in quotes where YAML reads something else",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list, such as [a, b]",
    "STRUCT": "keys with their values below it",
}


def training_errors(config: ModelConfig, name: str, spec: Mapping[str, Any]) -> list[str]:
    """Errors of the model's file against `spec`, the compiled pipeline `name`: sentences of the
    form `key: what is wrong; what to write`."""
    start = config.start
    given = runtime_parameters(config, "project", "location", "d.t", Interval(start, start))
    own, declared = config.pipeline.parameters, _declared(spec)
    fixed = given.keys() - own.keys()
    known = ", ".join(sorted(declared.keys() - fixed))
    instead = f"write one of {known}, or remove it" if known else "remove it"
    found = [
        f"pipeline.parameters: sets {each}, which the pipeline {name} does not have; {instead}"
        for each in sorted(own.keys() - declared.keys())
    ]
    found += [
        f"pipeline.parameters: lacks {each}, which the pipeline {name} requires; add it"
        for each in _missing(declared, given)
    ]
    for each, wrong in _mistyped(declared, own):
        found.append(f"pipeline.parameters.{each}: {wrong}, as the pipeline {name} declares it")
    found += _contract_errors("pipeline", name, declared, {each: given[each] for each in fixed})
    return found


def duel_errors(config: ModelConfig, name: str, spec: Mapping[str, Any]) -> list[str]:
    """The same for the compiled duel `name`; none if the model has no duel."""
    if config.duel is None:
        return []
    model = RegisteredModel("1", "m@1", "gs://b/1", "0" * 64, "")
    given = duel_parameters(
        config,
        config.duel,
        dict.fromkeys(("project", "location", "source_table", "artifact_root"), ""),
        ModelPair(model, model),
        config.start,
    )
    declared = _declared(spec)
    found = [
        f"duel.template: {name} requires {each}, which no duel is given; give it a default, and "
        "compile it again (docs/reference/duel.md)"
        for each in _missing(declared, given)
    ]
    return found + _contract_errors("duel", name, declared, given)


def watch_errors(config: ModelConfig, name: str, spec: Mapping[str, Any]) -> list[str]:
    """The same for the compiled watch job `name`; none if the champion is not watched."""
    if config.duel is None or config.watch is None:
        return []
    model = RegisteredModel("1", "m@1", "gs://b/1", "0" * 64, f"{config.start:%Y-%m-%dT%H:%M:%SZ}")
    since = config.start.isoformat()
    champion = WatchedChampion(model, ("1",), model.data_interval_end, since, None, None, "", "1")
    places = ("project", "location", "source_table", "artifact_root", "request_log")
    given = watch_parameters(
        config, config.duel, config.watch, dict.fromkeys(places, ""), champion, config.start
    )
    declared = _declared(spec)
    found = [
        f"watch.template: {name} requires {each}, which no watch job is given; give it a default, "
        "and compile it again (docs/reference/watch-job.md)"
        for each in _missing(declared, given)
    ]
    return found + _contract_errors("watch", name, declared, given)


_PAGES = {
    "pipeline": "docs/reference/pipeline-contract.md",
    "duel": "docs/reference/duel.md",
    "watch": "docs/reference/watch-job.md",
}


def _contract_errors(
    section: str, name: str, declared: Mapping[str, Any], given: Mapping[str, Any]
) -> list[str]:
    """Errors in the parameters that every run gives: the pipeline is wrong, not the file."""
    page = _PAGES[section]
    then = f"which every run gives it; correct the pipeline and compile it again ({page})"
    found = [
        f"{section}.template: {name} does not declare {each}, {then}"
        for each in sorted(given.keys() - declared.keys())
    ]
    for each, _ in _mistyped(declared, given):
        kind = declared[each]["parameterType"]
        found.append(f"{section}.template: {name} declares as {kind} the {each}, {then}")
    return found


def _declared(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    inputs = spec["root"].get("inputDefinitions") or {}
    found: Mapping[str, Any] = inputs.get("parameters") or {}
    return found


def _missing(declared: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, one in sorted(declared.items())
        if given.get(name) is None and not one.get("isOptional") and "defaultValue" not in one
    ]


def _mistyped(declared: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and error of each value that is not of its declared type."""
    for name, value in sorted(given.items()):
        one = declared.get(name)
        if one is None or value is None:
            continue
        kind, choices = one.get("parameterType", ""), one.get("literals")
        if not _fits(kind, value):
            yield name, f"is {truncated_repr(value)}; write {_REMEDIES[kind]}"
        elif choices and value not in choices:
            yield name, f"is {truncated_repr(value)}; write {' or '.join(map(repr, choices))}"


def _fits(kind: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "STRING":
            return isinstance(value, str)
        case "NUMBER_INTEGER":
            return number and value == int(value)
        case "NUMBER_DOUBLE":
            return number
        case "BOOLEAN":
            return isinstance(value, bool)
        case "LIST":
            return isinstance(value, list)
        case "STRUCT":
            return isinstance(value, dict)
    return True  # A type that only Vertex AI knows.
