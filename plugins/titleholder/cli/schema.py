"""The verb that tells editors what a model's file may hold: schema."""

import argparse
import json

from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.environment import DAGS_FOLDER

PAGE = DAGS_FOLDER.parent / "docs" / "models.md"


def schema(options: argparse.Namespace) -> int:
    """The JSON Schema of such a file, for editors."""
    from titleholder.config.json_schema import meanings_in, schema_of

    try:
        page = PAGE.read_text(encoding="utf-8")
    except OSError:
        raise EnvironmentConfigError(
            f"{PAGE} is not there, which says what each key means; run this in the repository"
        ) from None
    print(json.dumps(schema_of(meanings_in(page)), indent=2))
    return 0
