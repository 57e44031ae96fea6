"""The verb `report`."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from titleholder.cli.context import CommandContext
from titleholder.cli.terminal import print_json, print_line
from titleholder.config.loader import load_model_by_name, load_models, model_of
from titleholder.config.model import ModelConfig
from titleholder.errors import InvalidRequest
from titleholder.page.collect import collect
from titleholder.page.facts import ModelFacts, Unreadable
from titleholder.page.render import page
from titleholder.page.text import count


def report(
    models: Path, names: Sequence[str], out: Path, airflow: str | None, *, as_json: bool
) -> int:
    """Write the page of the named models, or of all of the folder, to one file; 1 when a model or a
    service could not be read, which the page says too. Raises ConfigError, InvalidRequest,
    OSError."""
    if airflow and urlsplit(airflow).scheme not in ("http", "https"):
        raise InvalidRequest(f"{airflow!r} is not the URL of Airflow; begin it with https://")
    now = datetime.now(UTC)
    found: list[ModelFacts | Unreadable] = []
    if names:
        configs = [load_model_by_name(models, name) for name in names]
    else:
        loaded = load_models(models)
        configs = loaded.configs
        found += [Unreadable(model_of(error), str(error)) for error in loaded.errors]

    def facts(config: ModelConfig) -> ModelFacts:
        return collect(config, CommandContext.of(config, os.environ).environment, now)

    with ThreadPoolExecutor(8) as threads:
        found += threads.map(facts, configs)
    html = page(found, now, airflow, runs=_runs(found))
    out.write_text(html, encoding="utf-8")
    incomplete = [one for one in found if isinstance(one, Unreadable) or one.unreachable]
    if as_json:
        written, missing = ([one.model for one in part] for part in (found, incomplete))
        print_json({"file": str(out), "models": written, "incomplete": missing})
    else:
        ending = f", {len(incomplete)} incomplete" if incomplete else ""
        print_line(f"{out}: {count(len(found), 'model')}{ending}")
    return 1 if incomplete else 0


def _runs(found: Sequence[ModelFacts | Unreadable]) -> set[str]:
    """The runs of the events. Whether Airflow still has them is not asked."""
    return {event.run for one in found if isinstance(one, ModelFacts) for event in one.events or ()}
