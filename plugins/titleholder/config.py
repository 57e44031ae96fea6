"""A model's YAML file, validated: errors name file, key and remedy."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from titleholder.errors import ConfigError
from titleholder.given import GIVEN
from titleholder.reading import read
from titleholder.sentences import Fault, sentences

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and re.fullmatch(r"0+[smhdw]", value):
        raise ValueError("write more than 0")
    match = re.fullmatch(r"(\d+)([smhdw])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 90m, 6h or 7d")
    if len(match[1]) > 8 or (span := _UNITS[match[2]] * int(match[1])) > timedelta(days=366):
        raise ValueError("write at most a year")
    return span


def _cron(value: str) -> str:
    from croniter import CroniterError, croniter

    told = "write five cron fields in UTC, such as '0 3 * * 1' for Mondays at 03:00"
    # R and H are croniter's own: a time drawn at random, another one at every look.
    if len(value.split()) != 5 or re.search(r"(?<![A-Za-z])[RrHh](?![A-Za-z])", value):
        raise ValueError(told)
    try:
        croniter(value, datetime(2026, 1, 1, tzinfo=UTC)).get_next()
    except (CroniterError, ValueError, KeyError):
        raise ValueError(told) from None
    return value


def _table(value: str) -> str:
    name = value.removeprefix("bq://")
    if not re.fullmatch(r"([a-z][a-z0-9-]{4,28}[a-z0-9]\.)?\w{1,1024}\.[\w-]{1,1024}", name):
        raise ValueError("write dataset.table or project.dataset.table, as BigQuery names them")
    return name


def _column(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w{0,299}", value):
        raise ValueError("write the name of one column, letters, digits and _ only")
    return value


def _template(value: str) -> str:
    if not re.fullmatch(r"(gs://[^/]+/)?[\w./-]+\.(yaml|json)", value) or ".." in value:
        raise ValueError("write a file in pipeline/compiled, or a gs:// URI, that ends in .yaml")
    return value


def _parameters(value: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(GIVEN & value.keys()):
        raise Fault(f"sets {', '.join(taken)}, which every run gets by itself; remove it")
    for name, parameter in value.items():
        try:
            json.dumps(parameter, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise Fault(
                f"has a {name} that is not JSON; write {name} as a string, number, list or "
                "mapping, and quote a date"
            ) from None
    return value


def _date(value: date) -> date:
    if not 2000 <= value.year <= 2100:
        raise ValueError("write a date between 2000 and 2100")
    return value


def _text(pattern: str, told: str) -> AfterValidator:
    """Text of that pattern; `told` says what to write where it is none."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(told)
        return value

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Label = Annotated[
    str, _text(r"[a-z0-9_-]{1,63}", "write 1 to 63 lowercase letters, digits, _ and -")
]
LabelKey = Annotated[
    str,
    _text(
        r"[a-z][a-z0-9_-]{0,62}",
        "write 1 to 63 lowercase letters, digits, _ and -, a letter first",
    ),
]
ModelName = Annotated[
    str,
    _text(
        r"[a-z][a-z0-9-]{0,28}[a-z0-9]",
        "write 2 to 30 lowercase letters, digits and hyphens, a letter first and no hyphen last",
    ),
]
MachineType = Annotated[
    str,
    _text(r"[a-z0-9]+(-[a-z0-9]+)+", "write a machine type of Google's, such as n1-standard-4"),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Freshness(_Section):
    """When the source covers a run's interval well enough to train on it."""

    warn_after: Duration = timedelta(hours=6)
    error_after: Duration = timedelta(hours=24)
    wait: Duration = timedelta(hours=12)
    check_every: Duration = timedelta(minutes=10)
    min_rows: int = Field(1, ge=1)
    max_bytes: int = Field(10 * 1024**3, ge=10 * 1024**2)

    @model_validator(mode="after")
    def _warn_before_error(self) -> "Freshness":
        if self.warn_after > self.error_after:
            raise Fault(
                "warn_after is longer than error_after; write one that is not longer than "
                "error_after"
            )
        return self


class Source(_Section):
    """The BigQuery table that the model learns from."""

    table: Annotated[str, AfterValidator(_table)]
    timestamp: Annotated[str, AfterValidator(_column)]
    freshness: Freshness = Freshness()


class Pipeline(_Section):
    """The compiled pipeline, and what it is given beyond the contract's parameters."""

    template: Annotated[str, AfterValidator(_template)]
    parameters: Annotated[dict[str, Any], AfterValidator(_parameters)] = {}
    timeout: Duration = timedelta(hours=6)
    service_account: str | None = None


class Gate(_Section):
    """What a model must reach on held-out rows to be registered."""

    minimum_score: float = Field(allow_inf_nan=False)


class Endpoint(_Section):
    """Where the model answers."""

    display_name: str = Field(min_length=1, max_length=128)
    create: bool = False
    machine_type: MachineType = "n1-standard-4"
    replicas: int = Field(1, ge=1)
    service_account: str | None = None


class Rollout(_Section):
    """How a challenger comes in, and how models are replaced (see rollout.intents.Policy)."""

    challenger_share: int = Field(10, ge=1, le=99)
    replacement: Literal["recreate", "surge"] = "recreate"
    keep_previous: bool = True


class ModelConfig(_Section):
    """One model: one YAML file under dags/models."""

    model: ModelName
    description: str = ""
    owner: str = Field(min_length=1, max_length=100)
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = []
    labels: dict[LabelKey, Label] = {}
    schedule: Annotated[str, AfterValidator(_cron)]
    start_date: Annotated[date, AfterValidator(_date)]
    connection: str = "google_cloud_default"
    source: Source
    pipeline: Pipeline
    gate: Gate
    endpoint: Endpoint
    rollout: Rollout = Rollout()
    events: Annotated[str, AfterValidator(_table)] = "titleholder.events"

    @property
    def start(self) -> datetime:
        """Midnight UTC of `start_date`."""
        return datetime(
            self.start_date.year, self.start_date.month, self.start_date.day, tzinfo=UTC
        )


class Models(NamedTuple):
    """What a folder of YAML files holds: the good ones, and what is wrong with the others."""

    configs: list[ModelConfig]
    errors: list[ConfigError]


def load_model(path: Path) -> ModelConfig:
    """The model that `path` describes.

    Raises ConfigError with one line for each fault, and nothing else: whatever is wrong with one
    file must not stop the others.
    """
    try:
        raw, wrong = read(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path.name}: not readable as YAML ({problem}); mend it") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: holds no keys; write at least those of linnerud.yaml")
    try:
        config = ModelConfig.model_validate(raw)
        if config.model != path.stem:
            wrong.append(
                f"model: is {config.model!r}; name it {path.stem!r} as its file, or rename the file"
            )
    except ValidationError as error:
        wrong += sentences(error)
    if wrong:
        raise ConfigError("\n".join(f"{path.name}: {sentence}" for sentence in wrong))
    return config


def load_models(folder: Path, only: str | None = None) -> Models:
    """All models of a folder, or just the one named `only`, in the order of their names.

    An endpoint belongs to one model: the second file that names it is an error.
    """
    configs: list[ModelConfig] = []
    errors = []
    owners: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if only is not None and path.stem != only:
            continue
        try:
            config = load_model(path)
            owner = owners.setdefault((config.connection, config.endpoint.display_name), path.name)
            if owner != path.name:
                raise ConfigError(
                    f"{path.name}: endpoint.display_name: {config.endpoint.display_name!r} is the "
                    f"endpoint of {owner}; name another one"
                )
            configs.append(config)
        except ConfigError as error:
            errors.append(error)
    return Models(configs, errors)
