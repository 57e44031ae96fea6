"""The runtime parameters that every pipeline run gets by itself: docs/pipeline-contract.md."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class RuntimeParameters:
    """Each field is a parameter of that name. Times are RFC 3339 in UTC; the table's name has its
    project; `min_score` is on the scale of the pipeline's score."""

    project: str
    location: str
    source_table: str
    timestamp_column: str
    interval_start: str
    interval_end: str
    min_score: float


RUNTIME_PARAMETERS = frozenset(field.name for field in fields(RuntimeParameters))
