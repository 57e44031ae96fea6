"""The verb `validate`, which needs nothing of Google Cloud."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titleholder.cli.declared_parameters import duel_errors, training_errors, watch_errors
from titleholder.cli.terminal import print_json, print_line
from titleholder.config.duel import Duel, format_loss
from titleholder.config.loader import Models, load_model_by_name, load_models, located
from titleholder.config.model import ModelConfig
from titleholder.config.types import format_duration
from titleholder.config.watch import Watch
from titleholder.errors import ConfigError, EnvironmentConfigError, RetryableError
from titleholder.page.text import count
from titleholder.pipelines.templates import PipelineTemplate, load_template, parse_template
from titleholder.release import templates_dir

_Check = Callable[[ModelConfig, str, Mapping[str, Any]], list[str]]
_PROMOTION = {
    "automatic": "promoted automatically",
    "approval": "promoted once a person approves",
    "manual": "promoted by a person only",
}


@dataclass
class _Result:
    """A model, the compiled pipelines that it was checked against, why it was not checked against
    others, and the errors."""

    config: ModelConfig
    pipelines: list[PipelineTemplate]
    unchecked: list[str]
    errors: list[str]


def validate(folder: Path, names: Sequence[str], *, as_json: bool) -> int:
    """Check the files of the named models, or all of the folder, against their compiled pipelines,
    and print what they lead to, or raise ConfigError with `file:line: sentence` for each error; as
    JSON both are printed, with 1 for errors."""
    loaded = _named(folder, names) if names else load_models(folder)
    results = [_check(config, folder / f"{config.model}.yaml") for config in loaded.configs]
    errors = [str(error) for error in loaded.errors]
    errors += [error for result in results for error in result.errors]
    if not results and not errors:
        errors = [f"{folder} holds no model; add a YAML file"]
    if as_json:
        print_json(_to_json(results, [line for error in errors for line in error.split("\n")]))
        return 1 if errors else 0
    if errors:
        raise ConfigError("\n".join(errors))
    for result in results:
        for line in _report(result):
            print_line(line)
    unchecked = sum(bool(result.unchecked) for result in results)
    number = count(len(results), "model")
    print_line(
        f"{number}, all valid" + (f", {unchecked} not checked completely" if unchecked else "")
    )
    return 0


def _named(folder: Path, names: Sequence[str]) -> Models:
    found = Models([], [])
    for name in dict.fromkeys(names):
        try:
            found.configs.append(load_model_by_name(folder, name))
        except ConfigError as error:
            found.errors.append(error)
    return found


def _to_json(results: list[_Result], errors: list[str]) -> dict[str, Any]:
    models = [
        {
            "model": result.config.model,
            "pipelines": [one.version for one in result.pipelines],
            "unchecked": result.unchecked,
        }
        for result in results
    ]
    return {"valid": not errors, "models": models, "errors": errors}


def _check(config: ModelConfig, path: Path) -> _Result:
    result = _Result(config, [], [], [])
    messages: list[str] = []
    checks: list[tuple[str, str, _Check]] = [
        ("pipeline.template", config.pipeline.template, training_errors)
    ]
    if config.duel is not None:
        checks.append(("duel.template", config.duel.template, duel_errors))
    if config.watch is not None:
        checks.append(("watch.template", config.watch.template, watch_errors))
    for key, name, check in checks:
        folder, _ = templates_dir()
        if name.startswith("gs://"):
            result.unchecked.append(f"{name} was not checked, as it is in Cloud Storage")
            continue
        if not folder.is_dir():
            result.unchecked.append(f"{name} was not checked, as there is no {folder}")
            continue
        try:
            pipeline = parse_template(name, load_template(name))
        except RetryableError as error:
            result.unchecked.append(f"{name} was not checked: {error}")
        except EnvironmentConfigError as error:
            messages.append(f"{key}: {error}")
        else:
            result.pipelines.append(pipeline)
            messages += check(config, name, pipeline.spec)
    result.errors += located(path, messages)
    return result


def _report(result: _Result) -> Iterator[str]:
    """Lines about what was checked and what the file leads to."""
    config = result.config
    versions = _listed([one.version for one in result.pipelines])
    yield f"{config.model}: its file is valid" + (f", and fits {versions}" if versions else "")
    for why in result.unchecked:
        yield f"  unknown   {why}"
    yield (
        f"  train     {config.schedule}: {config.source.table} by {config.source.timestamp}, "
        f"with {config.pipeline.template}; scores from {config.gate.min_score:g} pass"
    )
    creation = "created if missing" if config.endpoint.create else "must exist"
    percentages = ", then ".join(
        f"{step.traffic_percentage} %" + (f" for {format_duration(step.bake)}" if step.bake else "")
        for step in config.rollout.traffic_steps
    )
    endpoint = f"endpoint {config.endpoint.display_name} ({creation})"
    yield f"  deploy    {endpoint}: a challenger receives {percentages} of the traffic"
    duel, promotion = config.duel, _PROMOTION[config.rollout.promotion]
    yield "  evaluate  " + (
        f"{duel.schedule} (UTC): by the {format_loss(duel.loss)} on {duel.target}{_rows(duel)}; a "
        f"better challenger is {promotion}"
        if duel
        else f"nothing automatically: trigger {config.model}__rollout to promote or roll back"
    )
    if (watch := config.watch) is not None:
        yield f"  watch     {_watched(watch)}"


def _watched(watch: Watch) -> str:
    """What is found about the champion, and what follows."""
    drift = ", and data drift" if watch.drift is not None else ""
    start = "start" if len(watch.retrain_on) > 1 else "starts"
    undo = "; a better previous champion returns" if watch.on_decay == "undo_promotion" else ""
    return (
        f"the champion: decay, from {100 * watch.min_increase:g} % above the loss of its first "
        f"{watch.reference_days} days{drift}; {_listed(watch.retrain_on)} {start} a training{undo}"
    )


def _listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _rows(duel: Duel) -> str:
    """Which rows a duel compares, and what it counts, where that is not each row."""
    maximum, column = duel.max_rows_per_day, duel.cluster_column
    sample = f", at most {maximum} rows a day" if maximum else ""
    return sample + (f", clustered by {column}" if column else "")
