"""The verb `schema`."""

import json

from titleholder.config.json_schema import model_schema


def schema() -> int:
    """Print the JSON Schema of a model's YAML file, for editors."""
    print(json.dumps(model_schema(), indent=2))
    return 0
