"""The verb `status`: one model, or one row for each."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from titleholder.cli.context import CommandContext
from titleholder.cli.history import event_to_json
from titleholder.cli.run import or_message
from titleholder.cli.status.evaluation import evaluation_to_json
from titleholder.cli.status.facts import StatusFacts, read_status
from titleholder.cli.status.picture import overview, picture
from titleholder.cli.status.watch import watch
from titleholder.cli.terminal import print_json, show
from titleholder.config.loader import load_models, model_of
from titleholder.config.model import ModelConfig
from titleholder.errors import ConfigError

Found = Mapping[str, StatusFacts | str]


def status(context: CommandContext, *, as_json: bool, every: float | None = None) -> int:
    """Print the endpoint of one model, once or, with `every`, again after that many seconds; 1 when
    a person has to act."""

    def read() -> StatusFacts:
        return read_status(context, datetime.now(UTC))

    if every is not None:
        return watch(lambda: picture(read()), every)
    facts = read()
    if as_json:
        print_json(_to_json(facts))
    else:
        show(picture(facts))
    return 1 if facts.status.needs_action else 0


def status_of_all(
    models: Path, environ: Mapping[str, str], *, as_json: bool, every: float | None = None
) -> int:
    """Print a row for each model of the folder; 1 when a person has to act on one, or one cannot be
    read, which its row says. Raises ConfigError for a folder without models."""

    def read() -> tuple[datetime, Found]:
        now = datetime.now(UTC)
        return now, _read_all(models, environ, now)

    if every is not None:
        return watch(lambda: overview(*read()), every)
    now, found = read()
    if as_json:
        rows = (
            {"model": name, "unreadable": one} if isinstance(one, str) else _to_json(one)
            for name, one in found.items()
        )
        print_json(list(rows))
    else:
        show(overview(now, found))
    bad = any(isinstance(one, str) or one.status.needs_action for one in found.values())
    return 1 if bad else 0


def _read_all(models: Path, environ: Mapping[str, str], now: datetime) -> Found:
    loaded = load_models(models)
    if not loaded.configs and not loaded.errors:
        raise ConfigError(f"{models} holds no model; add a YAML file")
    found: dict[str, StatusFacts | str] = {model_of(error): str(error) for error in loaded.errors}

    def read(config: ModelConfig) -> StatusFacts | str:
        return or_message(lambda: read_status(CommandContext.of(config, environ), now), str)

    with ThreadPoolExecutor(8) as threads:
        names = (config.model for config in loaded.configs)
        found |= dict(zip(names, threads.map(read, loaded.configs), strict=True))
    return dict(sorted(found.items()))


def _to_json(facts: StatusFacts) -> dict[str, Any]:
    view = facts.view
    return {
        "model": view.model,
        "endpoint": view.endpoint,
        "address": view.address or None,
        "deployed": [
            {
                "role": role,
                "traffic_percentage": one.traffic_percentage,
                "id": one.id,
                "version": one.model,
                "display_name": one.display_name,
                "data_interval_end": end.isoformat()
                if (end := view.data_interval_end(one))
                else None,
            }
            for one, role in facts.status.holders
        ],
        "not_deployed": {role: one._asdict() for role, one in facts.not_deployed.items()},
        "last_change": event_to_json(facts.last) if facts.last else None,
        "challenger_removed_by": event_to_json(facts.removal) if facts.removal else None,
        "evaluation": evaluation_to_json(facts.evaluation) if facts.evaluation else None,
        "events_unreadable": facts.unreadable or None,
        "pending_operations": view.pending_operations,
        "machine_settings_differ": facts.settings or None,
        "needs_action": facts.status.needs_action or None,
    }
