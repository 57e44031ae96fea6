"""A model's YAML file, validated: errors name file, key and remedy."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

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

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d+)([smhdw])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, such as 90m, 6h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _cron(value: str) -> str:
    from croniter import croniter

    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError("write five cron fields in UTC, such as '0 3 * * 1' for Mondays at 03:00")
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


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0))]
Label = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,63}$")]


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
            raise ValueError("write a warn_after that is not longer than error_after")
        return self


class Source(_Section):
    """The BigQuery table that the model learns from."""

    table: Annotated[str, AfterValidator(_table)]
    timestamp: Annotated[str, AfterValidator(_column)]
    freshness: Freshness = Freshness()


class Pipeline(_Section):
    """The compiled pipeline, and what it is given beyond the contract's parameters."""

    template: Annotated[str, AfterValidator(_template)]
    parameters: dict[str, Any] = {}
    timeout: Duration = timedelta(hours=6)
    service_account: str | None = None


class Gate(_Section):
    """What a model must reach on held-out rows to be registered."""

    minimum_score: float = Field(allow_inf_nan=False)


class Endpoint(_Section):
    """Where the model answers."""

    display_name: str = Field(min_length=1, max_length=128)
    create: bool = False
    machine_type: str = Field("n1-standard-4", pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$")
    replicas: int = Field(1, ge=1)
    service_account: str | None = None


class Rollout(_Section):
    """How a challenger comes in."""

    challenger_share: int = Field(10, ge=1, le=99)


class ModelConfig(_Section):
    """One model: one YAML file under dags/models."""

    model: str = Field(pattern=r"^[a-z][a-z0-9-]{0,37}[a-z0-9]$")
    description: str = ""
    owner: str = Field(min_length=1)
    tags: list[str] = []
    labels: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")], Label] = {}
    schedule: Annotated[str, AfterValidator(_cron)]
    start_date: date
    connection: str = "google_cloud_default"
    source: Source
    pipeline: Pipeline
    gate: Gate
    endpoint: Endpoint
    rollout: Rollout = Rollout()

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

    Raises ConfigError with one line for each fault.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path.name}: not readable as YAML ({problem}); mend it") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path.name}: holds no keys; write at least those of linnerud.yaml")
    try:
        config = ModelConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(path, error))) from None
    if config.model != path.stem:
        raise ConfigError(
            f"{path.name}: model: is {config.model!r}; name it {path.stem!r} as its file, "
            "or rename the file"
        )
    return config


def load_models(folder: Path, only: str | None = None) -> Models:
    """All models of a folder, or just the one named `only`, in the order of their names."""
    configs, errors = [], []
    for path in sorted(folder.glob("*.yaml")):
        if only is not None and path.stem != only:
            continue
        try:
            configs.append(load_model(path))
        except ConfigError as error:
            errors.append(error)
    return Models(configs, errors)


def _sentences(path: Path, error: ValidationError) -> Iterable[str]:
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"]) or "(top)"
        match fault["type"]:
            case "missing":
                yield f"{path.name}: {key}: is missing; add it"
            case "extra_forbidden":
                yield f"{path.name}: {key}: is not a key; remove it or mend its spelling"
            case _:
                message = fault["msg"].removeprefix("Value error, ")
                message = message[0].lower() + message[1:]
                found = fault["input"]
                what = "its keys disagree" if isinstance(found, dict) else f"is {found!r}"
                yield f"{path.name}: {key}: {what}; {message}"
