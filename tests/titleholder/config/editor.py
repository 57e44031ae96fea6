"""Checks of model files against dags/models/schema.json, as an editor makes them."""

import json
from datetime import date
from typing import Any

from jsonschema import Draft7Validator

from tests.conftest import REPOSITORY

COMMITTED = REPOSITORY / "dags" / "models" / "schema.json"
SCHEMA = json.loads(COMMITTED.read_text())


def schema_errors(raw: Any) -> list[str]:
    """The schema errors of a file; dates and times of YAML are strings to an editor."""

    def as_json(value: Any) -> Any:
        match value:
            case dict():
                return {
                    str(key) if isinstance(key, int) else key: as_json(v)
                    for key, v in value.items()
                }
            case list():
                return [as_json(item) for item in value]
            case date():
                return value.isoformat()
            case _:
                return value

    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(as_json(raw))]
