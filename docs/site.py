"""`python -m docs.site`: builds the documentation site, and fails on any warning."""

import logging
import sys
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

CONFIG = Path(__file__).resolve().parents[1] / "mkdocs.yml"


def main() -> int:
    """Build the site into the folder that mkdocs.yml names; 1 if there was a warning."""
    site = Path(load_config(str(CONFIG)).site_dir)
    if warnings := build_site(site):
        print("\n".join(f"docs: {warning}" for warning in warnings), file=sys.stderr)
        return 1
    folder = site.relative_to(CONFIG.parent)
    print(f"wrote {folder}; `python -m http.server --directory {folder}` serves it with its search")
    return 0


def build_site(folder: Path, config_file: Path = CONFIG) -> list[str]:
    """Build the site of a mkdocs.yml into the folder, and return the warnings of MkDocs, such as
    one for a broken link."""
    warnings: list[str] = []
    log, collector = logging.getLogger("mkdocs"), _Collector(warnings)
    log.addHandler(collector)
    propagate, log.propagate = log.propagate, False
    try:
        config = load_config(str(config_file), site_dir=str(folder), strict=False)
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        config.plugins.on_shutdown()
    finally:
        log.removeHandler(collector)
        log.propagate = propagate
    return warnings


class _Collector(logging.Handler):
    """Keeps the messages from WARNING up."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())


if __name__ == "__main__":
    sys.exit(main())
