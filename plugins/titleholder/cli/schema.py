"""The verb `schema`."""

import argparse
import json


def schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema of a model's YAML file, for editors."""
    from titleholder.config.json_schema import model_schema

    print(json.dumps(model_schema(), indent=2))
    return 0
