"""What an editor makes of dags/models/schema.json."""

import json
from datetime import date
from typing import Any

from jsonschema import Draft7Validator

from tests.conftest import REPOSITORY

COMMITTED = REPOSITORY / "dags" / "models" / "schema.json"
SCHEMA = json.loads(COMMITTED.read_text())


def found_by_an_editor(raw: Any) -> list[str]:
    """What the schema says of a file; YAML's dates and times are text to an editor."""

    def plain(value: Any) -> Any:
        match value:
            case dict():
                return {
                    str(key) if isinstance(key, int) else key: plain(v) for key, v in value.items()
                }
            case list():
                return [plain(one) for one in value]
            case date():
                return value.isoformat()
            case _:
                return value

    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(plain(raw))]
