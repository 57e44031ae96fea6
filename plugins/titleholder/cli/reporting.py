"""The verb that writes the page: report."""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

from titleholder.cli.desk import Desk
from titleholder.config import ModelConfig, load_models, named_model
from titleholder.errors import InvalidRequest
from titleholder.page.facts import Facts, Unreadable
from titleholder.page.gather import gather
from titleholder.page.render import page


def report(options: argparse.Namespace) -> int:
    """Write the page of the named models, or of all, to one file; 1 when a model or a service could
    not be read, which the page says too. Raises ConfigError, InvalidRequest,
    OSError."""
    if options.airflow and urlsplit(options.airflow).scheme not in ("http", "https"):
        raise InvalidRequest(
            f"{options.airflow!r} is no address of Airflow; begin it with https://"
        )
    now = datetime.now(UTC)
    found: list[Facts | Unreadable] = []
    if options.model:
        configs = [named_model(options.models, name) for name in options.model]
    else:
        read = load_models(options.models)
        configs = read.configs
        found += [Unreadable(str(e).partition(".yaml")[0], str(e)) for e in read.errors]

    def known(config: ModelConfig) -> Facts:
        return gather(config, Desk.of(config, os.environ).environment, now)

    with ThreadPoolExecutor(8) as threads:
        found += threads.map(known, configs)
    options.out.write_text(page(found, now, options.airflow), encoding="utf-8")
    unread = [one for one in found if isinstance(one, Unreadable) or one.away]
    print(f"{options.out}: {len(found)} models" + (f", {len(unread)} not whole" if unread else ""))
    return 1 if unread else 0
