"""The verbs about the YAML files themselves, which need nothing of Google's."""

import argparse
import json
from pathlib import Path

from titleholder.config import load_models
from titleholder.environment import DAGS_FOLDER
from titleholder.errors import ConfigError, SettingError

PAGE = DAGS_FOLDER.parent / "docs" / "models.md"


def check(options: argparse.Namespace) -> int:
    """Whether every file of the folder is a model; raises ConfigError with a sentence a fault."""
    folder: Path = options.models
    found = load_models(folder).whole()
    if not found:
        raise ConfigError(f"{folder} holds no model; add a YAML file")
    print(f"{folder}: {', '.join(config.model for config in found)}")
    return 0


def schema(options: argparse.Namespace) -> int:
    """The JSON Schema of such a file, for editors."""
    from titleholder.schema import meanings_in, schema_of

    try:
        page = PAGE.read_text(encoding="utf-8")
    except OSError:
        raise SettingError(
            f"{PAGE} is not there, which says what each key means; run this in the repository"
        ) from None
    print(json.dumps(schema_of(meanings_in(page)), indent=2))
    return 0
