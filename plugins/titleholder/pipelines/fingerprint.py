"""What a training learns from, in one digest: rows, compiled pipeline and parameters. No I/O."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from titleholder.labels import Label, digest_from_label, digest_to_label
from titleholder.rollout.view import Version

# Where a pipeline runs, not what it learns from.
_ELSEWHERE = {"project", "location"}


@dataclass(frozen=True)
class TableContent:
    """The rows of an interval: how many, the time of the newest, and two digests of them that do
    not depend on their order, of 64 bits each."""

    rows: int
    newest: datetime | None
    mixed: int
    summed: int


def fingerprint(
    content: TableContent, template: Mapping[str, Any], parameters: Mapping[str, Any]
) -> str:
    """A SHA-256 in hexadecimal, the same for the same rows, pipeline and parameters."""
    newest = content.newest.timestamp() if content.newest else None
    given = {name: value for name, value in parameters.items() if name not in _ELSEWHERE}
    parts = [content.rows, newest, content.mixed, content.summed, template, given]
    # YAML may have given the template a date, which JSON has not.
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint_labels(found: str) -> dict[str, str]:
    """The label that says so, of a pipeline job or a version; none for an empty one."""
    return {Label.FINGERPRINT: digest_to_label(found)} if found else {}


def fingerprint_from_labels(labels: Mapping[str, str]) -> str:
    """The fingerprint that those labels carry; empty when they have none."""
    return digest_from_label(labels.get(Label.FINGERPRINT, ""))


def version_with_fingerprint(found: str, versions: Iterable[Version]) -> Version | None:
    """The newest of the registered versions that has that fingerprint."""
    same = [version for version in versions if found and version.fingerprint == found]
    return max(same, key=lambda version: int(version.number), default=None)
