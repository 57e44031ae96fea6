"""The names of BigQuery tables: a query takes none as a parameter, so they become part of it."""

import re

from titleholder.errors import EnvironmentConfigError

_PROJECT = r"([a-z0-9-]+(\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
_WITHIN = r"[\w]{1,1024}\.[\w-]{1,1024}"
# Also for JSON Schema, which is why \w is in brackets: see types.
TABLE = rf"({_PROJECT}\.)?{_WITHIN}"
WRITE_A_TABLE = "write dataset.table or project.dataset.table, as BigQuery names them"


def is_table(name: str) -> bool:
    """Whether that names a table, with or without its project, and is nothing else in a query."""
    return re.fullmatch(TABLE, name) is not None


def full_name(table: str, project: str) -> str:
    """`project.dataset.table` of a table that may lack its project, fit to be part of a query.

    Raises EnvironmentConfigError for what is no name of a table, the project's part included.
    """
    full = f"{project}.{table}" if re.fullmatch(_WITHIN, table) else table
    if not re.fullmatch(rf"{_PROJECT}\.{_WITHIN}", full):
        raise EnvironmentConfigError(f"{full!r} is no name of a BigQuery table; {WRITE_A_TABLE}")
    return full
