"""The verb about the models' files and their pipelines, which needs nothing of Google's: check."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from titleholder.cli.declared_parameters import duel_faults, training_faults
from titleholder.cli.terminal import print_line
from titleholder.config.duel import format_loss
from titleholder.config.loader import load_models
from titleholder.config.model import ModelConfig
from titleholder.config.types import format_duration
from titleholder.errors import ConfigError, EnvironmentConfigError, RetryableError
from titleholder.pipelines.templates import PipelineTemplate, load_template, parse_template
from titleholder.release import templates_dir

_Faults = Callable[[ModelConfig, str, Mapping[str, Any]], list[str]]
_PROMOTION = {
    "automatic": "promoted automatically",
    "approval": "promoted once a person approves",
    "manual": "promoted by a person only",
}


@dataclass
class _Checked:
    """A model, the compiled pipelines that it was checked against, why it was not against others,
    and what is wrong."""

    config: ModelConfig
    pipelines: list[PipelineTemplate]
    unchecked: list[str]
    faults: list[str]


def validate(options: argparse.Namespace) -> int:
    """Whether every file of the folder is a model, and its compiled pipelines take what it gives
    them; raises ConfigError with a sentence a fault."""
    folder: Path = options.models
    found = load_models(folder)
    models = [_checked(config) for config in found.configs]
    wrong = [str(error) for error in found.errors]
    wrong += [fault for model in models for fault in model.faults]
    if wrong:
        raise ConfigError("\n".join(wrong))
    if not models:
        raise ConfigError(f"{folder} holds no model; add a YAML file")
    for model in models:
        for line in _report(model):
            print_line(line)
    return 0


def _checked(config: ModelConfig) -> _Checked:
    result = _Checked(config, [], [], [])
    asked: list[tuple[str, str, _Faults]] = [
        ("pipeline.template", config.pipeline.template, training_faults)
    ]
    if config.duel is not None:
        asked.append(("duel.template", config.duel.template, duel_faults))
    for key, name, faults in asked:
        folder, _ = templates_dir()
        if name.startswith("gs://"):
            result.unchecked.append(f"{name} was not looked at, as it is in Cloud Storage")
            continue
        if not folder.is_dir():
            result.unchecked.append(f"{name} was not looked at, as there is no {folder}")
            continue
        try:
            pipeline = parse_template(name, load_template(name))
        except RetryableError as error:
            result.unchecked.append(f"{name} was not looked at: {error}")
        except EnvironmentConfigError as error:
            result.faults.append(f"{config.model}.yaml: {key}: {error}")
        else:
            result.pipelines.append(pipeline)
            result.faults += [
                f"{config.model}.yaml: {fault}" for fault in faults(config, name, pipeline.spec)
            ]
    return result


def _report(model: _Checked) -> Iterator[str]:
    """What was checked, and what will happen."""
    config = model.config
    versions = " and ".join(one.version for one in model.pipelines)
    yield f"{config.model}: its file is right" + (f", and fits {versions}" if versions else "")
    for why in model.unchecked:
        yield f"  unknown   {why}"
    yield (
        f"  train     {config.schedule} (UTC): {config.source.table} by {config.source.timestamp}, "
        f"with {config.pipeline.template}; scores from {config.gate.min_score:g} pass"
    )
    made = "made when missing" if config.endpoint.create else "must be there"
    percentages = ", then ".join(
        f"{step.traffic_percentage} %" + (f" for {format_duration(step.bake)}" if step.bake else "")
        for step in config.rollout.traffic_steps
    )
    endpoint = f"endpoint {config.endpoint.display_name} ({made})"
    yield f"  deploy    {endpoint}: a challenger receives {percentages} of the traffic"
    duel, promotion = config.duel, _PROMOTION[config.rollout.promotion]
    yield "  evaluate  " + (
        f"{duel.schedule} (UTC): by the {format_loss(duel.loss)} on {duel.target}; a better "
        "challenger "
        f"is {promotion}"
        if duel
        else f"nothing by itself: trigger {config.model}__rollout to promote or roll back"
    )
