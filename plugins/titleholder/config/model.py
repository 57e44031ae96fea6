"""A model's YAML file, validated: errors name file, key and remedy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from titleholder.analysis.stages import TrafficStep
from titleholder.config.alerts import Alerts
from titleholder.config.duel import (
    Duel,
    StepInFile,
    default_traffic_percentage,
    format_hours,
    resolve_columns,
    shortest_period,
)
from titleholder.config.guardrails import Guardrails
from titleholder.config.layers import load_with_base
from titleholder.config.messages import FieldError, validation_messages
from titleholder.config.types import (
    Column,
    Cron,
    Date,
    DisplayName,
    Duration,
    Labels,
    MachineType,
    ModelName,
    Parameters,
    Section,
    Table,
    Template,
)
from titleholder.errors import ConfigError


class Freshness(Section):
    """When the source covers a run's interval well enough to train on it."""

    warn_after: Duration = timedelta(hours=6)
    error_after: Duration = timedelta(hours=24)
    timeout: Duration = timedelta(hours=12)
    poke_interval: Duration = timedelta(minutes=10)
    min_rows: int = Field(1, ge=1)
    max_bytes: int = Field(10 * 1024**3, ge=10 * 1024**2)

    @model_validator(mode="after")
    def _warn_before_error(self) -> "Freshness":
        if self.warn_after > self.error_after:
            raise FieldError(
                "warn_after is longer than error_after; write one that is not longer than "
                "error_after"
            )
        return self


class Source(Section):
    """The BigQuery table that the model learns from."""

    table: Table
    timestamp: Column
    freshness: Freshness = Freshness()


class Pipeline(Section):
    """The compiled pipeline, and what it is given beyond the contract's parameters."""

    template: Template
    parameters: Parameters = Field(default_factory=dict)
    skip_unchanged: bool = True
    timeout: Duration = timedelta(hours=6)
    service_account: str | None = None


class Gate(Section):
    """What a model must reach on held-out rows to be registered."""

    min_score: float = Field(allow_inf_nan=False)


class Endpoint(Section):
    """Where the model answers."""

    display_name: DisplayName
    create: bool = False
    machine_type: MachineType = "n1-standard-4"
    replicas: int = Field(1, ge=1)
    service_account: str | None = None


class Rollout(Section):
    """How a challenger comes in, and how models are replaced (see rollout.intents.Policy)."""

    traffic_percentage: int = Field(10, ge=1, le=99)
    steps: list[StepInFile] = Field(default_factory=list)
    promotion: Literal["automatic", "approval", "manual"] = "automatic"
    approval_timeout: Duration | None = None
    on_new_challenger: Literal["replace", "keep_current"] = "replace"
    replacement: Literal["recreate", "surge"] = "recreate"
    keep_previous_champion: bool = True
    guardrails: Guardrails | None = None

    @model_validator(mode="before")
    @classmethod
    def _first_step(cls, raw: Any) -> Any:
        return default_traffic_percentage(raw)

    @model_validator(mode="after")
    def _steps_rise_from_the_first_share(self) -> "Rollout":
        shares = [step.traffic_percentage for step in self.steps]
        if shares != sorted(set(shares)):
            raise FieldError(
                f"has the steps {shares}, which do not rise; write greater shares later"
            )
        if shares and shares[0] != self.traffic_percentage:
            raise FieldError(
                f"has the traffic_percentage {self.traffic_percentage} and steps from {shares[0]}; "
                "write only the steps, or the same share first"
            )
        return self

    @property
    def stages(self) -> list[TrafficStep]:
        """The stages on the way to the title; without steps, the challenger's share is the only."""
        return [TrafficStep(one.traffic_percentage, one.bake) for one in self.steps] or [
            TrafficStep(self.traffic_percentage)
        ]


class ModelConfig(Section):
    """One model: one YAML file under dags/models."""

    model: ModelName
    extends: ModelName | None = None
    description: str = ""
    owner: str = Field(min_length=1, max_length=100)
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default_factory=list)
    labels: Labels = Field(default_factory=dict)
    schedule: Cron
    start_date: Date
    connection: str = "google_cloud_default"
    source: Source
    pipeline: Pipeline
    gate: Gate
    endpoint: Endpoint
    rollout: Rollout = Rollout()
    duel: Duel | None = Field(None, validate_default=True)
    events_table: Table = "titleholder.events"
    alerts: Alerts = Alerts()

    @field_validator("duel")
    @classmethod
    def _check_duel(cls, duel: Duel | None, info: ValidationInfo) -> Duel | None:
        # Where one of them is not there, it has another fault, which is told.
        pipeline, rollout = info.data.get("pipeline"), info.data.get("rollout")
        if rollout is not None:
            _require_duel(rollout, duel)
        return resolve_columns(duel, pipeline.parameters) if duel and pipeline else duel

    @property
    def approval_timeout(self) -> timedelta:
        """How long a person has to approve a promotion: less than until the next duel."""
        period = shortest_period(self.duel.schedule) if self.duel else timedelta(days=1)
        return self.rollout.approval_timeout or period * 5 / 6

    @property
    def start(self) -> datetime:
        """Midnight UTC of `start_date`."""
        return datetime(
            self.start_date.year, self.start_date.month, self.start_date.day, tzinfo=UTC
        )


def _require_duel(rollout: Rollout, duel: Duel | None) -> None:
    """Raises FieldError for a section that asks for what is done with a duel alone."""
    if duel is None:
        if rollout.promotion == "approval" or rollout.guardrails:
            given = "guardrails" if rollout.guardrails else "promotion: approval"
            raise FieldError(
                f"is missing, and without it nobody is judged, so that rollout.{given} does "
                "nothing; add it, or leave that out"
            )
        return
    within = rollout.approval_timeout
    if within is not None and within >= (period := shortest_period(duel.schedule)):
        raise FieldError(
            f"comes again after {format_hours(period)} by its schedule, and "
            "rollout.approval_timeout is "
            f"{format_hours(within)}; write a shorter approval_timeout, so that one question is "
            "over before "
            "the next is asked"
        )


class Models(NamedTuple):
    """What a folder of YAML files holds: the good ones, and what is wrong with the others."""

    configs: list[ModelConfig]
    errors: list[ConfigError]

    def require_valid(self) -> list[ModelConfig]:
        """The models; raises ConfigError, a line a fault, when anything is wrong with a file."""
        if self.errors:
            raise ConfigError("\n".join(str(error) for error in self.errors))
        return self.configs


def load_model(path: Path) -> ModelConfig:
    """The model that `path` describes, with what it takes from the file that it is based on.

    Raises ConfigError with one line for each fault, and nothing else: whatever is wrong with one
    file must not stop the others.
    """
    raw, wrong = load_with_base(path)
    try:
        config = ModelConfig.model_validate(raw)
        if config.model != path.stem:
            wrong.append(
                f"model: is {config.model!r}; name it {path.stem!r} as its file, or rename the file"
            )
    except ValidationError as error:
        wrong += validation_messages(error)
    if wrong:
        raise ConfigError("\n".join(f"{path.name}: {sentence}" for sentence in wrong))
    return config


def load_model_by_name(folder: Path, name: str) -> ModelConfig:
    """The model of that name; raises ConfigError, also when the folder has none, or another of its
    files has the endpoint."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.yaml"))) or "none"
        raise ConfigError(f"there is no model {name!r} in {folder}; there are {known}")
    config = load_model(path)
    # Other files may be wrong in any way, but none may have this one's endpoint.
    if (error := _clashes(_loaded(folder)[0]).get(name)) is not None:
        raise error
    return config


def model_from_json(text: str) -> ModelConfig:
    """The model that was written as JSON, which only another version of this package does in a way
    that is not understood: ConfigError."""
    try:
        return ModelConfig.model_validate_json(text)
    except ValidationError:
        raise ConfigError(
            "its DAG was read by another version of titleholder; look again in a minute, and if "
            "this stays, let Airflow read the DAG anew"
        ) from None


def load_models(folder: Path, only: str | None = None) -> Models:
    """All models of a folder, or just the one named `only`, in the order of their names.

    An endpoint belongs to one model: another file that names it, by the same connection, is an
    error, and rather the one that is based on another. Whether two connections lead to the same
    endpoint is only known at run time, when the endpoint itself says whose it is.
    """
    configs, errors = _loaded(folder, only)
    clashes = _clashes(configs)
    kept = [config for config in configs if config.model not in clashes]
    return Models(kept, [*errors, *clashes.values()])


def _loaded(folder: Path, only: str | None = None) -> tuple[list[ModelConfig], list[ConfigError]]:
    configs: list[ModelConfig] = []
    errors = []
    for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem):
        if only is not None and path.stem != only:
            continue
        try:
            configs.append(load_model(path))
        except ConfigError as error:
            errors.append(error)
    return configs, errors


def _clashes(configs: list[ModelConfig]) -> dict[str, ConfigError]:
    """What is wrong with each model that names an endpoint of another's."""
    owners: dict[tuple[str, str], str] = {}
    found = {}
    for config in sorted(configs, key=lambda config: config.extends is not None):
        name = config.endpoint.display_name
        owner = owners.setdefault((config.connection, name), config.model)
        if owner != config.model:
            found[config.model] = ConfigError(
                f"{config.model}.yaml: endpoint.display_name: {name!r} is the endpoint of "
                f"{owner}.yaml; name another one"
            )
    return found
