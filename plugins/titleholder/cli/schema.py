"""The verb that tells editors what a model's file may hold: schema."""

import argparse
import json


def schema(options: argparse.Namespace) -> int:
    """The JSON Schema of such a file, for editors."""
    from titleholder.config.json_schema import model_schema

    print(json.dumps(model_schema(), indent=2))
    return 0
